use super::*;
use crate::alerts::testing::notice;
use crate::catalog::samples::time;
use crate::config::MailTls;
use crate::model::EventKind;

fn email() -> Email {
    Email {
        host: "localhost".to_owned(),
        port: 25,
        tls: MailTls::None,
        user: None,
        password: None,
        from: "carelog@clinic.test".to_owned(),
        from_name: "Prax\u{ef}s, \"M\u{fc}ller\"".to_owned(),
        admins: Vec::new(),
        ca_file: None,
        users: Default::default(),
        notify_after_restore: Vec::new(),
    }
}

fn letter(recipient: &str) -> Letter {
    let mut notice = notice(EventKind::BackupFailure);
    notice.title = "Die Sicherung schlug fehl: \u{fc}berf\u{fc}llt \u{1f4be}".repeat(4);
    notice.message = "\u{e4}".repeat(2000);
    Letter { recipient: recipient.to_owned(), notice, earlier: None }
}

#[test]
fn a_mail_is_ascii_in_short_lines_whatever_the_notice_holds() {
    let message = build(&email(), &letter("anna@clinic.test"), time(0)).unwrap();
    let bytes = message.formatted();
    assert!(bytes.is_ascii());
    for line in bytes.split(|byte| *byte == b'\n') {
        // RFC 5322, section 2.1.1: 998 without CRLF; header lines and bodies of ours are well below.
        assert!(line.len() < 200, "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn a_message_id_belongs_to_the_notice_and_the_recipient_and_to_no_attempt() {
    let id = |recipient: &str, minute| {
        let message = build(&email(), &letter(recipient), time(minute)).unwrap();
        message.headers().get_raw("Message-ID").unwrap().to_owned()
    };
    assert_eq!(id("anna@clinic.test", 0), id("Anna@clinic.test", 99));
    assert_ne!(id("anna@clinic.test", 0), id("ben@clinic.test", 0));
    assert!(id("anna@clinic.test", 0).ends_with("@clinic.test>"));
    // It says nothing of who the recipient is to those to whom the mail is passed on.
    assert!(!id("anna@clinic.test", 0).contains("anna"));
}

#[test]
fn what_is_no_address_is_no_reason_to_panic() {
    let error = build(&email(), &letter("no\r\naddress"), time(0)).unwrap_err();
    assert_eq!(error, "'no  address' is no mail address");
}
