//! [`Globals`] as SQL: each function gives whole statements, for the database's own name or for another, because a restore
//! first makes it under another name.

use std::fmt::Write as _;

use super::super::sql::{Identifier, Literal};
use super::{Globals, LocaleProvider, Role, RoleDefinition, Setting};

/// Parameters whose value is a list of names, each quoted where it has to be. `SET` would take the whole text for one name
/// (`variable_is_guc_list_quote` in PostgreSQL's src/bin/pg_dump/dumputils.c).
const LISTS_OF_NAMES: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

impl Globals {
    /// `CREATE DATABASE` for an empty database like it, called `name`, in `tablespace` if one is given. The connection
    /// limit and what else could hinder loading it come with [`finish`](Self::finish).
    pub(in super::super) fn create(&self, name: &str, tablespace: Option<&str>) -> String {
        let database = &self.database;
        let mut sql = format!(
            "CREATE DATABASE {} WITH TEMPLATE template0 OWNER {} ENCODING {}",
            Identifier(name),
            Identifier(&database.owner),
            Literal(&database.encoding)
        );
        let mut add = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                let _infallible = write!(sql, " {key} {}", Literal(value));
            }
        };
        add("LC_COLLATE", Some(&database.collate));
        add("LC_CTYPE", Some(&database.ctype));
        // Servers before 15 know neither; there is only libc.
        match database.locale_provider {
            LocaleProvider::Libc => {}
            LocaleProvider::Icu => {
                add("LOCALE_PROVIDER", Some("icu"));
                add("ICU_LOCALE", database.locale.as_deref());
                add("ICU_RULES", database.icu_rules.as_deref());
            }
            LocaleProvider::Builtin => {
                add("LOCALE_PROVIDER", Some("builtin"));
                add("BUILTIN_LOCALE", database.locale.as_deref());
            }
        }
        if database.locale_provider == LocaleProvider::Libc && self.server_version.major() >= 15 {
            add("LOCALE_PROVIDER", Some("libc"));
        }
        if let Some(tablespace) = tablespace {
            let _infallible = write!(sql, " TABLESPACE {}", Identifier(tablespace));
        }
        sql.push(';');
        sql
    }

    /// `ALTER DATABASE … SET` and `ALTER ROLE … IN DATABASE … SET`.
    pub(in super::super) fn settings(&self, name: &str) -> Vec<String> {
        let statement = |setting: &Setting| {
            let of = match &setting.role {
                Some(role) => format!("ROLE {} IN DATABASE {}", Identifier(role), Identifier(name)),
                None => format!("DATABASE {}", Identifier(name)),
            };
            format!("ALTER {of} SET {};", assignment(setting))
        };
        self.settings.iter().map(statement).collect()
    }

    /// Takes the default rights away and gives those that were given. Nothing when they were never changed.
    pub(in super::super) fn grants(&self, name: &str) -> Vec<String> {
        let Some(grants) = &self.grants else { return Vec::new() };
        let (name, owner) = (Identifier(name), &self.database.owner);
        let mut statements = vec![
            format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC;"),
            format!("REVOKE ALL ON DATABASE {name} FROM {};", Identifier(owner)),
        ];
        // What others gave on they could only give after it was given to them.
        let (by_owner, by_others): (Vec<_>, Vec<_>) = grants.iter().partition(|grant| grant.grantor == *owner);
        for grant in by_owner.into_iter().chain(by_others) {
            let grantee =
                grant.grantee.as_ref().map_or_else(|| "PUBLIC".to_owned(), |role| Identifier(role).to_string());
            let option = if grant.with_grant_option { " WITH GRANT OPTION" } else { "" };
            let statement = format!("GRANT {} ON DATABASE {name} TO {grantee}{option};", grant.privilege);
            if grant.grantor == *owner {
                statements.push(statement);
            } else {
                statements.extend([
                    format!("SET ROLE {};", Identifier(&grant.grantor)),
                    statement,
                    "RESET ROLE;".to_owned(),
                ]);
            }
        }
        statements
    }

    /// What else belongs to the database and may stand in the way of loading it: its comment, labels, connection limit,
    /// and whether it is a template. Whether it allows connections is not among it: a script that ends so would lock
    /// its own reader out.
    pub(in super::super) fn finish(&self, name: &str) -> Vec<String> {
        let (name, database) = (Identifier(name), &self.database);
        let mut statements = Vec::new();
        if let Some(comment) = &database.comment {
            statements.push(format!("COMMENT ON DATABASE {name} IS {};", Literal(comment)));
        }
        for label in &self.security_labels {
            let (provider, label) = (Identifier(&label.provider), Literal(&label.label));
            statements.push(format!("SECURITY LABEL FOR {provider} ON DATABASE {name} IS {label};"));
        }
        if database.connection_limit != -1 {
            statements.push(format!("ALTER DATABASE {name} CONNECTION LIMIT {};", database.connection_limit));
        }
        if database.is_template {
            statements.push(format!("ALTER DATABASE {name} IS_TEMPLATE true;"));
        }
        statements
    }
}

impl Role {
    /// Makes the role; nothing when only its name is known. Its memberships come with [`memberships`](Self::memberships),
    /// after every role was made.
    pub(in super::super) fn create(&self) -> Vec<String> {
        let Some(definition) = &self.definition else { return Vec::new() };
        let name = Identifier(&self.name);
        let mut statements = vec![format!("CREATE ROLE {name} WITH {};", attributes(definition))];
        if let Some(comment) = &definition.comment {
            statements.push(format!("COMMENT ON ROLE {name} IS {};", Literal(comment)));
        }
        let settings = definition.settings.iter();
        statements.extend(settings.map(|setting| format!("ALTER ROLE {name} SET {};", assignment(setting))));
        statements
    }

    /// Makes it a member of what it was a member of.
    pub(in super::super) fn memberships(&self) -> Vec<String> {
        let memberships = self.definition.iter().flat_map(|definition| &definition.member_of);
        let statement = |membership: &super::Membership| {
            let mut options = Vec::new();
            if membership.admin_option {
                options.push("ADMIN OPTION".to_owned());
            }
            let named = [("INHERIT", membership.inherit_option), ("SET", membership.set_option)];
            // ADMIN OPTION alone is what servers before 16 understand; from 16 on each is said by name.
            options.extend(named.iter().filter_map(|(key, value)| value.map(|value| format!("{key} {value}"))));
            let with = if options.is_empty() { String::new() } else { format!(" WITH {}", options.join(", ")) };
            format!("GRANT {} TO {}{with};", Identifier(&membership.role), Identifier(&self.name))
        };
        memberships.map(statement).collect()
    }
}

fn attributes(definition: &RoleDefinition) -> String {
    let word = |yes: bool, word: &str| format!("{}{word}", if yes { "" } else { "NO" });
    let mut attributes = vec![
        word(definition.superuser, "SUPERUSER"),
        word(definition.inherit, "INHERIT"),
        word(definition.create_role, "CREATEROLE"),
        word(definition.create_database, "CREATEDB"),
        word(definition.login, "LOGIN"),
        word(definition.replication, "REPLICATION"),
        word(definition.bypass_rls, "BYPASSRLS"),
    ];
    if definition.connection_limit != -1 {
        attributes.push(format!("CONNECTION LIMIT {}", definition.connection_limit));
    }
    if let Some(until) = &definition.valid_until {
        attributes.push(format!("VALID UNTIL {}", Literal(until)));
    }
    if let Some(password) = &definition.password {
        attributes.push(format!("PASSWORD {}", Literal(password)));
    }
    attributes.join(" ")
}

/// `name TO value`, a list of names as one text for each.
fn assignment(setting: &Setting) -> String {
    let value = if LISTS_OF_NAMES.contains(&setting.name.to_ascii_lowercase().as_str()) {
        let names = names_in(&setting.value);
        // An empty list is one empty text; that is how PostgreSQL writes it too.
        if names.is_empty() {
            "''".to_owned()
        } else {
            names.iter().map(|name| Literal(name).to_string()).collect::<Vec<_>>().join(", ")
        }
    } else {
        Literal(&setting.value).to_string()
    };
    format!("{} TO {value}", Identifier(&setting.name))
}

/// The names of a list such as `"$user", public`: in double quotes where they hold more than letters, quotes doubled.
fn names_in(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = list.trim_start();
    while !rest.is_empty() {
        let mut name = String::new();
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut letters = quoted.char_indices().peekable();
            let mut end = quoted.len();
            while let Some((at, letter)) = letters.next() {
                if letter != '"' {
                    name.push(letter);
                } else if letters.next_if(|(_, next)| *next == '"').is_some() {
                    name.push('"');
                } else {
                    end = at + 1;
                    break;
                }
            }
            rest = &quoted[end..];
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            name.push_str(rest[..end].trim_end());
            rest = &rest[end..];
        }
        names.push(name);
        rest = rest.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::member::tests::globals;
    use super::*;
    use crate::source::postgres::globals::Grant;

    #[test]
    fn a_list_of_names_is_set_name_by_name() {
        let setting = |name: &str, value: &str| Setting { role: None, name: name.to_owned(), value: value.to_owned() };
        assert_eq!(
            assignment(&setting("search_path", r#""$user", "a ""b"", c", public"#)),
            r#""search_path" TO '$user', 'a "b", c', 'public'"#
        );
        assert_eq!(assignment(&setting("search_path", r#""""#)), r#""search_path" TO ''"#);
        assert_eq!(assignment(&setting("search_path", "")), r#""search_path" TO ''"#);
        assert_eq!(assignment(&setting("DateStyle", "ISO, DMY")), r#""DateStyle" TO 'ISO, DMY'"#);
        assert_eq!(assignment(&setting("app.path", r"C:\it's")), r#""app.path" TO E'C:\\it''s'"#);
    }

    #[test]
    fn rights_are_given_by_those_who_gave_them_and_the_owners_first() {
        let mut globals = globals();
        let grant = |grantor: &str, grantee: Option<&str>, with_grant_option| Grant {
            grantor: grantor.to_owned(),
            grantee: grantee.map(str::to_owned),
            privilege: "CONNECT".to_owned(),
            with_grant_option,
        };
        globals.grants = Some(vec![grant("nurse", None, false), grant("doctor", Some("nurse"), true)]);
        assert_eq!(
            globals.grants("new"),
            [
                r#"REVOKE ALL ON DATABASE "new" FROM PUBLIC;"#,
                r#"REVOKE ALL ON DATABASE "new" FROM "doctor";"#,
                r#"GRANT CONNECT ON DATABASE "new" TO "nurse" WITH GRANT OPTION;"#,
                r#"SET ROLE "nurse";"#,
                r#"GRANT CONNECT ON DATABASE "new" TO PUBLIC;"#,
                "RESET ROLE;",
            ]
        );
        globals.grants = None;
        assert!(globals.grants("new").is_empty());
    }

    #[test]
    fn a_database_is_made_as_its_locale_was() {
        let mut globals = globals();
        assert_eq!(
            globals.create("new", Some("fast disk")),
            "CREATE DATABASE \"new\" WITH TEMPLATE template0 OWNER \"doctor\" ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' \
             LC_CTYPE 'C.UTF-8' LOCALE_PROVIDER 'libc' TABLESPACE \"fast disk\";"
        );
        globals.database.locale_provider = LocaleProvider::Icu;
        globals.database.locale = Some("de-AT".to_owned());
        assert!(globals.create("new", None).contains("LOCALE_PROVIDER 'icu' ICU_LOCALE 'de-AT';"));
    }
}
