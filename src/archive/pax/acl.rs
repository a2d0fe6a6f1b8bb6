//! POSIX ACLs: from the kernel's binary attribute to the text that GNU tar and bsdtar put back.
//!
//! Binary form: `linux/posix_acl_xattr.h`, version 2, little endian: tag, permissions, id.

/// The attribute with a file's own ACL.
pub(super) const ACCESS: &[u8] = b"system.posix_acl_access";
/// The attribute with the ACL that new files in a directory get.
pub(super) const DEFAULT: &[u8] = b"system.posix_acl_default";

/// The text form with numeric ids, which mean the same on a machine where a name is missing. `None` for anything that is
/// not an ACL of version 2.
pub(super) fn to_text(binary: &[u8]) -> Option<String> {
    let entries = binary.strip_prefix(&2_u32.to_le_bytes())?;
    if entries.len() % 8 != 0 {
        return None;
    }
    let texts: Option<Vec<String>> = entries.chunks_exact(8).map(entry_text).collect();
    texts.map(|texts| texts.join(","))
}

fn entry_text(entry: &[u8]) -> Option<String> {
    let tag = u16::from_le_bytes([entry[0], entry[1]]);
    let permissions = u16::from_le_bytes([entry[2], entry[3]]);
    let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
    let who = match tag {
        0x01 => "user:".to_owned(),
        0x02 => format!("user:{id}"),
        0x04 => "group:".to_owned(),
        0x08 => format!("group:{id}"),
        0x10 => "mask:".to_owned(),
        0x20 => "other:".to_owned(),
        _ => return None,
    };
    let letter = |bit: u16, letter: char| if permissions & bit == 0 { '-' } else { letter };
    Some(format!("{who}:{}{}{}", letter(4, 'r'), letter(2, 'w'), letter(1, 'x')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_is_written_as_setfacl_understands_it() {
        let mut binary = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in
            [(1_u16, 7_u16, u32::MAX), (2, 5, 1000), (4, 4, u32::MAX), (8, 6, 50), (16, 7, u32::MAX), (32, 0, u32::MAX)]
        {
            binary.extend(tag.to_le_bytes());
            binary.extend(permissions.to_le_bytes());
            binary.extend(id.to_le_bytes());
        }
        let text = to_text(&binary).unwrap();
        assert_eq!(text, "user::rwx,user:1000:r-x,group::r--,group:50:rw-,mask::rwx,other::---");
        assert_eq!(to_text(&binary[..9]), None);
        assert_eq!(to_text(&[1, 0, 0, 0]), None);
    }
}
