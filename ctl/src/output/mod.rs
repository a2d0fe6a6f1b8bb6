//! How results look: tables for people, documents for scripts. One file per noun; nothing here talks to the daemon.

pub(crate) mod alert;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod job;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod text;

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use carelog_rpc::Document;
use serde::Serialize;

use crate::args::Global;
use crate::output::table::Look;

/// Where results go, and in which form.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Documents rather than text.
    pub(crate) json: bool,
    /// Nothing but what was asked for.
    pub(crate) quiet: bool,
    /// Whether progress is shown.
    pub(crate) progress: bool,
    /// How tables look.
    pub(crate) look: Look,
}

impl Output {
    /// What the options and the terminal allow.
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = io::stdout().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            json: global.json,
            quiet: global.quiet,
            progress: !(global.json || global.quiet || global.no_progress) && io::stderr().is_terminal(),
            look: Look::of_stdout(terminal && !no_color && !dumb),
        }
    }

    /// Prints `body` as a document, or what `text` makes of it.
    pub(crate) fn show<T: Serialize>(
        &self,
        schema: &'static str,
        body: &T,
        text: impl FnOnce(&Look) -> String,
    ) -> io::Result<()> {
        if self.json { self.document(schema, body) } else { self.text(&text(&self.look)) }
    }

    /// Prints a document on one line.
    pub(crate) fn document<T: Serialize>(&self, schema: &'static str, body: &T) -> io::Result<()> {
        self.text(&serde_json::to_string(&Document::new(schema, body))?)
    }

    /// Prints text and ends its line.
    pub(crate) fn text(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", text.trim_end_matches('\n'))?;
        stdout.flush()
    }

    /// Tells the person something besides the result; never on stdout, nothing when quiet.
    pub(crate) fn note(&self, note: impl Display) {
        if !self.quiet {
            self.warn(note);
        }
    }

    /// Tells the person something that must not be missed.
    pub(crate) fn warn(&self, warning: impl Display) {
        // A reader of stderr that has gone away is no reason to stop.
        let _ = writeln!(io::stderr(), "{}", text::clean_lines(&warning.to_string()));
    }
}
