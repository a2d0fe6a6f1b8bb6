//! A letter as a mail (RFC 5322): headers, and the same text twice.

use jiff::Timestamp;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};

use crate::alerts::letter::Letter;
use crate::alerts::render;
use crate::config::Email;
use crate::model::Sha256;

/// The mail. It is ASCII whatever the notice holds, so that every server can take it.
///
/// # Errors
/// Why the letter can never be one.
pub(super) fn build(email: &Email, letter: &Letter, now: Timestamp) -> Result<Message, String> {
    let from = address(&email.from)?;
    let to = address(&letter.recipient)?;
    let id = message_id(letter, &from);
    let message = Message::builder()
        .from(Mailbox::new((!email.from_name.is_empty()).then(|| email.from_name.clone()), from))
        .to(Mailbox::new(None, to))
        .subject(render::subject(&letter.notice))
        .date(now.into())
        .message_id(Some(id))
        // So that no holiday message comes back (RFC 3834, section 5).
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .multipart(MultiPart::alternative_plain_html(render::text(letter), render::html(letter)));
    message.map_err(|error| format!("no mail can be made of it: {error}"))
}

/// The same for every attempt, so that a mail that arrives twice can be told: by the notice and the recipient.
fn message_id(letter: &Letter, from: &Address) -> String {
    let recipient = Sha256::of(letter.recipient.to_ascii_lowercase().as_bytes()).to_string();
    format!("<{}.{}@{}>", letter.notice.id, &recipient[..12], from.domain())
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| format!("'{}' is no mail address", render::one_line(text)))
}

#[cfg(test)]
mod tests;
