use proptest::prelude::*;

use super::*;
use crate::archive::manifest::Mtime;

fn header(path: &[u8], meta: &Meta, body: Body<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    append_header(&mut out, Member { path, meta, body });
    assert_eq!(out.len() % BLOCK, 0);
    out
}

/// Reads the records of a pax header by their lengths, as POSIX says.
fn records(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let first = Header::from_byte_slice(&bytes[..BLOCK]);
    if first.entry_type() != EntryType::XHeader {
        return Vec::new();
    }
    let size = usize::try_from(first.size().unwrap()).unwrap();
    let mut rest = &bytes[BLOCK..BLOCK + size];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let space = rest.iter().position(|&b| b == b' ').unwrap();
        let length: usize = str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
        let record = &rest[space + 1..length];
        assert_eq!(record.last(), Some(&b'\n'));
        let equals = record.iter().position(|&b| b == b'=').unwrap();
        found.push((record[..equals].to_vec(), record[equals + 1..record.len() - 1].to_vec()));
        rest = &rest[length..];
    }
    found
}

fn main_header(bytes: &[u8]) -> &Header {
    Header::from_byte_slice(&bytes[bytes.len() - BLOCK..])
}

proptest! {
    #[test]
    fn any_value_survives_in_a_record(key in "[A-Za-z.]{1,20}", value in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut meta = Meta::default();
        meta.xattrs.insert(key.as_bytes().to_vec(), value.clone());
        let found = records(&header(b"a", &meta, Body::File(0)));
        prop_assert_eq!(found, vec![(format!("SCHILY.xattr.{key}").into_bytes(), value)]);
    }

    #[test]
    fn any_path_is_told_in_header_or_record(path in prop::collection::vec(1_u8..=255, 1..400)) {
        let bytes = header(&path, &Meta::default(), Body::File(0));
        let record = records(&bytes).into_iter().find(|(key, _)| key == b"path").map(|(_, value)| value);
        let told = record.unwrap_or_else(|| main_header(&bytes).path_bytes().into_owned());
        prop_assert_eq!(told, path);
    }

    #[test]
    fn any_number_is_told_in_header_or_record(size in any::<u64>(), uid in any::<u32>(), gid in any::<u32>()) {
        let meta = Meta { uid, gid, ..Meta::default() };
        let bytes = header(b"a", &meta, Body::File(size));
        let main = main_header(&bytes);
        prop_assert_eq!(main.uid().unwrap(), u64::from(uid));
        prop_assert_eq!(main.gid().unwrap(), u64::from(gid));
        prop_assert_eq!(main.size().unwrap(), size);
        let found = records(&bytes);
        prop_assert_eq!(found.iter().any(|(key, _)| key == b"size"), size > ELEVEN_DIGITS);
        prop_assert_eq!(found.iter().any(|(key, _)| key == b"uid"), uid > SEVEN_DIGITS);
    }
}

#[test]
fn an_attribute_that_looks_like_records_stays_a_value() {
    let mut meta = Meta::default();
    let hostile = b"x\n30 path=../../etc/passwd\n".to_vec();
    meta.xattrs.insert(b"user.note".to_vec(), hostile.clone());
    assert_eq!(records(&header(b"a", &meta, Body::File(0))), [(b"SCHILY.xattr.user.note".to_vec(), hostile)]);
}

#[test]
fn a_record_counts_its_own_length() {
    for length in (0..120).chain(980..1005).chain(9980..10005) {
        let mut records = Records::default();
        records.push(b"k", &vec![b'v'; length]);
        let text = str::from_utf8(&records.0).unwrap();
        let (told, _) = text.split_once(' ').unwrap();
        assert_eq!(told.parse(), Ok(records.0.len()));
    }
}

#[test]
fn times_are_written_as_one_decimal_number() {
    assert_eq!(decimal(1, 500_000_000), "1.5");
    assert_eq!(decimal(-2, 500_000_000), "-1.5");
    assert_eq!(decimal(-1, 1), "-0.999999999");
    let meta = |seconds, nanoseconds| Meta { mtime: Mtime { seconds, nanoseconds }, ..Meta::default() };
    let before = header(b"a", &meta(-86_400, 0), Body::File(0));
    assert_eq!(before.len(), BLOCK, "whole seconds need no record");
    assert_eq!(main_header(&before).as_old().mtime[..5], [0xff; 5]);
}

#[test]
fn a_sparse_map_tells_the_hole_at_the_end() {
    let map = sparse_map(10_000, &[Segment { offset: 4096, length: 10 }]);
    assert_eq!(map.len(), BLOCK);
    assert!(map.starts_with(b"2\n4096\n10\n10000\n0\n\0"));
    assert!(sparse_map(10, &[Segment { offset: 0, length: 10 }]).starts_with(b"1\n0\n10\n\0"));
}

#[test]
fn long_paths_split_at_a_slash_before_they_need_a_record() {
    let path = [vec![b'd'; 120], b"/".to_vec(), vec![b'f'; 90]].concat();
    let bytes = header(&path, &Meta::default(), Body::File(0));
    assert_eq!(bytes.len(), BLOCK);
    assert_eq!(main_header(&bytes).path_bytes().into_owned(), path);
}
