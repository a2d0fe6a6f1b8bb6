//! From the text to the known keys with their lines. Whatever the schema does not know, or cannot honour yet, ends here.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::problem::{ConfigErrors, Origin, Problems};
use super::schema::{self, Form, Section, Support};

/// The file as text.
///
/// # Errors
/// One problem that says why it cannot be had.
pub(super) fn read_file(file: &Path) -> Result<String, ConfigErrors> {
    std::fs::read_to_string(file).map_err(|error| {
        let next_step = match error.kind() {
            std::io::ErrorKind::NotFound => "name the file with --config, or copy the commented default there",
            std::io::ErrorKind::InvalidData => "save it as UTF-8",
            _ => "let the user that carelogd runs as read it",
        };
        let mut problems = Problems::new(file);
        problems.add(Origin::File, "", format!("cannot be read: {error}; {next_step}"));
        problems.into_errors()
    })
}

/// The value of a key, and where it stands.
pub(super) struct Field<'t> {
    pub(super) origin: Origin,
    pub(super) value: DeValue<'t>,
}

/// One section, or one element of a list of sections.
pub(super) struct Fields<'t> {
    /// How its keys are called in messages: `backup`, `source.data`.
    pub(super) name: String,
    /// Where it begins.
    pub(super) origin: Origin,
    fields: BTreeMap<&'static str, Field<'t>>,
}

impl<'t> Fields<'t> {
    /// The value of `key`, when it is given.
    pub(super) fn get(&self, key: &str) -> Option<&Field<'t>> {
        self.fields.get(key)
    }

    /// How `key` is called in messages.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }
}

/// The sections that are there.
#[derive(Default)]
pub(super) struct Document<'t> {
    tables: BTreeMap<&'static str, Fields<'t>>,
    /// Also those that were written in a form that had to be refused; these are empty.
    lists: BTreeMap<&'static str, Vec<Fields<'t>>>,
}

impl<'t> Document<'t> {
    /// Reads `text`; `None` when it is not TOML, which leaves nothing else to look at.
    pub(super) fn parse(text: &'t str, problems: &mut Problems) -> Option<Self> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let lines = Lines { text };
        for error in &errors {
            let origin = error.span().map_or(Origin::File, |span| lines.at(span.start));
            problems.add(origin, "", format!("is not TOML here: {}", error.message()));
        }
        if !errors.is_empty() {
            return None;
        }
        let mut document = Self::default();
        for (key, value) in root.into_inner() {
            let origin = lines.at(key.span().start);
            match schema::section(key.get_ref()) {
                Some(section) => document.take_section(section, origin, value, &lines, problems),
                None => problems.add(origin, key.get_ref().as_ref(), unknown_section(key.get_ref())),
            }
        }
        Some(document)
    }

    /// The section `name`, when it is there.
    pub(super) fn table(&self, name: &str) -> Option<&Fields<'t>> {
        self.tables.get(name)
    }

    /// The elements of `[[name]]`; `None` when it was not written at all.
    pub(super) fn list(&self, name: &str) -> Option<&[Fields<'t>]> {
        self.lists.get(name).map(Vec::as_slice)
    }

    fn take_section(
        &mut self,
        section: &'static Section,
        origin: Origin,
        value: Spanned<DeValue<'t>>,
        lines: &Lines<'_>,
        problems: &mut Problems,
    ) {
        if section.support() == Support::NotYet {
            problems.add(origin, section.name, "is not supported by this version yet; remove the section");
            return;
        }
        if section.form == Form::List {
            self.lists.entry(section.name).or_default();
        }
        match (section.form, value.into_inner()) {
            (Form::Table, DeValue::Table(table)) => {
                let fields = take_fields(section, section.name.to_owned(), origin, table, lines, problems);
                self.tables.insert(section.name, fields);
            }
            (Form::List, DeValue::Array(items)) => {
                for item in items {
                    let origin = lines.at(item.span().start);
                    if let DeValue::Table(table) = item.into_inner() {
                        let name = element_name(section, &table);
                        let fields = take_fields(section, name, origin, table, lines, problems);
                        self.lists.entry(section.name).or_default().push(fields);
                    } else {
                        problems.add(origin, section.name, format!("is no table; begin it with [[{}]]", section.name));
                    }
                }
            }
            (Form::Table, _) => {
                problems.add(origin, section.name, format!("is a section; begin it with [{}]", section.name));
            }
            (Form::List, _) => {
                let message = format!("is a list of sections; begin each with [[{}]]", section.name);
                problems.add(origin, section.name, message);
            }
        }
    }
}

/// `source.data` when the element has a name, else `source`.
fn element_name(section: &Section, table: &DeTable<'_>) -> String {
    let named = table.get("name").and_then(|name| name.get_ref().as_str());
    named.map_or_else(|| section.name.to_owned(), |name| format!("{}.{}", section.name, name.escape_debug()))
}

fn take_fields<'t>(
    section: &'static Section,
    name: String,
    origin: Origin,
    table: DeTable<'t>,
    lines: &Lines<'_>,
    problems: &mut Problems,
) -> Fields<'t> {
    let mut taken = Fields { name, origin, fields: BTreeMap::new() };
    for (key, value) in table {
        let origin = lines.at(key.span().start);
        match section.keys.iter().find(|known| known.name == key.get_ref().as_ref()) {
            Some(known) if known.support == Support::Read => {
                taken.fields.insert(known.name, Field { origin, value: value.into_inner() });
            }
            Some(known) => {
                problems.add(origin, taken.key(known.name), "is not supported by this version yet; remove the line");
            }
            None => problems.add(origin, taken.key(key.get_ref()), unknown_key(section, key.get_ref())),
        }
    }
    taken
}

fn unknown_section(name: &str) -> String {
    let known: Vec<_> = schema::SECTIONS.iter().filter(|s| s.support() == Support::Read).map(|s| s.name).collect();
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("unknown section; did you mean '{meant}'?"),
        None => format!("unknown section; the sections are: {}", known.join(", ")),
    }
}

fn unknown_key(section: &'static Section, name: &str) -> String {
    match nearest(name, schema::read_names(section.keys)) {
        Some(meant) => format!("unknown key; did you mean '{meant}'?"),
        None => {
            let known: Vec<_> = schema::read_names(section.keys).collect();
            format!("unknown key; the keys here are: {}", known.join(", "))
        }
    }
}

/// Finds lines.
struct Lines<'a> {
    text: &'a str,
}

impl Lines<'_> {
    fn at(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        Origin::Line(before.filter(|byte| **byte == b'\n').count() + 1)
    }
}
