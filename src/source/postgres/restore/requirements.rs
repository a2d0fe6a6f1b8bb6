//! What has to be so that a restore can succeed, looked at before anything is begun: every obstacle is named with what
//! removes it.

use std::collections::BTreeSet;

use super::super::super::shown::shown;
use super::super::globals::{Globals, Role, RoleDefinition};
use super::super::sql::{Identifier, Literal};
use super::facts::{ExistingRole, Facts};

/// What stands in the way, and what a person should know.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Each of them makes the restore fail, or would lose something.
    pub(super) refusals: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Findings {
    /// Of a restore of `globals` in the place of the database `live`.
    pub(super) fn of(facts: &Facts, live: &str, globals: &Globals) -> Self {
        let mut findings = Self::of_new(facts, globals);
        findings.look_at_live(facts, live);
        findings
    }

    /// Of bringing back what is kept in the place of the database `live`: nothing is made or loaded.
    pub(super) fn of_kept(facts: &Facts, live: &str) -> Self {
        let mut findings = Self::default();
        findings.look_at_server(facts);
        findings.look_at_live(facts, live);
        findings
    }

    /// Of a restore of `globals` into a new database.
    pub(super) fn of_new(facts: &Facts, globals: &Globals) -> Self {
        let mut findings = Self::default();
        findings.look_at_server(facts);
        findings.look_at_roles(facts, globals);
        findings.look_at_grantors(facts, globals);
        findings.look_at_extensions(facts, globals);
        findings.look_at_tablespaces(facts, globals);
        if !facts.is_superuser {
            for what in &globals.needs_superuser {
                findings.refuse(&format!(
                    "only a superuser can make {what} again, and {} is none: name one in restore_url",
                    Identifier(&facts.user)
                ));
            }
        }
        findings
    }

    fn look_at_server(&mut self, facts: &Facts) {
        if facts.is_standby {
            self.refuse("the server is a standby, which takes no writes: name the primary in url or restore_url");
        }
        // To rename one takes it as well.
        if !facts.may_create_databases {
            let user = Identifier(&facts.user);
            self.refuse(&format!("the role {user} may not create databases: ALTER ROLE {user} CREATEDB;"));
        }
    }

    fn look_at_live(&mut self, facts: &Facts, live: &str) {
        let user = Identifier(&facts.user);
        for gid in &facts.prepared {
            let gid = Literal(gid);
            self.refuse(&format!(
                "the transaction {gid} is prepared in it and would be lost: in {live}, COMMIT PREPARED {gid}; or ROLLBACK \
                 PREPARED {gid};"
            ));
        }
        for slot in &facts.slots {
            let slot = Literal(slot);
            self.refuse(&format!(
                "the replication slot {slot} follows it and would go on with what is replaced: SELECT \
                 pg_drop_replication_slot({slot});"
            ));
        }
        for subscription in &facts.subscriptions {
            let name = Identifier(subscription);
            self.refuse(&format!(
                "the subscription {name} writes to it: in {live}, ALTER SUBSCRIPTION {name} DISABLE; ALTER SUBSCRIPTION {name} \
                 SET (slot_name = NONE); DROP SUBSCRIPTION {name}; and drop its slot on the publisher"
            ));
        }
        let Some(database) = &facts.live else {
            self.warn(&format!("there is no database {live} now, so nothing is replaced"));
            return;
        };
        let owner = Identifier(&database.owner);
        if !database.is_ours && database.of_superuser {
            let live = Identifier(live);
            self.refuse(&format!(
                "{user} may not rename it, because it belongs to {owner}, who is a superuser: name a superuser in restore_url, or \
                 give it to another: ALTER DATABASE {live} OWNER TO …;"
            ));
        } else if !database.is_ours {
            self.refuse(&format!("{user} may not rename it, because it belongs to {owner}: GRANT {owner} TO {user};"));
        }
        if !facts.may_signal {
            self.refuse(&format!(
                "{user} may not end the connections of others to it: GRANT pg_signal_backend TO {user};"
            ));
        }
    }

    fn look_at_roles(&mut self, facts: &Facts, globals: &Globals) {
        let user = Identifier(&facts.user);
        for role in &globals.roles {
            let name = Identifier(&role.name);
            let existing = facts.roles.iter().find(|existing| existing.name == role.name);
            if role.owns
                && role.name != globals.database.owner
                && let Some(existing) = existing.filter(|existing| !existing.is_ours)
            {
                let what = format!("{user} is no member of {name}, which owns something in it");
                self.refuse(&format!("{what}: {}", membership(existing, &facts.user)));
            }
            match (existing, &role.definition) {
                (Some(existing), Some(definition)) => {
                    let differences = existing.differences(definition);
                    if !differences.is_empty() {
                        let differences = differences.join("; ");
                        self.warn(&format!("the role {name} exists and is left as it is: {differences} in the backup"));
                    }
                }
                (Some(_), None) => {}
                (None, None) => {
                    self.refuse(&format!(
                        "the role {name}, which the backup needs, does not exist: CREATE ROLE {name};"
                    ));
                }
                (None, Some(definition)) => {
                    self.look_at_missing(facts, role, definition);
                    if definition.login && definition.password.is_none() {
                        self.warn(&format!(
                            "the role {name} is made without a password, because the backup holds none: ALTER ROLE {name} \
                             PASSWORD …;"
                        ));
                    }
                }
            }
        }
        let owner = &globals.database.owner;
        let existing = facts.roles.iter().find(|existing| existing.name == *owner);
        match existing {
            Some(existing) if !existing.is_ours => {
                let what = format!("{user} is no member of {}, which is to own it", Identifier(owner));
                self.refuse(&format!("{what}: {}", membership(existing, &facts.user)));
            }
            None if globals.roles.iter().all(|role| role.name != *owner) => {
                let owner = Identifier(owner);
                self.refuse(&format!("its owner {owner} does not exist: CREATE ROLE {owner};"));
            }
            _ => {}
        }
    }

    fn look_at_missing(&mut self, facts: &Facts, role: &Role, definition: &RoleDefinition) {
        let (user, name) = (Identifier(&facts.user), Identifier(&role.name));
        let only_by_superusers = [
            ("SUPERUSER", definition.superuser),
            ("REPLICATION", definition.replication),
            ("BYPASSRLS", definition.bypass_rls),
        ];
        let beyond_us: Vec<&str> = only_by_superusers
            .into_iter()
            .filter(|(_, has)| *has && !facts.is_superuser)
            .map(|(word, _)| word)
            .collect();
        if !beyond_us.is_empty() {
            let words = beyond_us.join(" ");
            self.refuse(&format!(
                "the role {name} does not exist, had {words}, which only a superuser can give, and {user} is none: CREATE \
                 ROLE {name} {words}; by a superuser"
            ));
        } else if !facts.may_create_roles {
            self.refuse(&format!(
                "the role {name} does not exist and {user} may not make it: CREATE ROLE {name}; or ALTER ROLE {user} CREATEROLE;"
            ));
        } else {
            self.warn(&format!("the role {name} does not exist and is made as the backup has it"));
        }
    }

    /// Who was given a right on the database and gave it on has to be become, to give it on again.
    fn look_at_grantors(&mut self, facts: &Facts, globals: &Globals) {
        let user = Identifier(&facts.user);
        let grantors: BTreeSet<&String> = globals.grants.iter().flatten().map(|grant| &grant.grantor).collect();
        for grantor in grantors.into_iter().filter(|grantor| **grantor != globals.database.owner) {
            let owns = globals.roles.iter().any(|role| role.name == *grantor && role.owns);
            let existing = facts.roles.iter().find(|existing| existing.name == *grantor);
            if !owns && let Some(existing) = existing.filter(|existing| !existing.is_ours) {
                let what = format!("{user} is no member of {}, which gave others rights on it", Identifier(grantor));
                self.refuse(&format!("{what}: {}", membership(existing, &facts.user)));
            }
        }
    }

    fn look_at_extensions(&mut self, facts: &Facts, globals: &Globals) {
        for extension in &globals.extensions {
            let name = Identifier(&extension.name);
            match facts.extensions.iter().find(|(available, _)| *available == extension.name) {
                None => self.refuse(&format!(
                    "the extension {name} is not installed on the server: install the package that brings it (often \
                     postgresql-contrib or postgresql-VERSION-NAME)"
                )),
                Some((_, version)) if *version != extension.version => self.warn(&format!(
                    "the extension {name} has version {version} here, {} in the backup",
                    extension.version
                )),
                Some(_) => {}
            }
        }
    }

    fn look_at_tablespaces(&mut self, facts: &Facts, globals: &Globals) {
        let find = |name: &String| facts.tablespaces.iter().find(|existing| existing.name == *name);
        let own = &globals.database.tablespace;
        if find(own).is_none() {
            let name = Identifier(own);
            self.warn(&format!("the tablespace {name} does not exist: the database comes to lie in the default one"));
        }
        for tablespace in globals.tablespaces.iter().filter(|name| *name != own && find(name).is_none()) {
            let name = Identifier(tablespace);
            self.refuse(&format!(
                "the tablespace {name}, in which something of it lies, does not exist: CREATE TABLESPACE {name} LOCATION \
                 '…';"
            ));
        }
        // Who names the default one gets it without being asked.
        let needed: BTreeSet<&String> = globals.tablespaces.iter().chain([own]).collect();
        let not_ours = needed.into_iter().filter(|name| *name != "pg_default").filter_map(find);
        for tablespace in not_ours.filter(|existing| !existing.may_create) {
            let (user, name) = (Identifier(&facts.user), Identifier(&tablespace.name));
            self.refuse(&format!(
                "{user} may not put anything into the tablespace {name}: GRANT CREATE ON TABLESPACE {name} TO {user};"
            ));
        }
    }

    fn refuse(&mut self, why: &str) {
        self.refusals.push(in_one_line(why));
    }

    fn warn(&mut self, what: &str) {
        self.warnings.push(in_one_line(what));
    }
}

/// How `user` gets the rights of `role`. To be given those of a superuser would be to be one.
fn membership(role: &ExistingRole, user: &str) -> String {
    let (name, user) = (Identifier(&role.name), Identifier(user));
    match role.superuser {
        true => format!(
            "{name} is a superuser, so name a superuser in restore_url, or give to another what it owns and back up again"
        ),
        false => format!("GRANT {name} TO {user};"),
    }
}

/// Each fault is a line of its own, whatever a name in it holds.
fn in_one_line(text: &str) -> String {
    shown(text.as_bytes())
}
