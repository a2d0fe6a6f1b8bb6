//! Who asks, and what they may. The kernel says who it is; the message never does.

use std::ffi::CString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use carelog_rpc::Request;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::unix::UCred;

use crate::audit::Actor;
use crate::config::{Access, Principal};
use crate::model::Requester;

/// What a peer may do; each includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Nothing.
    Nobody,
    /// Look.
    Viewer,
    /// Back up and verify.
    Operator,
    /// Everything: what reveals or writes content, and what removes backups.
    Admin,
}

impl Role {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// The least role for a request. Cancelling is looked at again: an operator may cancel only jobs of their own.
pub(super) const fn needed_for(request: &Request) -> Role {
    match request {
        Request::Status
        | Request::List(_)
        | Request::Show { .. }
        | Request::Jobs(_)
        | Request::Job { .. }
        | Request::JobReport { .. }
        | Request::WatchJob { .. }
        | Request::Schedules
        | Request::NextDue { .. }
        | Request::Alerts { .. } => Role::Viewer,
        Request::Backup(_)
        | Request::Verify { .. }
        | Request::CancelJob { .. }
        | Request::RunSchedule { .. }
        | Request::TestAlerts
        | Request::AcknowledgeAlert { .. } => Role::Operator,
        Request::Restore(_)
        | Request::Delete { .. }
        | Request::Download { .. }
        | Request::Hold { .. }
        | Request::Release { .. }
        | Request::Reload
        | Request::PlanPrune
        | Request::Prune { .. }
        | Request::RestoreDeleted { .. }
        | Request::PauseSchedule { .. }
        | Request::ResumeSchedule { .. }
        | Request::AuditList(_)
        | Request::AuditVerify => Role::Admin,
    }
}

/// A peer.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) requester: Requester,
    pub(super) login_uid: Option<u32>,
    uid: u32,
    gid: u32,
    name: Option<String>,
}

impl Caller {
    pub(super) fn of(peer: UCred) -> Self {
        let uid = peer.uid();
        let name = User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
        let user = name.clone().unwrap_or_else(|| format!("uid:{uid}"));
        let requester = Requester { user, uid: Some(uid), via: "socket".to_owned(), on_behalf_of: None };
        Self { requester, login_uid: peer.pid().and_then(login_uid), uid, gid: peer.gid(), name }
    }

    pub(super) fn actor(&self) -> Actor {
        Actor::of(&self.requester, self.login_uid)
    }

    /// The role that the configuration gives them, by the groups that the system has now.
    pub(super) fn role(&self, access: &Access) -> Role {
        if self.uid == rustix::process::geteuid().as_raw() {
            return Role::Admin;
        }
        let groups = self.groups();
        let lists = [(Role::Admin, &access.admin), (Role::Operator, &access.operator), (Role::Viewer, &access.viewer)];
        let listed = |list: &[Principal]| list.iter().any(|principal| self.is(principal, &groups));
        lists.into_iter().find(|(_, list)| listed(list)).map_or(Role::Nobody, |(role, _)| role)
    }

    /// Whether they themselves may make files in a directory, by its owner, group and mode.
    pub(super) fn may_write_to(&self, directory: &Metadata) -> bool {
        if self.uid == 0 || self.uid == rustix::process::geteuid().as_raw() {
            return true;
        }
        let bits = if directory.uid() == self.uid {
            directory.mode() >> 6
        } else if self.groups().contains(&Gid::from_raw(directory.gid())) {
            directory.mode() >> 3
        } else {
            directory.mode()
        };
        bits & 0o3 == 0o3
    }

    fn is(&self, principal: &Principal, groups: &[Gid]) -> bool {
        match principal {
            Principal::User(name) => self.name.as_ref() == Some(name),
            Principal::Group(name) => {
                let group = Group::from_name(name).ok().flatten();
                group.is_some_and(|group| groups.contains(&group.gid))
            }
        }
    }

    fn groups(&self) -> Vec<Gid> {
        let primary = Gid::from_raw(self.gid);
        let name = self.name.as_deref().and_then(|name| CString::new(name).ok());
        name.and_then(|name| getgrouplist(&name, primary).ok()).unwrap_or_else(|| vec![primary])
    }
}

/// The user that logged in, whom sudo does not change. `None` where nobody did.
fn login_uid(pid: i32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/loginuid")).ok()?;
    text.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(uid: u32, name: Option<&str>) -> Caller {
        let user = name.map_or_else(|| format!("uid:{uid}"), str::to_owned);
        let requester = Requester { user, uid: Some(uid), via: "socket".to_owned(), on_behalf_of: None };
        Caller { requester, login_uid: None, uid, gid: u32::MAX - 7, name: name.map(str::to_owned) }
    }

    fn access(admin: &[&str], operator: &[&str], viewer: &[&str]) -> Access {
        let list = |names: &[&str]| {
            names
                .iter()
                .map(|name| match name.strip_prefix('@') {
                    Some(group) => Principal::Group(group.to_owned()),
                    None => Principal::User((*name).to_owned()),
                })
                .collect()
        };
        Access { admin: list(admin), operator: list(operator), viewer: list(viewer) }
    }

    #[test]
    fn the_highest_list_that_names_a_user_counts() {
        let access = access(&["root"], &["anna"], &["anna", "ben"]);
        assert_eq!(caller(4_000_001, Some("anna")).role(&access), Role::Operator);
        assert_eq!(caller(4_000_002, Some("ben")).role(&access), Role::Viewer);
        assert_eq!(caller(4_000_003, Some("carl")).role(&access), Role::Nobody);
    }

    #[test]
    fn a_user_without_a_name_is_nobody_whatever_is_listed() {
        assert_eq!(caller(4_000_001, None).role(&access(&["uid:4000001"], &[], &[])), Role::Nobody);
    }

    #[test]
    fn the_daemons_own_user_is_admin() {
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(caller(own, None).role(&access(&[], &[], &[])), Role::Admin);
    }

    #[test]
    fn a_group_counts_by_the_systems_membership() {
        let primary = Group::from_gid(Gid::from_raw(0)).unwrap().unwrap();
        let mut root = caller(4_000_001, Some("root"));
        root.gid = 0;
        let access = access(&[], &[&format!("@{}", primary.name)], &[]);
        assert_eq!(root.role(&access), Role::Operator);
        assert_eq!(caller(4_000_001, Some("anna")).role(&access), Role::Nobody);
    }
}
