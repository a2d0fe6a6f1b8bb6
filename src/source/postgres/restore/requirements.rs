//! What has to be so that a restore can succeed, looked at before anything is begun: every obstacle is named with what
//! removes it.

use super::super::globals::{Globals, Role};
use super::super::sql::{Identifier, Literal};
use super::facts::Facts;

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

    /// Of a restore of `globals` into a new database.
    pub(super) fn of_new(facts: &Facts, globals: &Globals) -> Self {
        let mut findings = Self::default();
        if facts.is_standby {
            findings.refuse("the server is a standby, which takes no writes: name the primary in url or restore_url");
        }
        if !facts.may_create_databases {
            let user = Identifier(&facts.user);
            findings.refuse(&format!("the role {user} may not create databases: ALTER ROLE {user} CREATEDB;"));
        }
        findings.look_at_roles(facts, globals);
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
        if !database.is_ours {
            let owner = Identifier(&database.owner);
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
            if role.owns && role.name != globals.database.owner && existing.is_some_and(|existing| !existing.is_ours) {
                self.refuse(&format!(
                    "{user} is no member of {name}, which owns something in it: GRANT {name} TO {user};"
                ));
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
                    self.look_at_missing(facts, role, definition.superuser);
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
                let owner = Identifier(owner);
                self.refuse(&format!("{user} is no member of {owner}, which is to own it: GRANT {owner} TO {user};"));
            }
            None if globals.roles.iter().all(|role| role.name != *owner) => {
                let owner = Identifier(owner);
                self.refuse(&format!("its owner {owner} does not exist: CREATE ROLE {owner};"));
            }
            _ => {}
        }
    }

    fn look_at_missing(&mut self, facts: &Facts, role: &Role, is_superuser: bool) {
        let (user, name) = (Identifier(&facts.user), Identifier(&role.name));
        if !facts.may_create_roles {
            self.refuse(&format!(
                "the role {name} does not exist and {user} may not make it: CREATE ROLE {name}; or ALTER ROLE {user} CREATEROLE;"
            ));
        } else if is_superuser && !facts.is_superuser {
            self.refuse(&format!(
                "the role {name} does not exist, was a superuser, and {user} cannot make one: CREATE ROLE {name} SUPERUSER;"
            ));
        } else {
            self.warn(&format!("the role {name} does not exist and is made as the backup has it"));
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
        let exists = |name: &String| facts.tablespaces.contains(name);
        let own = &globals.database.tablespace;
        if !exists(own) {
            let name = Identifier(own);
            self.warn(&format!("the tablespace {name} does not exist: the database comes to lie in the default one"));
        }
        for tablespace in globals.tablespaces.iter().filter(|name| *name != own && !exists(name)) {
            let name = Identifier(tablespace);
            self.refuse(&format!(
                "the tablespace {name}, in which something of it lies, does not exist: CREATE TABLESPACE {name} LOCATION \
                 '…';"
            ));
        }
    }

    fn refuse(&mut self, why: &str) {
        self.refusals.push(why.to_owned());
    }

    fn warn(&mut self, what: &str) {
        self.warnings.push(what.to_owned());
    }
}
