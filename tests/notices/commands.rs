//! The real daemon and the real client: a test of every way, and notices of what happened.

use std::fs;

use crate::support::World;
use crate::support::http_sink::HttpSink;
use crate::support::process::Answer;
use crate::support::smtp::{PASSWORD, Security, SmtpServer};
use crate::support::wait::wait_until;

const TOKEN: &str = "T0KEN-in-the-address";

fn email(server: &SmtpServer) -> String {
    format!(
        "\n[email]\nhost = \"localhost\"\nport = {}\nuser = \"carelog\"\npassword_file = \"{}\"\nca_file = \"{}\"\n\
         from = \"carelog@clinic.test\"\nadmins = [\"anna@clinic.test\", \"ben@clinic.test\"]\n",
        server.port(),
        server.path("password").display(),
        server.path("ca.pem").display()
    )
}

fn webhook(name: &str, sink: &HttpSink, more: &str) -> String {
    format!("\n[[webhook]]\nname = \"{name}\"\nurl = \"{}\"\n{more}\n", sink.url(&format!("/{TOKEN}")))
}

fn add(world: &World, text: &str) {
    world.write_config(&format!("{}{text}", world.config()));
}

fn reload(world: &World) {
    world.ctl(&["reload"]).expect_code(0);
}

/// Recipient, whether it was delivered, answer.
fn tests(answer: &Answer) -> Vec<(String, bool, String)> {
    let json = answer.json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let tests = json["tests"].as_array().unwrap();
    tests.iter().map(|t| (text(&t["recipient"]), t["delivered"] == true, text(&t["answer"]))).collect()
}

#[test]
fn a_test_tells_for_each_recipient_what_the_server_answered() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    let (world, sink) = (World::new(), HttpSink::start());
    add(&world, &(email(&server) + &webhook("monitor", &sink, "on = [\"backup_failure\"]")));
    let _daemon = world.start();
    let told = tests(&world.ctl(&["alerts", "test", "--json"]).expect_code(0));
    let mail = |to: &str| (format!("{to}@clinic.test"), true, "250 2.0.0 queued".to_owned());
    let hook = ("monitor".to_owned(), true, "127.0.0.1 answered 200 OK: ok".to_owned());
    assert_eq!(told, [mail("anna"), mail("ben"), hook]);
    assert_eq!(server.mails().len(), 2);
    assert!(server.mails()[0].header("Subject").unwrap().ends_with("A test: notices arrive"));
    assert!(sink.received()[0].body.contains("\"event\":\"test\""), "{:?}", sink.received());

    server.mode("reject ben@clinic.test");
    sink.answer(404, "", &format!("no such page: /{TOKEN}"));
    let answer = world.ctl(&["alerts", "test"]).expect_code(1);
    for words in ["250 2.0.0 queued", "localhost answered 550 5.1.1 no such user", "127.0.0.1 answered 404"] {
        assert!(answer.stdout.contains(words), "'{words}' is not in {answer:#?}");
    }
    let audit = world.ctl(&["audit", "--json"]).json();
    let records: Vec<_> =
        audit["records"].as_array().unwrap().iter().filter(|r| r["action"] == "alerts.test").collect();
    assert_eq!(records.iter().map(|r| r["outcome"].as_str().unwrap()).collect::<Vec<_>>(), ["done", "failed"]);
}

#[test]
fn a_test_says_in_plain_words_what_is_wrong_with_a_server() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    let world = World::new();
    let _daemon = world.start();
    let good = world.config();
    let nobody = world.ctl(&["alerts", "test"]).expect_code(4);
    assert!(nobody.stderr.contains("nobody is told of anything"), "{nobody:#?}");
    let right = email(&server);
    fs::write(server.path("other"), "another").unwrap();
    for (from, to, words) in [
        ("password\"", "other\"", "refused user or password (535 "),
        ("localhost", "mail.invalid", "the name mail.invalid does not resolve"),
        ("ca.pem\"", "right.pem\"", "is not trusted"),
        ("user = \"carelog\"", "tls = \"implicit\"\nuser = \"carelog\"", "no TLS with localhost"),
    ] {
        assert!(right.contains(from), "{from}");
        world.write_config(&format!("{good}{}", right.replacen(from, to, 1)));
        reload(&world);
        let answer = world.ctl(&["alerts", "test"]).expect_code(1);
        assert!(answer.stdout.contains(words), "'{words}' is not in {answer:#?}");
    }
    assert_eq!(server.mails().len(), 0);
    world.write_config(&format!("{good}{right}"));
    reload(&world);
    world.ctl(&["alerts", "test"]).expect_code(0);
}

#[test]
fn what_happened_is_told_also_after_an_outage_and_a_restart_and_no_secret_is_kept() {
    let Some(mut server) = SmtpServer::start(Security::StartTls) else { return };
    let (world, sink) = (World::new(), HttpSink::start());
    add(&world, &(email(&server) + &webhook("monitor", &sink, "on = [\"backup_success\"]")));
    server.go();
    sink.say_nothing();
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    wait_until("the attempt in vain", || world.ctl(&["status", "--json"]).json()["notices"]["last_error"].is_string());
    drop(daemon);
    server.come_back();
    sink.answer(200, "", "ok");
    // Nothing of it is due for a minute. A new one finds the ways open, and takes the others along.
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    let backups =
        |subjects: &[(String, String)]| subjects.iter().filter(|(_, s)| s.to_lowercase().contains("backup")).count();
    wait_until("the mails", || backups(&server.subjects()) >= 4);
    wait_until("the requests", || sink.received().iter().filter(|r| r.body.contains("backup_success")).count() >= 2);
    wait_until("an empty outbox", || world.ctl(&["status", "--json"]).json()["notices"]["waiting"] == 0);
    let mut ids: Vec<_> = server.mails().iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
    let mails = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), mails, "one of them came twice");

    let state: Vec<u8> = ["catalog.db", "catalog.db-wal"]
        .into_iter()
        .flat_map(|name| fs::read(world.state_dir().join(name)).unwrap_or_default())
        .collect();
    let holds = |secret: &str| state.windows(secret.len()).any(|bytes| bytes == secret.as_bytes());
    assert!(!holds(TOKEN) && !holds(PASSWORD), "a secret lies in the catalog");
    assert!(!world.log().contains(TOKEN) && !world.log().contains(PASSWORD), "a secret is logged");
}

#[test]
fn a_heartbeat_is_heard_while_all_is_well_and_a_reload_brings_another() {
    let (world, sink) = (World::new(), HttpSink::start());
    // A daemon that never took a backup is not well.
    let daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    drop(daemon);
    add(&world, &webhook("alive", &sink, "heartbeat = \"10s\""));
    let _daemon = world.start();
    wait_until("a heartbeat", || sink.received().iter().any(|request| request.line == format!("GET /{TOKEN}")));
    assert!(!world.log().contains(TOKEN));
}

/// How often each letter was taken by the server, by its Message-ID.
#[cfg(feature = "failpoints")]
fn counts(server: &SmtpServer) -> Vec<usize> {
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for mail in server.mails() {
        *counts.entry(mail.header("Message-ID").unwrap()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_unstable();
    counts
}

/// Until both admins were told of both backups.
#[cfg(feature = "failpoints")]
fn wait_for_all(world: &World, server: &SmtpServer) {
    wait_until("the mails", || counts(server).len() >= 4);
    wait_until("an empty outbox", || world.ctl(&["status", "--json"]).json()["notices"]["waiting"] == 0);
}

#[cfg(feature = "failpoints")]
#[test]
fn a_daemon_killed_between_the_answer_and_its_note_sends_that_mail_a_second_time_and_no_other() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    let world = World::new();
    add(&world, &email(&server));
    let mut daemon = world.start_with(&[("CARELOG_FAIL", "outbox.taken=kill")]);
    // The client may be answered or not, as the daemon is killed soon after.
    world.ctl(&["backup"]);
    daemon.wait();
    drop(daemon);
    assert_eq!(counts(&server), [1]);
    let _daemon = world.start();
    world.ctl(&["backup"]).expect_code(0);
    wait_for_all(&world, &server);
    let counts = counts(&server);
    let (last, others) = counts.split_last().unwrap();
    assert_eq!(*last, 2, "the one that was taken and not noted");
    assert!(others.len() >= 3 && others.iter().all(|count| *count == 1), "{counts:?}");
}

#[cfg(feature = "failpoints")]
#[test]
fn what_was_taken_and_could_not_be_noted_is_not_sent_again() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    let world = World::new();
    add(&world, &email(&server));
    let _daemon = world.start_with(&[("CARELOG_FAIL", "outbox.taken=error")]);
    world.ctl(&["backup"]).expect_code(0);
    wait_until("the error", || world.log().contains("the outbox cannot be read or written"));
    world.ctl(&["backup"]).expect_code(0);
    wait_for_all(&world, &server);
    let counts = counts(&server);
    assert!(counts.len() >= 4 && counts.iter().all(|count| *count == 1), "{counts:?}");
}
