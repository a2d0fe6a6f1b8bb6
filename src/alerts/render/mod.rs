//! A letter as people read it: a subject, a plain text, and the same as simple HTML.
//!
//! Pure. No control character of a notice gets through, so that nothing in one can begin a header, a line of its own, or an
//! escape sequence. Called by mail, and by the webhooks that take text.

mod html;
mod text;

pub(super) use html::html;
pub(super) use text::text;

use jiff::Timestamp;

use super::letter::Letter;
use super::{Fact, Notice};

/// What stands before the title.
pub(super) fn subject(notice: &Notice) -> String {
    format!("[CareLog {}] {}", one_line(&notice.host), one_line(&notice.title))
}

/// The facts of a notice, and what it says in place of earlier ones.
fn facts(letter: &Letter) -> Vec<Fact> {
    let mut facts: Vec<Fact> = letter.notice.facts.iter().map(clean).collect();
    if let Some(earlier) = letter.earlier {
        let notices = if earlier.count == 1 { "an earlier notice" } else { "earlier notices" };
        let count = if earlier.count == 1 { String::new() } else { format!("{} ", earlier.count) };
        let value = format!("{count}{notices} of this, of {} and later, could not be delivered", utc(earlier.since));
        facts.push(Fact { label: "Not said before".to_owned(), value });
    }
    facts
}

fn clean(fact: &Fact) -> Fact {
    Fact { label: one_line(&fact.label), value: one_line(&fact.value) }
}

/// Paragraphs, each on one line.
fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(one_line).filter(|line| !line.is_empty())
}

/// What identifies a notice, for those who look closer.
fn colophon(notice: &Notice) -> Vec<Fact> {
    let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
    let mut facts = vec![
        fact("Host", one_line(&notice.host)),
        fact("Time", utc(notice.at)),
        fact("Event", format!("{} ({}), {}", notice.event, notice.occasion.as_str(), notice.severity)),
        fact("Notice", notice.id.to_string()),
    ];
    if !notice.audit_head.is_empty() {
        facts.push(fact("Audit trail", one_line(&notice.audit_head)));
    }
    facts
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `text` on one line.
pub(super) fn one_line(text: &str) -> String {
    // U+2028 and U+2029 end lines too, and U+202E and its like turn around what follows.
    let is_unfit = |c: char| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let text: String = text.chars().map(|c| if is_unfit(c) { ' ' } else { c }).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests;
