//! Whether the mail server is the one that the operator means: TLS, and what
//! its certificate must be.
//!
//! By default the machine's own list of authorities decides, as for all
//! requests of this program. `MAIL_CA_FILE` adds to it. `MAIL_PIN_SHA256`
//! replaces it: the one certificate, whatever else is in it.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::settings::{MailServer, Trust};
use crate::digest;

/// How TLS with the mail server begins.
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// As `config` says. Files are read anew: a renewed certificate needs no
    /// restart.
    ///
    /// # Errors
    /// What cannot be used, for the operator.
    pub(super) async fn of(config: &MailServer) -> Result<Self, String> {
        let name = ServerName::try_from(config.server.clone())
            .map_err(|_| format!("{:?} is no name that a certificate can have", config.server))?;
        let trust = config.trust.clone();
        let verifier = tokio::task::spawn_blocking(move || verifier(&trust))
            .await
            .map_err(|error| error.to_string())??;
        let client = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Self { connector: Arc::new(client).into(), name })
    }

    /// Begins TLS on `stream`, on which nothing may be left to read.
    ///
    /// # Errors
    /// What is wrong, and the key that cures it.
    pub(super) async fn begin(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        self.connector.connect(self.name.clone(), stream).await.map_err(|error| explain(&error))
    }
}

/// The certificates of a PEM file, each of which can be trusted.
///
/// # Errors
/// Why the file is of no use.
pub fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|_| "it is no PEM file".to_owned())?;
    if certificates.is_empty() {
        return Err("it holds no PEM certificate".to_owned());
    }
    for certificate in &certificates {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| format!("a certificate in it is broken ({error})"))?;
    }
    Ok(certificates)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn verifier(trust: &Trust) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let none = |error: rustls::Error| {
        format!(
            "this machine has no certificates to check servers with ({error}); install \
             ca-certificates, or set MAIL_CA_FILE or MAIL_PIN_SHA256"
        )
    };
    Ok(match trust {
        Trust::Public => Arc::new(Verifier::new(provider()).map_err(none)?),
        Trust::Authority(path) => {
            let unusable = |error: &dyn std::fmt::Display| {
                format!("MAIL_CA_FILE: {} cannot be used: {error}", path.display())
            };
            let pem = std::fs::read(path).map_err(|error| unusable(&error))?;
            let named = authorities(&pem).map_err(|error| unusable(&error))?;
            let verifier = Verifier::new_with_extra_roots(named.clone(), provider());
            Arc::new(Named { verifier: verifier.map_err(none)?, named })
        }
        Trust::Pin(sha256) => Arc::new(Pinned {
            sha256: sha256.clone(),
            algorithms: provider().signature_verification_algorithms,
        }),
    })
}

/// Trusts the machine's authorities and those of a file; and a certificate
/// that stands in the file itself, which the usual rules refuse where it says
/// that it is an authority (`openssl req -x509` makes such).
#[derive(Debug)]
struct Named {
    verifier: Verifier,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.verifier.verify_server_cert(shown, chain, name, ocsp, now) {
            // Its dates have been looked at before this is found.
            Err(rustls::Error::InvalidCertificate(error))
                if is_authority(&error) && self.named.iter().any(|named| named == shown) =>
            {
                let parsed = ParsedCertificate::try_from(shown)?;
                rustls::client::verify_server_name(&parsed, name)?;
                Ok(ServerCertVerified::assertion())
            }
            end => end,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Trusts one certificate, and that the server has its key.
#[derive(Debug)]
struct Pinned {
    sha256: String,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let sha256 = digest::sha256(shown);
        match sha256 == self.sha256 {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(rustls::Error::General(format!(
                "its certificate has the SHA-256 {sha256}, not the one of MAIL_PIN_SHA256"
            ))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other)
        if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)))
}

/// An error of the TLS library in the words of the configuration.
fn explain(error: &io::Error) -> String {
    use rustls::{Error, InvalidMessage};
    let Some(tls) = error.get_ref().and_then(|error| error.downcast_ref::<Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => {
                "it ended the connection when TLS began; is MAIL_PORT right? (MAIL_USE_SSL is \
                 for TLS from the first byte, mostly port 465, MAIL_USE_TLS for STARTTLS, mostly \
                 587)"
                    .to_owned()
            }
            _ => format!("the connection broke when TLS began: {error}"),
        };
    };
    match tls {
        Error::InvalidCertificate(why) => {
            let (why, cure) = distrust(why);
            format!("its certificate is not trusted: {why}; {cure}")
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "what it says is not TLS, as if it were in clear; is MAIL_PORT right? (MAIL_USE_SSL \
             is for TLS from the first byte, mostly port 465, MAIL_USE_TLS for STARTTLS, mostly \
             587)"
                .to_owned()
        }
        Error::PeerIncompatible(_) => {
            format!("it has no TLS that is safe; this program speaks TLS 1.2 and 1.3 ({tls})")
        }
        Error::AlertReceived(alert) => format!(
            "it does not want to speak TLS with this program ({alert:?}); mostly it knows no TLS \
             1.2 or 1.3, or has no certificate for the name in MAIL_SERVER"
        ),
        Error::General(text) => text.clone(),
        other => format!("TLS failed: {other}"),
    }
}

/// Why a certificate is not trusted, and what to do about it.
fn distrust(error: &CertificateError) -> (String, &'static str) {
    const PIN: &str = "if it is your server's own, put the certificate's SHA-256 into \
                       MAIL_PIN_SHA256 (MAIL_CA_FILE does not help here)";
    const OWN: &str = "if it is your server's own, name its authority with MAIL_CA_FILE or the \
                       certificate with MAIL_PIN_SHA256";
    const NAME: &str = "put a name that it is made for into MAIL_SERVER, or the certificate's \
                        SHA-256 into MAIL_PIN_SHA256 (MAIL_CA_FILE does not help here)";
    const CLOCK: &str = "the clock of this machine may be wrong; else renew it at the mail \
                         server, or put its SHA-256 into MAIL_PIN_SHA256 (MAIL_CA_FILE does not \
                         help here)";
    if is_authority(error) {
        return (
            "it is the certificate of an authority, not of a server".to_owned(),
            "if it is your server's own, name it with MAIL_CA_FILE or MAIL_PIN_SHA256",
        );
    }
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            ("no authority that this machine knows has signed it".to_owned(), OWN)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("certificate expired".to_owned(), CLOCK)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("it is not valid yet".to_owned(), CLOCK)
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let made_for = match error {
                CertificateError::NotValidForNameContext { expected, presented } => {
                    let presented: Vec<_> = presented.iter().take(10).map(|p| bare(p)).collect();
                    let presented = match presented.is_empty() {
                        true => "but for none at all".to_owned(),
                        false => format!("but for {}", presented.join(", ")),
                    };
                    format!(" {}, {presented}", expected.to_str())
                }
                _ => String::new(),
            };
            (format!("it is not valid for name{made_for}"), NAME)
        }
        CertificateError::Revoked => (
            "it has been revoked".to_owned(),
            "speak with whoever runs the mail server before anything else",
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            ("it is not made for servers".to_owned(), PIN)
        }
        CertificateError::BadEncoding => ("it is malformed".to_owned(), PIN),
        _ => ("it is of a kind that this program cannot check".to_owned(), PIN),
    }
}

/// `mail.example.org` of `DnsName("mail.example.org")`.
fn bare(presented: &str) -> &str {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.map_or(presented, |inner| inner.trim_matches('"'))
}
