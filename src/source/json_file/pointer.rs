//! Which members of a JSON document are left out: top-level keys, or JSON pointers (RFC 6901) through objects.

use super::super::error::SourceError;

/// Decided exclusions: each is the keys from the top of the document to the member; none is below another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exclusions {
    paths: Vec<Vec<String>>,
}

impl Exclusions {
    /// Understands `rules`: `sessions` is a top-level key, `/users/tokens` a pointer.
    pub(super) fn new(rules: &[String]) -> Result<Self, SourceError> {
        let mut paths = rules.iter().map(|rule| keys_of(rule)).collect::<Result<Vec<_>, _>>()?;
        paths.sort();
        // Sorted, what is below a path comes behind it.
        paths.dedup_by(|later, earlier| later.starts_with(earlier));
        Ok(Self { paths })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths as slices, to walk down with.
    pub(super) fn as_paths(&self) -> Vec<&[String]> {
        self.paths.iter().map(Vec::as_slice).collect()
    }
}

fn keys_of(rule: &str) -> Result<Vec<String>, SourceError> {
    let bad = |reason: &str| SourceError::BadRule { rule: rule.to_owned(), reason: reason.to_owned() };
    let Some(pointer) = rule.strip_prefix('/') else {
        if rule.is_empty() {
            return Err(bad("an empty pointer means the whole document"));
        }
        return Ok(vec![rule.to_owned()]);
    };
    pointer
        .split('/')
        .map(|token| unescape(token).ok_or_else(|| bad("'~' is written '~0' in a JSON pointer")))
        .collect()
}

/// `~1` stands for a slash and `~0` for a tilde (RFC 6901, section 4).
fn unescape(token: &str) -> Option<String> {
    let mut key = String::with_capacity(token.len());
    let mut rest = token.chars();
    while let Some(c) = rest.next() {
        match c {
            '~' => key.push(match rest.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            }),
            c => key.push(c),
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(rules: &[&str]) -> Vec<Vec<String>> {
        Exclusions::new(&rules.iter().map(|&r| r.to_owned()).collect::<Vec<_>>()).unwrap().paths
    }

    #[test]
    fn a_rule_is_a_top_level_key_or_a_pointer() {
        assert_eq!(paths(&["sessions", "/a/b~1c~0"]), [vec!["a", "b/c~"], vec!["sessions"]]);
        assert_eq!(paths(&["/"]), [vec![""]]);
    }

    #[test]
    fn a_rule_below_another_adds_nothing() {
        assert_eq!(paths(&["/a/b", "a", "/a/b/c", "ab"]), [vec!["a"], vec!["ab"]]);
    }

    #[test]
    fn a_rule_that_cannot_be_meant_is_refused() {
        for bad in ["", "/a~2", "/~"] {
            assert!(Exclusions::new(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
