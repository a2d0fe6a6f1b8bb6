//! Webhooks: one request for each letter, and heartbeats.
//!
//! An address may hold a token: it is in no error, no log and no row; a webhook is called by its name. Redirects are not
//! followed, for they would take the token elsewhere. Called by [`super::Ways`].

mod body;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::letter::{Letter, Undelivered};
use super::mail::first_line;
use super::render::one_line;
use super::trouble::{self, Trust};
use crate::config::{Webhook, WebhookUrl};

/// For everything from the name of the server to the end of its answer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// So much of an answer is read, and less is shown.
const LONGEST_ANSWER: u64 = 64 << 10;
const SHOWN_OF_ANSWER: usize = 200;

/// Parts of an address that are shorter are no secrets, and too common to be taken out of what is shown.
const SHORTEST_SECRET: usize = 4;

/// Calls one webhook.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    webhook: Webhook,
    agent: Agent,
}

impl Caller {
    pub(super) fn new(webhook: Webhook) -> Self {
        Self { webhook, agent: agent(TIMEOUT) }
    }

    pub(super) const fn webhook(&self) -> &Webhook {
        &self.webhook
    }

    /// Sends a letter; what the server answered. Blocks.
    pub(super) fn post(&self, letter: &Letter, now: Timestamp) -> Result<String, Undelivered> {
        let target = Target::of(&self.webhook.url).map_err(Undelivered::Unreachable)?;
        let body = body::of(self.webhook.format, letter, now);
        let mut request = self.agent.post(&target.uri).content_type(body.content_type);
        for (name, value) in &body.headers {
            request = request.header(*name, value);
        }
        let answer = request.send(&body.bytes).map_err(|error| Undelivered::Unreachable(target.in_words(&error)))?;
        let status = answer.status().as_u16();
        let words = target.words_of(answer);
        match status {
            200..=299 => Ok(words),
            300..=399 => Err(Undelivered::Rejected(format!(
                "{words}: it leads elsewhere, which is not followed; write the final address"
            ))),
            400..=499 if !matches!(status, 408 | 429) => Err(Undelivered::Rejected(words)),
            // It has too much to do, or is broken: the next letter would fare no better.
            _ => Err(Undelivered::Unreachable(words)),
        }
    }

    /// Says that all is well; what the server answered, or why it could not. Blocks.
    pub(super) fn beat(&self) -> Result<String, String> {
        let target = Target::of(&self.webhook.url)?;
        let answer = self.agent.get(&target.uri).call().map_err(|error| target.in_words(&error))?;
        let is_good = answer.status().is_success();
        let words = target.words_of(answer);
        if is_good { Ok(words) } else { Err(words) }
    }
}

fn agent(within: Duration) -> Agent {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(within))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("carelogd/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// An address that was read, and what of it may be said.
struct Target {
    uri: Uri,
    host: String,
    port: u16,
}

impl Target {
    fn of(url: &WebhookUrl) -> Result<Self, String> {
        let text = match url {
            WebhookUrl::Text(text) => text.clone(),
            WebhookUrl::File(path) => {
                let read = first_line(path);
                let (text, _mode) =
                    read.map_err(|error| format!("the address cannot be read from {}: {error}", path.display()))?;
                WebhookUrl::check(&text).map_err(|why| format!("the first line of {} {why}", path.display()))?;
                text
            }
        };
        let uri: Uri = text.parse().map_err(|_| "the configured text is no address".to_owned())?;
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        Ok(Self { uri, host, port })
    }

    /// Status and text of an answer, without what the server repeats of the address.
    fn words_of(&self, mut answer: ureq::http::Response<Body>) -> String {
        let status = answer.status();
        let reason = status.canonical_reason().unwrap_or_default();
        // A text that cannot be had is no reason to send it all again.
        let text = answer.body_mut().with_config().limit(LONGEST_ANSWER).lossy_utf8(true).read_to_string();
        let text = self.without_secrets(&one_line(&text.unwrap_or_default()));
        let text: String = text.chars().take(SHOWN_OF_ANSWER).collect();
        let text = if text.is_empty() { text } else { format!(": {text}") };
        format!("{} answered {} {reason}{text}", self.host, status.as_u16())
    }

    fn without_secrets(&self, text: &str) -> String {
        let user =
            self.uri.authority().and_then(|authority| authority.as_str().rsplit_once('@')).map_or("", |(user, _)| user);
        let path = self.uri.path_and_query().map_or("", |path| path.as_str());
        let whole = [path, user].into_iter().map(|part| part.trim_matches('/'));
        let parts = [path, user].into_iter().flat_map(|part| part.split(['/', '?', '&', '=', ':']));
        whole
            .chain(parts)
            .filter(|part| part.len() >= SHORTEST_SECRET)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// What went wrong. The error's own words may repeat the address.
    fn in_words(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::HostNotFound => trouble::no_such_host(&self.host),
            ureq::Error::Timeout(_) => trouble::silent(&self.host, self.port),
            ureq::Error::Rustls(error) => {
                trouble::tls(error, &self.host, Trust::System).unwrap_or_else(|| format!("no TLS with {}", self.host))
            }
            ureq::Error::Io(error) => {
                let tls = trouble::tls(error, &self.host, Trust::System);
                tls.or_else(|| trouble::connection(error, &self.host, self.port))
                    .unwrap_or_else(|| format!("no connection with {}", self.host))
            }
            ureq::Error::Protocol(_) => format!("{} does not speak HTTP at port {}", self.host, self.port),
            ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
                "the proxy that the environment names (HTTPS_PROXY) does not let us through".to_owned()
            }
            _ => format!("the request to {} failed", self.host),
        }
    }
}
