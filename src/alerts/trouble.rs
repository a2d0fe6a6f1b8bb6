//! What goes wrong on the way to a server, in plain words with what to do. Never names more than its host.

use std::error::Error;
use std::io;

use rustls::CertificateError;

/// Where the certificates to trust are configured, for the words.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trust {
    /// `email.ca_file`, and the system's.
    CaFile,
    /// The system's alone.
    System,
}

/// What is wrong about TLS, if that is what `error` is about.
pub(super) fn tls(error: &(dyn Error + 'static), host: &str, trust: Trust) -> Option<String> {
    let error = in_chain::<rustls::Error>(error)?;
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return Some(format!("no TLS with {host}: {error}; check that the port is the one for TLS"));
    };
    Some(match certificate {
        CertificateError::UnknownIssuer => {
            let next = match trust {
                Trust::CaFile => "name the certificate of whoever signed it as email.ca_file",
                Trust::System => "add the certificate of whoever signed it to this machine (update-ca-certificates)",
            };
            format!("the certificate of {host} is not trusted: nobody that this machine knows signed it; {next}")
        }
        CertificateError::NotValidForName => wrong_name(host, &[]),
        CertificateError::NotValidForNameContext { presented, .. } => wrong_name(host, presented),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("the certificate of {host} has expired; have it renewed, or set this machine's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("the certificate of {host} is not valid yet; set this machine's clock")
        }
        CertificateError::Revoked => format!("the certificate of {host} was revoked; ask whoever runs the server"),
        other => format!("the certificate of {host} is not accepted: {other}; ask whoever runs the server"),
    })
}

fn wrong_name(host: &str, presented: &[String]) -> String {
    // As rustls has them: DnsName("mail.example.com").
    let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
    let names: Vec<_> = presented.iter().map(bare).collect();
    let issued = if names.is_empty() { String::new() } else { format!(" (it is for {})", names.join(", ")) };
    format!(
        "the certificate is not one of {host}{issued}; write the name that it is for, or have it issued for this one"
    )
}

/// What is wrong with the connection, if that is what `error` is about.
pub(super) fn connection(error: &(dyn Error + 'static), host: &str, port: u16) -> Option<String> {
    let error = in_chain::<io::Error>(error)?;
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("nothing listens at {host}, port {port}; check the port, and that the server runs")
        }
        io::ErrorKind::TimedOut => silent(host, port),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("there is no way to {host} from here ({error}); check the network")
        }
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => {
            format!("{host} closed the connection")
        }
        _ => format!("no connection with {host}, port {port}: {error}"),
    })
}

/// No address belongs to the name.
pub(super) fn no_such_host(host: &str) -> String {
    format!("the name {host} does not resolve; check its spelling, and this machine's DNS")
}

/// It does not answer.
pub(super) fn silent(host: &str, port: u16) -> String {
    format!("{host} does not answer at port {port}; check the port, and that no firewall is in between")
}

/// The first error of the type `E` among `error` and its causes. An [`io::Error`] hides what it wraps from the chain.
fn in_chain<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(certificate: CertificateError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(certificate))
    }

    #[test]
    fn each_fault_of_a_certificate_says_what_to_do() {
        for (fault, words) in [
            (CertificateError::UnknownIssuer, "email.ca_file"),
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "clock"),
            (CertificateError::NotValidForName, "not one of smtp.test;"),
            (CertificateError::Revoked, "revoked"),
            (CertificateError::BadEncoding, "not accepted"),
        ] {
            let text = tls(&wrapped(fault), "smtp.test", Trust::CaFile).unwrap();
            assert!(text.contains(words) && text.contains("smtp.test"), "{text}");
        }
        assert_eq!(tls(&io::Error::other("else"), "smtp.test", Trust::System), None);
    }

    #[test]
    fn faults_of_a_connection_name_host_and_port() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(
            connection(&refused, "smtp.test", 587).unwrap(),
            "nothing listens at smtp.test, port 587; check the port, and that the server runs"
        );
        assert_eq!(connection(&rustls::Error::DecryptError, "smtp.test", 587), None);
    }
}
