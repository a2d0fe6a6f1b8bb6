//! Reads the keys of one section: the value where it is good, a problem with its place where it is not.

use toml::de::DeValue;

use super::document::{Field, Fields};
use super::environment::{self, Lookup};
use super::problem::{Origin, Problems};
use super::value::{self, Parsed};

/// Reads the keys of one section and reports what it cannot read.
pub(super) struct Reader<'r, 't> {
    fields: Option<&'r Fields<'t>>,
    problems: &'r mut Problems,
}

impl<'r, 't> Reader<'r, 't> {
    pub(super) const fn new(fields: Option<&'r Fields<'t>>, problems: &'r mut Problems) -> Self {
        Self { fields, problems }
    }

    fn field(&self, key: &str) -> Option<(&'r Fields<'t>, &'r Field<'t>)> {
        let fields = self.fields?;
        fields.get(key).map(|field| (fields, field))
    }

    /// Whether `key` is written down, with whatever value.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.field(key).is_some()
    }

    /// Where `key` stands; the section or the whole file when it is left to its default.
    pub(super) fn origin(&self, key: &str) -> Origin {
        let section = || self.fields.map_or(Origin::File, |fields| fields.origin.clone());
        self.field(key).map_or_else(section, |(_, field)| field.origin.clone())
    }

    pub(super) fn value<T>(&mut self, key: &str, parse: impl Fn(&DeValue<'_>) -> Parsed<T>) -> Option<T> {
        let (fields, field) = self.field(key)?;
        match parse(&field.value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problems.add(field.origin.clone(), fields.key(key), message);
                None
            }
        }
    }

    pub(super) fn text<T>(&mut self, key: &str, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        self.value(key, |found| value::text(found, &parse))
    }

    pub(super) fn required_text<T>(
        &mut self,
        key: &str,
        example: &str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        if let (Some(fields), None) = (self.fields, self.field(key)) {
            let message = format!("is missing; add {key} = \"{example}\"");
            self.problems.add(fields.origin.clone(), fields.key(key), message);
        }
        self.text(key, parse)
    }

    pub(super) fn refuse(&mut self, key: &str, message: &str) {
        if let Some((fields, field)) = self.field(key) {
            self.problems.add(field.origin.clone(), fields.key(key), message);
        }
    }

    /// Reports `message` for `key`, which may stand at its default.
    pub(super) fn report(&mut self, origin: Origin, key: &str, message: &str) {
        let key = self.fields.map_or_else(|| key.to_owned(), |fields| fields.key(key));
        self.problems.add(origin, key, message);
    }

    pub(super) fn environment<T>(
        &mut self,
        lookup: &Lookup<'_>,
        name: &'static str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        match environment::text(lookup, name).and_then(|text| text.as_deref().map(parse).transpose()) {
            Ok(value) => value,
            Err(message) => {
                self.problems.add(Origin::Environment(name), "", message);
                None
            }
        }
    }
}
