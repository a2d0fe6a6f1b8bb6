//! One mail server, whatever it does.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use carelogd::alerts::{Undelivered, Way, Ways};
use carelogd::config::{Email, MailPassword, MailTls};

use super::{answers, clock, letter, notice};
use crate::support::smtp::{PASSWORD, Security, SmtpServer};

const ANNA: &str = "anna@clinic.test";
const BEN: &str = "ben@clinic.test";

fn ways(email: Email) -> Ways {
    Ways::new(Some(email), &[], clock())
}

/// Why no letter gets through.
#[track_caller]
fn why_unreachable(email: Email) -> String {
    match answers(&ways(email), &Way::Mail, &[letter(ANNA, notice(1)), letter(BEN, notice(1))]).as_slice() {
        [(0, Err(Undelivered::Unreachable(why)))] => why.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_goes_over_one_private_connection_that_has_logged_in() {
    for (security, tls) in [(Security::StartTls, MailTls::StartTls), (Security::Implicit, MailTls::Implicit)] {
        let Some(server) = SmtpServer::start(security) else { return };
        let ways = ways(server.email(tls, &[]));
        let letters = [letter(ANNA, notice(1)), letter(BEN, notice(1)), letter(ANNA, notice(2))];
        let answers = answers(&ways, &Way::Mail, &letters);
        let expected: Vec<_> = (0..3).map(|index| (index, Ok("250 2.0.0 queued".to_owned()))).collect();
        assert_eq!(answers, expected, "{security:?}");
        let subject = |n: u32| format!("[CareLog clinic] number {n}");
        let expected = [(ANNA, 1), (BEN, 1), (ANNA, 2)].map(|(to, n)| (to.to_owned(), subject(n)));
        assert_eq!(server.subjects(), expected);
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn a_server_on_this_machine_may_be_talked_to_in_the_clear() {
    let Some(server) = SmtpServer::start(Security::Plain) else { return };
    let answers = answers(&ways(server.email(MailTls::None, &[])), &Way::Mail, &[letter(ANNA, notice(1))]);
    assert_eq!(answers, [(0, Ok("250 2.0.0 queued".to_owned()))]);
}

#[test]
fn a_mail_says_what_it_is_and_is_the_same_at_each_attempt() {
    let Some(server) = SmtpServer::start(Security::Plain) else { return };
    let ways = ways(server.email(MailTls::None, &[]));
    let mut hostile = notice(1);
    hostile.title = "b\u{f6}se\r\nBcc: everybody@elsewhere.test\r\n\r\nbody".to_owned();
    hostile.message = ".\r\nQUIT\r\n.. dots\n\u{1b}[31m".to_owned();
    for _attempt in 0..2 {
        answers(&ways, &Way::Mail, &[letter(ANNA, hostile.clone()), letter(BEN, hostile.clone())]);
    }
    let mails = server.mails();
    assert_eq!(mails.len(), 4, "{mails:#?}");
    let ids: Vec<_> = mails.iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
    assert_eq!((&ids[0], &ids[1]), (&ids[2], &ids[3]), "the same for the same recipient");
    assert_ne!(ids[0], ids[1], "and another for another");
    for mail in &mails {
        assert_eq!(mail.header("Bcc"), None, "{}", mail.raw);
        assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
        assert_eq!(mail.header("Date").as_deref(), Some("Sun, 22 Nov 2026 12:00:00 +0000"));
        assert_eq!(mail.header("From").as_deref(), Some("CareLog <carelog@clinic.test>"));
        assert!(mail.header("Content-Type").unwrap().starts_with("multipart/alternative"), "{}", mail.raw);
        assert!(mail.raw.is_ascii());
    }
}

#[test]
fn a_wrong_password_is_said_to_be_wrong_and_is_not_repeated() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    server.mode("noauth");
    let why = why_unreachable(server.email(MailTls::StartTls, &[]));
    assert!(why.starts_with("localhost refused user or password (535 "), "{why}");
    assert!(!why.contains(PASSWORD), "{why}");
    assert_eq!(server.mails().len(), 0);

    server.mode("");
    let environment = MailPassword::Environment(PASSWORD.to_owned());
    let email = Email { password: Some(environment), ..server.email(MailTls::StartTls, &[]) };
    assert!(!format!("{email:?}").contains(PASSWORD));
    assert!(matches!(answers(&ways(email), &Way::Mail, &[letter(ANNA, notice(1))])[..], [(0, Ok(_))]));
}

#[test]
fn a_password_that_cannot_be_read_is_said_so() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    let email = server.email(MailTls::StartTls, &[]);
    fs::write(server.path("password"), "\nnot in the first line\n").unwrap();
    let why = why_unreachable(email.clone());
    assert!(why.ends_with("password holds no password in its first line"), "{why}");
    fs::remove_file(server.path("password")).unwrap();
    let why = why_unreachable(email.clone());
    assert!(why.contains("the password cannot be read from /"), "{why}");
    assert_eq!(server.connections(), 0);

    // One that everybody can read is warned of and used.
    fs::write(server.path("password"), PASSWORD).unwrap();
    fs::set_permissions(server.path("password"), Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(answers(&ways(email), &Way::Mail, &[letter(ANNA, notice(1))])[..], [(0, Ok(_))]));
}

#[test]
fn nothing_is_sent_to_a_server_that_offers_no_tls() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    server.mode("nostarttls");
    let why = why_unreachable(server.email(MailTls::StartTls, &[]));
    assert!(why.contains("offers no STARTTLS") && why.contains("nothing is sent in the clear"), "{why}");
}

#[test]
fn a_server_that_is_not_the_one_it_says_is_not_told_the_password() {
    let Some(server) = SmtpServer::start(Security::WrongName) else { return };
    let why = why_unreachable(server.email(MailTls::StartTls, &[]));
    let expected = "the certificate is not one of localhost (it is for mail.elsewhere.test)";
    assert!(why.starts_with(expected), "{why}");

    let Some(server) = SmtpServer::start(Security::Implicit) else { return };
    let email = Email { ca_file: None, ..server.email(MailTls::Implicit, &[]) };
    let why = why_unreachable(email.clone());
    assert!(why.contains("is not trusted") && why.contains("email.ca_file"), "{why}");
    let why = why_unreachable(Email { ca_file: Some(server.path("password")), ..email });
    assert!(why.ends_with("holds no certificate in PEM form"), "{why}");
}

#[test]
fn a_name_that_does_not_resolve_and_a_port_where_nobody_listens_are_told_apart() {
    let Some(mut server) = SmtpServer::start(Security::Plain) else { return };
    let email = server.email(MailTls::None, &[]);
    let why = why_unreachable(Email { host: "mail.invalid".to_owned(), ..email.clone() });
    assert!(why.starts_with("the name mail.invalid does not resolve"), "{why}");
    server.go();
    let why = why_unreachable(email);
    assert!(why.starts_with(&format!("nothing listens at localhost, port {}", server.port())), "{why}");
}

#[test]
fn a_server_that_never_answers_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(server) = SmtpServer::start(Security::Plain) else { return };
    for tls in [MailTls::None, MailTls::StartTls, MailTls::Implicit] {
        let email = Email { port: silent.local_addr().unwrap().port(), ..server.email(MailTls::None, &[]) };
        let why = why_unreachable(Email { tls, ..email });
        assert!(why.contains("does not answer at port"), "{why}");
    }
}

#[test]
fn a_recipient_that_is_refused_does_not_keep_the_others_from_their_mail() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    let ways = ways(server.email(MailTls::StartTls, &[]));
    let letters = [letter(ANNA, notice(1)), letter(BEN, notice(1)), letter(ANNA, notice(2))];
    for (mode, words, is_final) in [
        ("greylist", "localhost answered 451 4.7.1 greylisted, try again later", false),
        ("reject", "localhost answered 550 5.1.1 no such user", true),
        ("datafail", "localhost answered 554 5.7.1 looks like spam", true),
    ] {
        server.mode(&format!("{mode} {BEN}"));
        let (before, connections) = (server.mails().len(), server.connections());
        let answers = answers(&ways, &Way::Mail, &letters);
        let refused = if is_final { Undelivered::Rejected } else { Undelivered::Refused };
        assert_eq!(answers[1], (1, Err(refused(words.to_owned()))), "{mode}");
        assert!(answers[0].1.is_ok() && answers[2].1.is_ok(), "{mode} {answers:?}");
        assert_eq!((server.mails().len() - before, server.connections() - connections), (2, 1), "{mode}");
    }
}

#[test]
fn a_letter_over_which_the_server_stumbles_does_not_block_those_behind_it() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    let ways = ways(server.email(MailTls::StartTls, &[]));
    server.mode(&format!("drop {ANNA}"));
    let told = answers(&ways, &Way::Mail, &[letter(ANNA, notice(1)), letter(BEN, notice(1))]);
    assert!(matches!(&told[..], [(0, Err(Undelivered::Refused(_))), (1, Ok(_))]), "{told:?}");

    // Over all of them it stumbles for reasons of its own.
    for mode in ["drop", "stall"] {
        server.mode(mode);
        let letters = [letter(ANNA, notice(1)), letter(BEN, notice(1)), letter(ANNA, notice(2))];
        let told = answers(&ways, &Way::Mail, &letters);
        assert!(
            matches!(&told[..], [(0, Err(Undelivered::Refused(_))), (1, Err(Undelivered::Unreachable(_)))]),
            "{mode} {told:?}"
        );
    }
}

#[test]
fn a_server_that_says_goodbye_is_taken_at_its_word() {
    let Some(server) = SmtpServer::start(Security::StartTls) else { return };
    server.mode("busy");
    assert_eq!(why_unreachable(server.email(MailTls::StartTls, &[])), "localhost answered 421 4.3.2 too busy");
}
