//! Causes: why there was no answer, read out of the layers of the HTTP client's errors.

use std::error::Error as StdError;
use std::io;

use super::answer::printable;

/// The longest text kept of a foreign error, in characters.
const MAX_DETAIL: usize = 300;

/// Why there was no answer, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The host's name has no address.
    #[error("its host name cannot be resolved")]
    Dns,
    /// No connection came about.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No connection came about in time.
    #[error("cannot connect: no answer in {} s", super::transport::CONNECT_TIMEOUT.as_secs())]
    ConnectTimeout,
    /// The server's certificate is signed by nobody this machine trusts.
    #[error("its certificate is not trusted: {0}")]
    UnknownAuthority(String),
    /// TLS failed otherwise: an expired certificate, another host's certificate, no common version.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// A server that was expected to speak TLS speaks HTTP.
    #[error("it speaks plain HTTP, not HTTPS")]
    PlainHttp,
    /// Nothing was heard for too long.
    #[error("the connection went silent")]
    Idle,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The connection ended before the body did.
    #[error("the connection ended after {received} of {expected} bytes")]
    Truncated {
        /// Bytes received.
        received: u64,
        /// Bytes expected.
        expected: u64,
    },
    /// The request could not even be made.
    #[error("the request is invalid: {0}")]
    Request(String),
}

/// Calls `visit` with `error` and all that lies below it, also what is wrapped in I/O errors, whose `source` skips it.
fn walk<'a>(error: &'a (dyn StdError + 'static), visit: &mut dyn FnMut(&'a (dyn StdError + 'static))) {
    visit(error);
    let wrapped = error.downcast_ref::<io::Error>().and_then(|io| io.get_ref());
    if let Some(inner) = wrapped {
        walk(inner, visit);
    } else if let Some(source) = error.source() {
        walk(source, visit);
    }
}

impl Cause {
    /// Reads the cause out of an error of the HTTP client. Its URL, whose query may hold a secret, is left out.
    pub(super) fn of(error: reqwest::Error) -> Cause {
        let error = error.without_url();
        let mut tls = None;
        let mut deepest = String::new();
        walk(&error, &mut |layer| {
            if let Some(found) = layer.downcast_ref::<rustls::Error>() {
                tls = Some(found.clone());
            }
            deepest = printable(&layer.to_string(), MAX_DETAIL);
        });
        match tls {
            Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => return Cause::PlainHttp,
            Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
                return Cause::UnknownAuthority("it is signed by an unknown authority".to_owned());
            }
            Some(rustls::Error::General(message)) if message.contains("No CA certificates") => {
                return Cause::UnknownAuthority("this machine has no certificate authorities".to_owned());
            }
            Some(other) => return Cause::Tls(printable(&other.to_string(), MAX_DETAIL)),
            None => {}
        }
        if error.is_dns() || deepest.contains("failed to lookup address") {
            Cause::Dns
        } else if error.is_connect() && error.is_timeout() {
            Cause::ConnectTimeout
        } else if error.is_connect() {
            Cause::Connect(deepest)
        } else if error.is_timeout() {
            Cause::Idle
        } else if error.is_builder() {
            Cause::Request(deepest)
        } else {
            Cause::Broken(deepest)
        }
    }
}
