//! Aligned tables without borders, and lists of named values.

use carelog_rpc::Time;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, presets};
use jiff::tz::TimeZone;

use crate::output::text::{age, clean, local};

/// How tables look here and now.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Width of the terminal, to which long cells are wrapped. In a pipe there is none, and a row stays one line.
    pub(crate) width: Option<u16>,
    /// Whether colour may be used.
    pub(crate) colour: bool,
    /// The moment that ages count from.
    pub(crate) now: Time,
    /// The reader's time zone.
    pub(crate) zone: TimeZone,
}

impl Look {
    /// That of this terminal, in colour or not.
    pub(crate) fn of_stdout(colour: bool) -> Self {
        // A terminal that does not know its width says 0.
        let width = Table::new().width().filter(|&width| width >= 40);
        Self { width, colour, now: Time::from(jiff::Timestamp::now()), zone: TimeZone::system() }
    }
}

/// How good a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Doubtful,
    /// Wrong.
    Bad,
    /// Neither.
    Plain,
}

impl Tone {
    const fn colour(self) -> Option<Color> {
        match self {
            Self::Good => Some(Color::Green),
            Self::Doubtful => Some(Color::Yellow),
            Self::Bad => Some(Color::Red),
            Self::Plain => None,
        }
    }
}

/// A cell of text.
pub(crate) fn cell(text: impl AsRef<str>) -> Cell {
    Cell::new(clean(text.as_ref()))
}

/// A cell of text, or `-`.
pub(crate) fn optional(text: Option<impl AsRef<str>>) -> Cell {
    text.map_or_else(|| cell("-"), cell)
}

/// A cell with a number or a size, to the right.
pub(crate) fn number(text: impl AsRef<str>) -> Cell {
    cell(text).set_alignment(CellAlignment::Right)
}

/// A cell of text that is good or bad.
pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Cell {
    match tone.colour() {
        Some(colour) => cell(text).fg(colour),
        None => cell(text),
    }
}

/// One line of text that is good or bad.
pub(crate) fn toned_line(text: &str, tone: Tone, look: &Look) -> String {
    let mut table = bare(look);
    table.add_row([toned(text, tone).add_attribute(Attribute::Bold)]);
    finish(&mut table)
}

impl Look {
    /// A moment in a list: `2025-10-29 15:30:00`.
    pub(crate) fn at(&self, at: Time) -> String {
        local(at, &self.zone)
    }

    /// A moment by itself: with how long ago it was.
    pub(crate) fn at_and_age(&self, at: Time) -> String {
        format!("{} ({})", self.at(at), age(at, self.now))
    }

    /// A table of `rows` under `header`.
    pub(crate) fn table(&self, header: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> String {
        let mut table = bare(self);
        table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        for row in rows {
            table.add_row(row);
        }
        // What a row is about, often an id to be copied, stays in one piece however narrow the terminal is.
        if let Some(first) = table.column_mut(0) {
            first.set_constraint(ColumnConstraint::ContentWidth);
        }
        finish(&mut table)
    }

    /// Named values, one per line, the names aligned.
    pub(crate) fn fields(&self, fields: impl IntoIterator<Item = (&'static str, String)>) -> String {
        let mut table = bare(self);
        for (name, value) in fields {
            table.add_row([Cell::new(name).add_attribute(Attribute::Dim), cell(value)]);
        }
        finish(&mut table)
    }
}

fn bare(look: &Look) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    table.style_text_only();
    if let Some(width) = look.width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    if look.colour {
        table.enforce_styling();
    }
    table
}

fn finish(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
