//! What is wrong with a configuration: where, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The whole file.
    File,
    /// A line of the file, counted from 1.
    Line(usize),
    /// An environment variable.
    Environment(&'static str),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The configuration file.
    pub file: PathBuf,
    /// Where in it, or beside it.
    pub origin: Origin,
    /// The key, for example `backup.dir` or `source.data.path`; empty where the problem is the file's.
    pub key: String,
    /// The cause and the next step.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File => write!(f, "{}: ", self.file.display())?,
            Origin::Line(line) => write!(f, "{}:{line}: ", self.file.display())?,
            Origin::Environment(name) => write!(f, "environment variable {name}: ")?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a configuration, in the order of the file; never empty. Prints one problem per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    problems: Vec<Problem>,
}

impl ConfigErrors {
    /// The problems.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects problems while the file is read, so that all of them are reported and not only the first.
pub(super) struct Problems {
    file: PathBuf,
    problems: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), problems: Vec::new() }
    }

    pub(super) fn add(&mut self, origin: Origin, key: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem { file: self.file.clone(), origin, key: key.into(), message: message.into() });
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn into_errors(mut self) -> ConfigErrors {
        self.problems.sort_by(|a, b| a.origin.cmp(&b.origin));
        ConfigErrors { problems: self.problems }
    }
}
