//! The decided values of `[hooks]`: programs of the site that run at certain steps of a job.

use std::collections::BTreeSet;
use std::time::Duration;

use toml::de::DeValue;

use super::nearest::nearest;
use super::value::{self, Parsed, wrong_type};

/// A program to run. No shell is in between; what needs one names it: `["/bin/sh", "-c", "…"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The program and its arguments; never empty. A program without a slash is looked for in the hook's PATH.
    pub argv: Vec<String>,
    /// When it is killed, with every process that it started and that did not leave its process group.
    pub timeout: Duration,
    /// The user it runs as.
    pub run_as: String,
}

impl Hook {
    /// The timeout when none is configured.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// The user when none is configured.
    pub const DEFAULT_USER: &str = "root";
}

/// A hook that says whether the application works: it exits 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What it shows, for people.
    pub name: String,
    /// How.
    pub hook: Hook,
}

/// `[hooks]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Before a backup reads anything. If it fails, so does the backup.
    pub before_backup: Option<Hook>,
    /// After a backup, however it ended.
    pub after_backup: Option<Hook>,
    /// Ends the application before a restore puts its data in place. Has to succeed when it is stopped already.
    pub stop_application: Option<Hook>,
    /// Starts it again. Has to succeed when it runs already.
    pub start_application: Option<Hook>,
    /// Each has to pass once the application was started, or the restore is taken back.
    pub probes: Vec<Probe>,
    /// After a restore that succeeded.
    pub after_restore: Option<Hook>,
}

impl Hooks {
    /// Every hook that a restore may run, each with its name.
    pub fn of_restore(&self) -> impl Iterator<Item = (&str, &Hook)> {
        let named = [
            ("stop_application", &self.stop_application),
            ("start_application", &self.start_application),
            ("after_restore", &self.after_restore),
        ];
        let single = named.into_iter().filter_map(|(name, hook)| Some((name, hook.as_ref()?)));
        single.chain(self.probes.iter().map(|probe| (probe.name.as_str(), &probe.hook)))
    }
}

/// A table such as `{ argv = ["systemctl", "stop", "clinic"], timeout = "60s", run_as = "root" }`. An empty `argv` is no
/// hook.
pub(super) fn hook(found: &DeValue<'_>) -> Parsed<Option<Hook>> {
    Fields::of(found, &["argv", "timeout", "run_as"])?.hook()
}

/// A list of such tables, each with a `name`.
pub(super) fn probes(found: &DeValue<'_>) -> Parsed<Vec<Probe>> {
    let items = found.as_array().ok_or_else(|| wrong_type(found, "a list of tables"))?;
    let mut names = BTreeSet::new();
    let mut probes = Vec::with_capacity(items.len());
    for item in items {
        let fields = Fields::of(item.get_ref(), &["name", "argv", "timeout", "run_as"])?;
        let name = fields.text("name", |text| Ok(text.to_owned()))?.filter(|name| !name.is_empty());
        let name = name.ok_or("a probe lacks its name; add name = \"login works\"")?;
        let hook = fields.hook()?.ok_or_else(|| format!("the probe '{name}' has an empty argv; name a program"))?;
        if !names.insert(name.clone()) {
            return Err(format!("two probes are called '{name}'; give each its own name"));
        }
        probes.push(Probe { name, hook });
    }
    Ok(probes)
}

/// The fields of one table, all of them known.
struct Fields<'v, 't> {
    table: &'v toml::de::DeTable<'t>,
}

impl<'v, 't> Fields<'v, 't> {
    fn of(found: &'v DeValue<'t>, known: &[&str]) -> Parsed<Self> {
        let example = "a table such as { argv = [\"/usr/bin/program\", \"argument\"] }";
        let table = found.as_table().ok_or_else(|| wrong_type(found, example))?;
        for key in table.keys().map(|key| key.get_ref().as_ref()) {
            if known.contains(&key) {
                continue;
            }
            return Err(match nearest(key, known.iter().copied()) {
                Some(meant) => format!("unknown key '{key}'; did you mean '{meant}'?"),
                None => format!("unknown key '{key}'; the keys here are: {}", known.join(", ")),
            });
        }
        Ok(Self { table })
    }

    fn hook(&self) -> Parsed<Option<Hook>> {
        let argv = self.get("argv").ok_or("argv is missing; add argv = [\"/usr/bin/program\", \"argument\"]")?;
        let argv = value::list(argv, argument).map_err(|reason| format!("argv: {reason}"))?;
        let timeout = self.text("timeout", value::positive_duration)?.unwrap_or(Hook::DEFAULT_TIMEOUT);
        let run_as = self.text("run_as", user)?.unwrap_or_else(|| Hook::DEFAULT_USER.to_owned());
        match argv.first().map(String::as_str) {
            None => Ok(None),
            Some("") => Err("argv: the program is an empty text; name it".to_owned()),
            Some(_) => Ok(Some(Hook { argv, timeout, run_as })),
        }
    }

    fn text<T>(&self, key: &str, parse: impl Fn(&str) -> Parsed<T>) -> Parsed<Option<T>> {
        let parsed = self.get(key).map(|found| value::text(found, parse)).transpose();
        parsed.map_err(|reason| format!("{key}: {reason}"))
    }

    fn get(&self, key: &str) -> Option<&'v DeValue<'t>> {
        self.table.get(key).map(toml::Spanned::get_ref)
    }
}

fn argument(text: &str) -> Parsed<String> {
    if text.contains('\0') { Err("holds a NUL byte, which no argument can".to_owned()) } else { Ok(text.to_owned()) }
}

fn user(text: &str) -> Parsed<String> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':') {
        return Err(format!("'{text}' is no name of a user"));
    }
    Ok(text.to_owned())
}
