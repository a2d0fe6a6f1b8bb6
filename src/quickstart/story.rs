//! How the demonstration is told: steps with a number, and lines of a label and what there is to say.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use bytesize::ByteSize;

/// Columns for the labels.
const LABELS: usize = 20;

/// Prints to stdout. Whoever has closed it has seen enough: the demonstration goes on, and its exit code tells.
#[derive(Debug)]
pub(super) struct Story {
    is_bold: bool,
    steps: u32,
    at: String,
}

impl Story {
    /// Bold only on a terminal, and never with `NO_COLOR`.
    pub(super) fn on_stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { is_bold: io::stdout().is_terminal() && !plain, steps: 0, at: "A clinic".to_owned() }
    }

    /// The step that is being told.
    pub(super) fn at(&self) -> &str {
        &self.at
    }

    pub(super) fn title(&mut self, text: &str) {
        print(&self.bold(text));
    }

    pub(super) fn step(&mut self, name: &str) {
        self.steps += 1;
        name.clone_into(&mut self.at);
        self.blank();
        print(&self.bold(&format!("{}  {name}", self.steps)));
    }

    /// A heading that is not a step.
    pub(super) fn heading(&mut self, name: &str) {
        self.blank();
        print(&self.bold(name));
    }

    pub(super) fn line(&mut self, label: &str, text: &str) {
        print(&format!("   {label:LABELS$} {text}"));
    }

    pub(super) fn say(&mut self, text: &str) {
        print(text);
    }

    pub(super) fn blank(&mut self) {
        print("");
    }

    fn bold(&self, text: &str) -> String {
        if self.is_bold { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn print(line: &str) {
    let _closed = writeln!(io::stdout().lock(), "{line}");
}

/// `8.3 MiB`.
pub(super) fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// `200 files`, `1 file`.
pub(super) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `0.31 s`.
pub(super) fn seconds(took: Duration) -> String {
    format!("{:.2} s", took.as_secs_f64())
}
