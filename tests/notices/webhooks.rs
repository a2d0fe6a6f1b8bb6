//! Webhooks and heartbeats against a web server.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use carelogd::alerts::{Heartbeats, Undelivered, Way, Ways, Wellbeing};
use carelogd::clock::Clock;
use carelogd::config::{Webhook, WebhookFormat, WebhookUrl};
use jiff::SignedDuration;

use super::{answers, clock, delivery, letter, noon, notice};
use crate::support::http_sink::HttpSink;
use crate::support::smtp::{Security, SmtpServer};

const SECRET: &str = "s3cr3t-T0ken";

fn webhook(url: &str) -> Webhook {
    Webhook {
        name: "hook".to_owned(),
        url: WebhookUrl::Text(url.to_owned()),
        format: WebhookFormat::Json,
        on: BTreeSet::new(),
        heartbeat: None,
    }
}

fn ways(webhook: Webhook) -> Ways {
    Ways::new(None, &[webhook], clock())
}

fn way() -> Way {
    Way::Webhook("hook".to_owned())
}

/// What came of two letters.
fn told(ways: &Ways) -> Vec<(usize, Result<String, Undelivered>)> {
    answers(ways, &way(), &[letter("hook", notice(1)), letter("hook", notice(2))])
}

#[test]
fn a_notice_is_posted_as_a_document() {
    let sink = HttpSink::start();
    let told = told(&ways(webhook(&sink.url("/hooks/x?y=1"))));
    assert_eq!(told, [0, 1].map(|index| (index, Ok("127.0.0.1 answered 200 OK: ok".to_owned()))));
    let [first, second] = sink.received().try_into().unwrap();
    assert_eq!((first.line.as_str(), second.line.as_str()), ("POST /hooks/x?y=1", "POST /hooks/x?y=1"));
    assert_eq!(first.headers["content-type"], "application/json");
    assert!(first.headers["user-agent"].starts_with("carelogd/"));
    let document: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!((&document["schema"], &document["title"]), (&"carelog.notice/1".into(), &"number 1".into()));
}

#[test]
fn each_answer_says_whether_to_try_again() {
    let sink = HttpSink::start();
    let ways = ways(webhook(&sink.url("/x")));
    for (status, is_unreachable) in
        [(400, false), (404, false), (410, false), (408, true), (429, true), (500, true), (503, true)]
    {
        sink.answer(status, "", "why not");
        let told = told(&ways);
        match (&told[..], is_unreachable) {
            ([(0, Err(Undelivered::Unreachable(why)))], true) | ([(0, Err(Undelivered::Rejected(why))), _], false) => {
                assert!(why.contains(&status.to_string()) && why.ends_with(": why not"), "{why}");
            }
            other => panic!("{status}: {other:?}"),
        }
    }
    sink.say_nothing();
    assert!(matches!(&told(&ways)[..], [(0, Err(Undelivered::Unreachable(_)))]));
}

#[test]
fn a_redirect_is_not_followed() {
    let (sink, elsewhere) = (HttpSink::start(), HttpSink::start());
    for status in [301, 302, 307, 308] {
        sink.answer(status, &format!("Location: {}\r\n", elsewhere.url("/stolen")), "");
        let told = told(&ways(webhook(&sink.url("/x"))));
        assert!(
            matches!(&told[0], (0, Err(Undelivered::Rejected(why))) if why.contains("leads elsewhere")),
            "{told:?}"
        );
    }
    assert_eq!(elsewhere.received().len(), 0);
}

#[test]
fn no_word_repeats_the_address() {
    let sink = HttpSink::start();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut urls = vec![
        format!("http://user:{SECRET}@{nobody}/{SECRET}"),
        format!("http://name.invalid/{SECRET}"),
        format!("https://{}/{SECRET}", sink.url("").trim_start_matches("http://")),
    ];
    for status in [200, 404, 500] {
        // As servers answer that show where they were asked.
        sink.answer(status, "", &format!("Cannot POST /hooks/{SECRET}?key={SECRET}"));
        urls.push(sink.url(&format!("/hooks/{SECRET}?key={SECRET}")));
        for url in &urls {
            let webhook = webhook(url);
            assert!(!format!("{webhook:?}").contains(SECRET));
            let told = told(&ways(webhook));
            assert!(!format!("{told:?}").contains(SECRET), "{told:?}");
        }
    }
}

#[test]
fn an_address_can_lie_in_a_file() {
    let sink = HttpSink::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("url");
    let ways = ways(Webhook { url: WebhookUrl::File(file.clone()), ..webhook("") });
    assert!(matches!(&told(&ways)[0], (0, Err(Undelivered::Unreachable(why))) if why.contains("cannot be read from")));
    std::fs::write(&file, "ftp://nowhere\n").unwrap();
    assert!(matches!(&told(&ways)[0], (0, Err(Undelivered::Unreachable(why))) if why.contains("does not begin with")));
    std::fs::write(&file, format!("{}\n", sink.url("/from-file"))).unwrap();
    assert!(told(&ways)[0].1.is_ok());
    assert_eq!(sink.received()[0].line, "POST /from-file");
}

#[test]
fn a_server_that_this_machine_does_not_trust_is_told_nothing() {
    // Whatever it speaks behind TLS: it does not come to that.
    let Some(server) = SmtpServer::start(Security::Implicit) else { return };
    let told = told(&ways(webhook(&format!("https://localhost:{}/x", server.port()))));
    let [(0, Err(Undelivered::Unreachable(why)))] = &told[..] else { panic!("{told:?}") };
    assert!(why.starts_with("the certificate of localhost is not trusted"), "{why}");
}

fn heartbeat(sink: &HttpSink) -> Webhook {
    Webhook { heartbeat: Some(Duration::from_secs(300)), ..webhook(&sink.url("/ping")) }
}

#[test]
fn a_heartbeat_is_called_while_all_is_well_and_at_no_other_time() {
    let sink = HttpSink::start();
    let clock = Clock::manual(noon());
    let (heartbeats, ways) = (Heartbeats::new(clock.clone()), Ways::new(None, &[heartbeat(&sink)], clock.clone()));
    let beat = |is_well| {
        let next = heartbeats.beat_due(&delivery(&ways), Some(Wellbeing { seen_at: clock.now(), is_well }));
        assert!(next.unwrap() > clock.now());
        sink.received().len()
    };
    assert_eq!(beat(true), 1);
    assert_eq!(sink.received()[0].line, "GET /ping");
    assert_eq!(beat(true), 1, "it is not due");
    clock.advance(SignedDuration::from_mins(5));
    assert_eq!(beat(true), 2);
    clock.advance(SignedDuration::from_mins(5));
    assert_eq!(beat(false), 2, "something fires");
    clock.advance(SignedDuration::from_mins(60));
    assert_eq!(beat(false), 2);
    assert_eq!(beat(true), 3, "it is over; the missed ones are not made up for");
    clock.advance(SignedDuration::from_hours(-48));
    assert_eq!(beat(true), 4, "a clock that was set back silences nobody");
}

#[test]
fn nothing_is_well_when_nobody_looks_any_more() {
    let sink = HttpSink::start();
    let clock = Clock::manual(noon());
    let (heartbeats, ways) = (Heartbeats::new(clock.clone()), Ways::new(None, &[heartbeat(&sink)], clock.clone()));
    heartbeats.beat_due(&delivery(&ways), None);
    let looked = Wellbeing { seen_at: clock.now(), is_well: true };
    clock.advance(SignedDuration::from_mins(6));
    heartbeats.beat_due(&delivery(&ways), Some(looked));
    assert_eq!(sink.received().len(), 0);
    heartbeats.beat_due(&delivery(&ways), Some(Wellbeing { seen_at: clock.now(), ..looked }));
    assert_eq!(sink.received().len(), 1);
}

#[test]
fn a_heartbeat_is_told_of_no_event() {
    let sink = HttpSink::start();
    let told = told(&ways(heartbeat(&sink)));
    assert_eq!(told, [(0, Err(Undelivered::Gone))]);
    assert_eq!(sink.received().len(), 0);
}
