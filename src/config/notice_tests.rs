//! `[email]` and `[[webhook]]`: what is taken over, and what goes before it. What is refused is in `tests/data/config`.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::model::EventKind;

const SOURCE: &str = "[[source]]\nname = \"data\"\ntype = \"json\"\npath = \"/srv/data.json\"\n";

/// The smallest that works, in a clinic whose mail server asks nothing.
const EMAIL: &str = "[email]\nhost = \"mail.test\"\nfrom = \"carelog@mail.test\"\nadmins = [\"root@mail.test\"]\n";

fn with(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let look = |asked: &str| variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| value.into());
    Config::parse(Path::new("FILE"), &format!("{SOURCE}{text}"), &look)
}

fn email(text: &str, variables: &[(&str, &str)]) -> Email {
    with(text, variables).unwrap().email.unwrap()
}

#[test]
fn every_value_of_email_is_taken_over() {
    let text = r#"
        [email]
        host = "smtp.example.com"
        port = 465
        tls = "implicit"
        user = "mailer"
        password_file = "/etc/carelog/smtp"
        ca_file = "/etc/carelog/ca.pem"
        from = "backup@example.com"
        from_name = "Backups of the clinic"
        admins = ["a@example.com", "b@example.com", "A@example.com"]
        notify_after_restore = ["desk@example.com"]
        [email.users]
        alice = "alice@example.com"
    "#;
    let expected = Email {
        host: "smtp.example.com".to_owned(),
        port: 465,
        tls: MailTls::Implicit,
        user: Some("mailer".to_owned()),
        password: Some(MailPassword::File("/etc/carelog/smtp".into())),
        from: "backup@example.com".to_owned(),
        from_name: "Backups of the clinic".to_owned(),
        admins: vec!["a@example.com".to_owned(), "b@example.com".to_owned()],
        ca_file: Some("/etc/carelog/ca.pem".into()),
        users: [("alice".to_owned(), "alice@example.com".to_owned())].into(),
        notify_after_restore: vec!["desk@example.com".to_owned()],
    };
    assert_eq!(email(text, &[]), expected);
}

#[test]
fn a_port_goes_with_the_way_in_which_the_connection_is_made_private() {
    for (host, tls, port) in [("mail.test", "starttls", 587), ("mail.test", "implicit", 465), ("127.0.0.1", "none", 25)]
    {
        let text = EMAIL.replace("mail.test\"\nfrom", &format!("{host}\"\ntls = \"{tls}\"\nfrom"));
        assert_eq!(email(&text, &[]).port, port, "{tls}");
    }
}

#[test]
fn only_a_server_on_this_machine_may_be_talked_to_in_the_clear() {
    let text = |host: &str| EMAIL.replace("host = \"mail.test\"", &format!("host = \"{host}\"\ntls = \"none\""));
    for host in ["localhost", "LocalHost", "127.0.0.1", "127.8.9.1", "::1"] {
        assert!(with(&text(host), &[]).is_ok(), "{host}");
    }
    for host in ["mail.test", "192.168.0.1", "localhost.evil.test", "127.0.0.1.evil.test", "0.0.0.0", "::"] {
        let errors = with(&text(host), &[]).unwrap_err().to_string();
        assert!(errors.starts_with("FILE:7: email.tls: would send mail and password in the clear"), "{host}: {errors}");
    }
}

#[test]
fn the_environment_goes_before_the_file() {
    let variables = [
        ("SMTP_HOST", "other.test"),
        ("SMTP_PORT", "2525"),
        ("SMTP_USER", "me"),
        ("SMTP_PASSWORD", "s3cret"),
        ("SMTP_TLS", "true"),
        ("EMAILS_FROM_EMAIL", "env@mail.test"),
        ("EMAILS_FROM_NAME", "Env"),
    ];
    let email = email(EMAIL, &variables);
    assert_eq!((email.host.as_str(), email.port, email.tls), ("other.test", 2525, MailTls::StartTls));
    assert_eq!((email.from.as_str(), email.from_name.as_str()), ("env@mail.test", "Env"));
    assert_eq!(
        (email.user.as_deref(), &email.password),
        (Some("me"), &Some(MailPassword::Environment("s3cret".to_owned())))
    );
    assert!(!format!("{email:?}").contains("s3cret"));
}

#[test]
fn the_environment_alone_is_enough_but_for_whom_to_write_to() {
    let variables = [("SMTP_HOST", "other.test"), ("EMAILS_FROM_EMAIL", "env@mail.test")];
    assert_eq!(email("[email]\nadmins = [\"root@mail.test\"]\n", &variables).host, "other.test");
    let errors = with("", &variables).unwrap_err().to_string();
    assert!(errors.starts_with("environment variable SMTP_HOST: admins: is empty"), "{errors}");
    // What belongs to another program says nothing without the host.
    assert_eq!(with("", &[("SMTP_USER", "me"), ("SMTP_PASSWORD", "x")]).unwrap().email, None);
}

#[test]
fn a_bad_variable_is_named_and_a_password_never_repeated() {
    for (name, value, message) in [
        ("SMTP_TLS", "maybe", "'maybe' is none of: true, false, starttls, implicit, none"),
        ("SMTP_TLS", "false", "tls: would send mail and password in the clear to 'mail.test'"),
        ("SMTP_PORT", "0", "0 is not a whole number from 1 to 65535"),
        ("SMTP_HOST", "smtp://mail.test", "'smtp://mail.test' is no name of a server"),
        ("EMAILS_FROM_EMAIL", "nobody", "'nobody' is no mail address"),
    ] {
        let errors = with(EMAIL, &[(name, value)]).unwrap_err().to_string();
        assert!(errors.contains(message) && errors.contains(name), "{errors}");
    }
}

#[test]
fn every_value_of_a_webhook_is_taken_over() {
    let text = r#"
        [[webhook]]
        name = "chat"
        url = "https://hooks.example.com/T0K3N"
        format = "slack"
        on = ["backup_failure", "low_disk"]
        [[webhook]]
        name = "alive"
        url_file = "/etc/carelog/ping"
        heartbeat = "5m"
    "#;
    let [chat, alive] = <[Webhook; 2]>::try_from(with(text, &[]).unwrap().webhooks).unwrap();
    assert_eq!(chat.url, WebhookUrl::Text("https://hooks.example.com/T0K3N".to_owned()));
    assert_eq!((chat.format, chat.heartbeat), (WebhookFormat::Slack, None));
    assert_eq!(chat.on, [EventKind::BackupFailure, EventKind::LowDisk].into());
    assert_eq!(alive.url, WebhookUrl::File("/etc/carelog/ping".into()));
    assert_eq!((alive.heartbeat, alive.on.len()), (Some(Duration::from_secs(300)), 0));
    assert!(!format!("{chat:?}").contains("T0K3N"));
}

#[test]
fn no_complaint_repeats_the_address_of_a_webhook() {
    for url in [
        "ftp://T0K3N.test/",
        "https://a b/T0K3N",
        "T0K3N",
        "https:///T0K3N",
        "https://h\u{e4}.test/T0K3N",
        "https://:80/T0K3N",
    ] {
        let text = format!("[[webhook]]\nname = \"chat\"\nurl = \"{url}\"\n");
        let errors = with(&text, &[]).unwrap_err().to_string();
        assert!(errors.starts_with("FILE:7: webhook.chat.url: ") && !errors.contains("T0K3N"), "{errors}");
    }
}
