//! As plain text.

use std::fmt::Write as _;

use super::{colophon, facts, one_line, paragraphs};
use crate::alerts::Fact;
use crate::alerts::letter::Letter;

/// Lines of prose are broken before they get longer. Values are not: commands and paths have to be copied.
const WIDTH: usize = 76;

/// The body of a mail.
pub(in crate::alerts) fn text(letter: &Letter) -> String {
    let notice = &letter.notice;
    let mut out = String::new();
    let title = one_line(&notice.title);
    let _infallible = writeln!(out, "{title}\n{}\n", "=".repeat(title.chars().count().min(WIDTH)));
    for paragraph in paragraphs(&notice.message) {
        let _infallible = writeln!(out, "{}\n", wrap(&paragraph, ""));
    }
    let facts = facts(letter);
    if !facts.is_empty() {
        table(&mut out, &facts);
        out.push('\n');
    }
    if !notice.steps.is_empty() {
        out.push_str("What to do:\n");
        for (index, step) in notice.steps.iter().enumerate() {
            let number = format!("{:>3}. ", index + 1);
            let _infallible = writeln!(out, "{number}{}", wrap(&one_line(step), &" ".repeat(number.len())));
        }
        out.push('\n');
    }
    if !notice.contact.is_empty() {
        let _infallible = writeln!(out, "Whom to call: {}\n", one_line(&notice.contact));
    }
    // The separator that mail programs know to begin a signature (RFC 3676, section 4.3).
    out.push_str("-- \n");
    table(&mut out, &colophon(notice));
    out
}

fn table(out: &mut String, facts: &[Fact]) {
    let width = facts.iter().map(|fact| fact.label.chars().count()).max().unwrap_or_default();
    for fact in facts {
        let gap = width - fact.label.chars().count();
        let _infallible = writeln!(out, "  {}:{:gap$}  {}", fact.label, "", fact.value);
    }
}

/// Breaks `text` at blanks; further lines begin with `indent`. A longer word stays whole.
fn wrap(text: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut column = indent.len();
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if out.is_empty() {
            column += width;
        } else if column + 1 + width > WIDTH {
            out.push('\n');
            out.push_str(indent);
            column = indent.len() + width;
        } else {
            out.push(' ');
            column += 1 + width;
        }
        out.push_str(word);
    }
    out
}
