//! As HTML: one column, no picture, nothing that is fetched.

use std::fmt::Write as _;

use super::{colophon, facts, one_line, paragraphs};
use crate::alerts::letter::Letter;
use crate::alerts::{Fact, Occasion};
use crate::model::Severity;

/// The body of a mail, for programs that prefer it.
pub(in crate::alerts) fn html(letter: &Letter) -> String {
    let notice = &letter.notice;
    let colour = match (notice.occasion, notice.severity) {
        (Occasion::Resolved, _) | (_, Severity::Notice) => "#2e7d32",
        (_, Severity::Warning) => "#b26a00",
        (_, Severity::Critical) => "#b3261e",
    };
    let title = escape(&one_line(&notice.title));
    let mut out = format!(
        "<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body style=\"font-family:sans-serif;max-width:42em\">\n\
         <h2 style=\"border-left:6px solid {colour};padding-left:8px\">{title}</h2>\n"
    );
    for paragraph in paragraphs(&notice.message) {
        let _infallible = writeln!(out, "<p>{}</p>", escape(&paragraph));
    }
    table(&mut out, &facts(letter), "");
    if !notice.steps.is_empty() {
        out.push_str("<p><b>What to do:</b></p>\n<ol>\n");
        for step in &notice.steps {
            let _infallible = writeln!(out, "<li>{}</li>", escape(&one_line(step)));
        }
        out.push_str("</ol>\n");
    }
    if !notice.contact.is_empty() {
        let _infallible = writeln!(out, "<p><b>Whom to call:</b> {}</p>", escape(&one_line(&notice.contact)));
    }
    out.push_str("<hr>\n");
    table(&mut out, &colophon(notice), " style=\"color:#666;font-size:smaller\"");
    out.push_str("</body>\n</html>\n");
    out
}

fn table(out: &mut String, facts: &[Fact], style: &str) {
    if facts.is_empty() {
        return;
    }
    let _infallible = writeln!(out, "<table{style}>");
    for Fact { label, value } in facts {
        let _infallible = writeln!(
            out,
            "<tr><td style=\"padding-right:1em;vertical-align:top\">{}</td><td>{}</td></tr>",
            escape(label),
            escape(value)
        );
    }
    out.push_str("</table>\n");
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
