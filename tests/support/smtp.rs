//! A real mail server (aiosmtpd, which `tests/all` installs) that a test can have refuse, stall, cut off and come back.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use carelogd::config::{Email, MailPassword, MailTls};
use tempfile::TempDir;

use super::process::{has_tools, hermetic, run};

/// What the server wants to hear from the user 'carelog'.
pub(crate) const PASSWORD: &str = "geheim \\ \"p\u{e4}ss\"";

/// A mail server. Dropped, it is ended.
pub(crate) struct SmtpServer {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

/// How a server expects to be talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// In the clear, with no login.
    Plain,
    /// By STARTTLS, with a login.
    StartTls,
    /// By TLS from the first byte, with a login.
    Implicit,
    /// As `StartTls`, with a certificate for another name.
    WrongName,
}

/// A mail that the server took.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) raw: String,
}

impl Mail {
    /// A header, unfolded.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self.raw.replace("\r\n", "\n");
        let head = head.split("\n\n").next()?.replace("\n ", " ").replace("\n\t", " ");
        let prefix = format!("{}:", name.to_lowercase());
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&prefix))?;
        Some(line[prefix.len()..].trim().to_owned())
    }
}

/// Where `tests/all` puts aiosmtpd.
fn python_packages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tests-python")
}

impl SmtpServer {
    /// A server that runs. `None` where what it needs is not installed; under `tests/all` that is a failure.
    #[track_caller]
    #[expect(clippy::print_stderr, reason = "why a test was left out belongs to its output")]
    pub(crate) fn start(security: Security) -> Option<Self> {
        if !has_tools(&["python3", "openssl"]) {
            return None;
        }
        if !python_packages().join("aiosmtpd").exists() {
            assert!(std::env::var_os("CARELOG_TESTS_COMPLETE").is_none(), "tests/all should have installed aiosmtpd");
            eprintln!("left out: aiosmtpd is not installed; tests/all installs it");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("carelog-smtp-").tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/certificates.sh");
        run(hermetic(Path::new("/bin/sh"), folder.path()).arg(script).arg(folder.path())).expect_code(0);
        let certificate = if security == Security::WrongName { "wrong.pem" } else { "right.pem" };
        let tls = format!("--tls={}", folder.path().join(certificate).display());
        let password = format!("--password={PASSWORD}");
        let options = match security {
            Security::Plain => Vec::new(),
            Security::StartTls | Security::WrongName => vec![tls, password],
            Security::Implicit => vec![tls, password, "--implicit".to_owned()],
        };
        fs::write(folder.path().join("password"), format!("{PASSWORD}\nnot this\n")).unwrap();
        let mut server = Self { folder, port: 0, options, child: None };
        server.come_back();
        Some(server)
    }

    /// Starts it where it was before.
    #[track_caller]
    pub(crate) fn come_back(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/smtp_server.py");
        let mut child = hermetic(Path::new("/usr/bin/env"), self.folder.path())
            .args(["python3", "-B", "-W", "ignore"])
            .arg(script)
            .arg(self.folder.path())
            .arg(format!("--port={}", self.port))
            .args(&self.options)
            .env("PYTHONPATH", python_packages())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        self.child = Some(child);
        self.port = port.trim().parse().expect("the mail server did not start");
    }

    /// Ends it.
    pub(crate) fn go(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }

    /// What it does wrong from now on; see the script. Empty for nothing.
    pub(crate) fn mode(&self, mode: &str) {
        let file = self.path("mode");
        fs::write(file.with_extension("new"), mode).unwrap();
        fs::rename(file.with_extension("new"), file).unwrap();
    }

    /// What it took so far.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let read = |name: String| fs::read_to_string(self.path("mail").join(name)).ok();
        (0..).map_while(|n| Some(Mail { raw: read(n.to_string())?, to: read(format!("{n}.to"))? })).collect()
    }

    /// The subjects of what it took, with their recipients, in order.
    pub(crate) fn subjects(&self) -> Vec<(String, String)> {
        self.mails().into_iter().map(|mail| (mail.to.clone(), mail.header("Subject").unwrap())).collect()
    }

    /// How often somebody connected.
    pub(crate) fn connections(&self) -> usize {
        fs::read_to_string(self.path("connections")).map_or(0, |text| text.lines().count())
    }

    /// A file of it: `ca.pem`, `password`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The settings that fit it.
    pub(crate) fn email(&self, tls: MailTls, admins: &[&str]) -> Email {
        let has_login = tls != MailTls::None;
        Email {
            host: "localhost".to_owned(),
            port: self.port,
            tls,
            user: has_login.then(|| "carelog".to_owned()),
            password: has_login.then(|| MailPassword::File(self.path("password"))),
            from: "carelog@clinic.test".to_owned(),
            from_name: "CareLog".to_owned(),
            admins: admins.iter().map(|admin| (*admin).to_owned()).collect(),
            ca_file: has_login.then(|| self.path("ca.pem")),
            users: Default::default(),
            notify_after_restore: Vec::new(),
        }
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.go();
    }
}
