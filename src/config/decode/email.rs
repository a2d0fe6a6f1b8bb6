//! `[email]` with `[email.users]`, and the variables of the environment that go before it.

use std::collections::BTreeMap;

use lettre::Address;
use toml::de::DeValue;

use super::webhook::optional_path;
use crate::config::document::Fields;
use crate::config::environment::{self, Lookup};
use crate::config::problem::{Origin, Problems};
use crate::config::reader::Reader;
use crate::config::value::{self, Parsed, wrong_type};
use crate::config::{Email, MailPassword, MailTls};

/// What means nothing without a host.
const NEEDS_HOST: [&str; 6] = ["user", "password_file", "from", "admins", "notify_after_restore", "users"];

/// How mail is sent; `None` when no server is named.
pub(super) fn email(fields: Option<&Fields<'_>>, environment: &Lookup<'_>, problems: &mut Problems) -> Option<Email> {
    let mut reader = Reader::new(fields, problems);
    let (host, host_origin) = host(&mut reader, environment);
    let (tls, tls_origin) = tls(&mut reader, environment);
    let port = reader.value("port", |found| value::integer(found, 1, u16::MAX));
    let port = reader.environment(environment, environment::SMTP_PORT, port_text).or(port);
    let (user, password) = login(&mut reader, environment);
    let ca_file = reader.text("ca_file", optional_path).flatten();
    let from = reader.text("from", optional_address).flatten();
    let from = reader.environment(environment, environment::EMAILS_FROM_EMAIL, address).or(from);
    let from_name = reader.text("from_name", one_line);
    let from_name = reader.environment(environment, environment::EMAILS_FROM_NAME, one_line).or(from_name);
    let admins = reader.value("admins", addresses).unwrap_or_default();
    let notify_after_restore = reader.value("notify_after_restore", addresses).unwrap_or_default();
    let users = reader.value("users", users).unwrap_or_default();

    let Some(host) = host else {
        let orphan = NEEDS_HOST.into_iter().find(|key| reader.is_given(key));
        if let (Some(_), false) = (orphan, reader.is_given("host")) {
            let origin = reader.origin("host");
            reader.report(origin, "host", "is missing; add host = \"smtp.example.com\"");
        }
        return None;
    };
    if from.is_none() && !reader.is_given("from") {
        reader.report(
            host_origin.clone(),
            "from",
            "is missing; add from = \"carelog@example.com\", the sender's address",
        );
    }
    if admins.is_empty() {
        let message = "is empty, so that nobody would be told; add admins = [\"admin@example.com\"]";
        let origin = if reader.is_given("admins") { reader.origin("admins") } else { host_origin };
        reader.report(origin, "admins", message);
    }
    let email = Email {
        port: port.unwrap_or(tls.default_port()),
        host,
        tls,
        user,
        password,
        from: from.unwrap_or_default(),
        from_name: from_name.unwrap_or_else(|| Email::DEFAULT_FROM_NAME.to_owned()),
        admins,
        ca_file,
        users,
        notify_after_restore,
    };
    if tls == MailTls::None && !email.is_local() {
        let message = format!(
            "would send mail and password in the clear to '{}'; write \"starttls\" or \"implicit\" (\"none\" is for \
             localhost, 127.0.0.1 and ::1)",
            email.host
        );
        reader.report(tls_origin, "tls", &message);
    }
    if tls == MailTls::None && email.ca_file.is_some() {
        reader.refuse("ca_file", "means nothing with tls = \"none\"; remove the line");
    }
    Some(email)
}

fn host(reader: &mut Reader<'_, '_>, environment: &Lookup<'_>) -> (Option<String>, Origin) {
    let from_file = reader.text("host", host_name);
    match reader.environment(environment, environment::SMTP_HOST, host_name) {
        Some(host) => (host, Origin::Environment(environment::SMTP_HOST)),
        None => (from_file.flatten(), reader.origin("host")),
    }
}

fn tls(reader: &mut Reader<'_, '_>, environment: &Lookup<'_>) -> (MailTls, Origin) {
    let from_file = reader.text("tls", tls_word);
    match reader.environment(environment, environment::SMTP_TLS, tls_variable) {
        Some(tls) => (tls, Origin::Environment(environment::SMTP_TLS)),
        None => (from_file.unwrap_or_default(), reader.origin("tls")),
    }
}

/// The user and the password: both or none.
fn login(reader: &mut Reader<'_, '_>, environment: &Lookup<'_>) -> (Option<String>, Option<MailPassword>) {
    let user = reader.text("user", one_line).filter(|user| !user.is_empty());
    let user = reader.environment(environment, environment::SMTP_USER, one_line).or(user);
    let file = reader.text("password_file", optional_path).flatten();
    let text = reader.environment(environment, environment::SMTP_PASSWORD, |text| Ok(text.to_owned()));
    let password = text.map(MailPassword::Environment).or(file.map(MailPassword::File));
    match (&user, &password) {
        (Some(_), None) if !reader.is_given("password_file") => {
            let origin = reader.origin("user");
            reader.report(origin, "password_file", "is missing: user needs a password; name the file that holds it");
        }
        (Some(_), None) => {
            reader.refuse("password_file", "is empty, and user needs a password; name the file that holds it");
        }
        (None, Some(MailPassword::File(_))) => reader.refuse("password_file", "means nothing without user; add user"),
        _ => {}
    }
    // A variable that is meant for another program is no reason not to start.
    let password = password.filter(|_| user.is_some());
    (user, password)
}

/// An empty one is none.
fn host_name(text: &str) -> Parsed<Option<String>> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if text.is_empty() {
        return Ok(None);
    }
    if text.parse::<std::net::IpAddr>().is_err() && (text.contains(':') || !text.chars().all(fits)) {
        return Err(format!("'{}' is no name of a server; write it alone, and the port as port", text.escape_debug()));
    }
    Ok(Some(text.to_owned()))
}

fn port_text(text: &str) -> Parsed<u16> {
    value::integer_text(text, 1, u16::MAX)
}

fn tls_word(text: &str) -> Parsed<MailTls> {
    match text {
        "starttls" => Ok(MailTls::StartTls),
        "implicit" => Ok(MailTls::Implicit),
        "none" => Ok(MailTls::None),
        other => Err(format!("'{other}' is none of: starttls, implicit, none")),
    }
}

fn tls_variable(text: &str) -> Parsed<MailTls> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(MailTls::StartTls),
        "false" | "0" | "no" | "off" => Ok(MailTls::None),
        other => tls_word(other).map_err(|_| format!("'{text}' is none of: true, false, starttls, implicit, none")),
    }
}

fn address(text: &str) -> Parsed<String> {
    if !text.is_ascii() {
        return Err(format!("'{text}' holds a character that is not ASCII, which many mail servers refuse"));
    }
    let parsed = text.parse::<Address>();
    parsed
        .map(|_| text.to_owned())
        .map_err(|_| format!("'{}' is no mail address, such as admin@example.com", text.escape_debug()))
}

/// An empty one is none.
fn optional_address(text: &str) -> Parsed<Option<String>> {
    if text.is_empty() { Ok(None) } else { address(text).map(Some) }
}

/// A list of addresses, in which one that is named twice counts once.
fn addresses(found: &DeValue<'_>) -> Parsed<Vec<String>> {
    let mut addresses: Vec<String> = Vec::new();
    for address in value::list(found, address)? {
        if !addresses.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

fn users(found: &DeValue<'_>) -> Parsed<BTreeMap<String, String>> {
    let table =
        found.as_table().ok_or_else(|| wrong_type(found, "a table such as { alice = \"alice@example.com\" }"))?;
    let user = |(name, found): (&toml::Spanned<std::borrow::Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
        let address =
            value::text(found.get_ref(), address).map_err(|message| format!("{}: {message}", name.get_ref()))?;
        Ok((name.get_ref().to_string(), address))
    };
    table.iter().map(user).collect()
}

fn one_line(text: &str) -> Parsed<String> {
    if text.chars().any(char::is_control) {
        return Err(format!("'{}' holds a control character", text.escape_debug()));
    }
    Ok(text.to_owned())
}
