//! The decided values of `[access]`: who may do what. Which of them a peer is, the server decides.

use std::fmt;

/// A user or a group of the system, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A user, written as `name`.
    User(String),
    /// The members of a group, written as `@name`.
    Group(String),
}

impl Principal {
    /// Reads `name` or `@group`.
    ///
    /// # Errors
    /// A sentence for people, when it is neither.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, is_group) = text.strip_prefix('@').map_or((text, false), |group| (group, true));
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@' || c == ':') {
            return Err(format!("'{text}' is neither a user nor a group; write \"name\" or \"@group\""));
        }
        Ok(if is_group { Self::Group(name.to_owned()) } else { Self::User(name.to_owned()) })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => f.write_str(name),
            Self::Group(name) => write!(f, "@{name}"),
        }
    }
}

/// `[access]`: the lists of the three roles, each including the rights of the next. The user that the daemon runs as is
/// always an admin, whatever is written here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// May do everything.
    pub admin: Vec<Principal>,
    /// May also back up and verify.
    pub operator: Vec<Principal>,
    /// May look.
    pub viewer: Vec<Principal>,
}

impl Default for Access {
    fn default() -> Self {
        let group = |name: &str| Principal::Group(name.to_owned());
        Self {
            admin: vec![Principal::User("root".to_owned()), group("carelog-admin")],
            operator: vec![group("carelog-operator")],
            viewer: vec![group("carelog")],
        }
    }
}
