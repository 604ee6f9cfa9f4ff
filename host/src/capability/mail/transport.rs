//! Speaking with the mail server: one transaction a message, each wait with a
//! deadline, one connection kept for the next message.
//!
//! lettre's own `send` gives up at the first refused recipient, does not tell
//! the size and has one deadline for everything, so the commands are given
//! here, one by one.

use std::error::Error as _;
use std::io;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::sync::{oneshot, watch};

use super::message::Outgoing;
use super::settings::{MailServer, Security, Trust};
use crate::capability::offline::Offline;
use crate::contract::mail::{MailError, RefusedRecipient, Sent, SmtpReply};
use crate::digest;

/// How long an idle connection is kept. Servers end them after 5 minutes.
const IDLE: Duration = Duration::from_secs(60);

/// The way to the operator's mail server. Holds the account.
pub struct Mailer {
    config: MailServer,
    idle: Mutex<Option<Connection>>,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("config", &self.config).finish_non_exhaustive()
    }
}

struct Connection {
    smtp: AsyncSmtpConnection,
    /// Whether the server wants to know the size before, and its limit.
    size: Option<Option<u64>>,
    used: Instant,
}

impl Mailer {
    /// For the server of `config`, to which it connects when there is mail.
    pub fn new(config: MailServer) -> Self {
        Self { config, idle: Mutex::new(None) }
    }

    pub(super) fn config(&self) -> &MailServer {
        &self.config
    }

    pub(super) async fn send(
        &self,
        outgoing: Outgoing,
        offline: &Offline,
    ) -> Result<Sent, MailError> {
        let mut connection = match self.reuse().await {
            Some(connection) => connection,
            None => self.connect(offline).await?,
        };
        let message_id = outgoing.message_id.clone();
        let refused = match self.envelope(&mut connection, &outgoing).await {
            Ok(refused) => refused,
            Err(error) => {
                // After a silence, the next answer could be the one to this.
                if reply_code(&error) != 0 {
                    self.keep(connection);
                }
                return Err(error);
            }
        };
        let (smtp, answer) = self.transmit(connection.smtp, outgoing).await?;
        let connection = Connection { smtp, used: Instant::now(), ..connection };
        match answer {
            Ok(_) => {
                self.keep(connection);
                Ok(Sent { message_id, refused })
            }
            Err(error) => Err(self.refusal("to the message", &error)),
        }
    }

    async fn reuse(&self) -> Option<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let mut connection = Some(idle).filter(|idle| idle.used.elapsed() < IDLE)?;
        self.answer("RSET", connection.smtp.command(Rset)).await.ok()?;
        Some(connection)
    }

    fn keep(&self, connection: Connection) {
        if !connection.smtp.has_broken() {
            *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        }
    }

    async fn connect(&self, offline: &Offline) -> Result<Connection, MailError> {
        let config = &self.config;
        let hello = hello();
        let tls = match config.security {
            Security::Plain => None,
            Security::StartTls | Security::Tls => {
                Some(tls(config).await.map_err(|text| self.unreachable(text))?)
            }
        };
        let at_once = tls.clone().filter(|_| config.security == Security::Tls);
        let connection = AsyncSmtpConnection::connect_tokio1(
            (config.server.as_str(), config.port),
            Some(config.timeout),
            &hello,
            at_once,
            None,
        );
        let greeting = async { connection.await.inspect_err(|error| offline.look_at(error)) };
        let mut smtp = self.answer("the connection", greeting).await.map_err(temporary)?;
        if let (Security::StartTls, Some(tls)) = (config.security, tls) {
            if !smtp.can_starttls() {
                return Err(self.unreachable(
                    "it offers no STARTTLS; is MAIL_PORT right? (MAIL_USE_SSL is for TLS from the first byte)",
                ));
            }
            self.answer("STARTTLS", smtp.starttls(tls, &hello)).await.map_err(temporary)?;
        }
        if let (Trust::Pin(pin), true) = (&config.trust, smtp.is_encrypted()) {
            let certificate = smtp.peer_certificate().map_err(|e| self.unreachable(e))?;
            let shown = digest::sha256(&certificate);
            if shown != *pin {
                return Err(self.unreachable(format!(
                    "its certificate has the SHA-256 {shown}, not the one of MAIL_PIN_SHA256"
                )));
            }
        }
        // lettre keeps no limit of size, so the server is asked once more.
        let features = self.answer("EHLO", smtp.command(Ehlo::new(hello))).await;
        let size = announced_size(&features.map_err(temporary)?);
        if let Some(account) = &config.account {
            let account = Credentials::new(account.username.clone(), account.password.clone());
            let login = self.answer("the login", smtp.auth(DEFAULT_MECHANISMS, &account)).await;
            // A wrong password is for the operator to correct, not the end of
            // a photo.
            login.map_err(|error| {
                let SmtpReply { code, text } = reply(temporary(error));
                let text = format!("{text}; are MAIL_USERNAME and MAIL_PASSWORD right?");
                MailError::Temporary(SmtpReply { code, text })
            })?;
        }
        Ok(Connection { smtp, size, used: Instant::now() })
    }

    /// From `MAIL` to `DATA`; answers who was refused while others were not.
    async fn envelope(
        &self,
        connection: &mut Connection,
        outgoing: &Outgoing,
    ) -> Result<Vec<RefusedRecipient>, MailError> {
        let Connection { smtp, size, .. } = connection;
        let mut parameters = Vec::new();
        if let Some(limit) = size {
            if let Some(limit) = limit.filter(|limit| *limit < outgoing.size) {
                let text = format!(
                    "the message has {} bytes, {} takes {limit}",
                    outgoing.size, self.config.server
                );
                return Err(MailError::Permanent(SmtpReply { code: 552, text }));
            }
            parameters.push(MailParameter::Size(outgoing.size as usize));
        }
        if outgoing.is_international() {
            if !smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
                let text = format!("{} takes no addresses outside ASCII", self.config.server);
                return Err(MailError::Permanent(SmtpReply { code: 553, text }));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = Mail::new(Some(outgoing.from.clone()), parameters);
        if let Err(error) = self.answer("the sender", smtp.command(from)).await {
            return Err(match error {
                MailError::Permanent(SmtpReply { code, text })
                    if self.config.default_sender.is_none() =>
                {
                    let text =
                        format!("{text}; a sender that it takes goes into MAIL_DEFAULT_SENDER");
                    MailError::Permanent(SmtpReply { code, text })
                }
                error => error,
            });
        }
        let mut refused = Vec::new();
        for (written, address) in &outgoing.to {
            let recipient = Rcpt::new(address.clone(), Vec::new());
            match self.answer(written, smtp.command(recipient)).await {
                Ok(_) => {}
                Err(error) if smtp.has_broken() || reply_code(&error) == 0 => return Err(error),
                Err(error) => {
                    refused
                        .push(RefusedRecipient { address: written.clone(), reply: reply(error) });
                }
            }
        }
        if refused.len() == outgoing.to.len() {
            // Worth a retry as long as one of them is.
            let first = refused.iter().find(|r| r.reply.code < 500).or(refused.first());
            let SmtpReply { code, text } = match first {
                Some(refused) => refused.reply.clone(),
                None => SmtpReply { code: 0, text: "no recipient".to_owned() },
            };
            return Err(match code {
                500.. => MailError::Permanent(SmtpReply { code, text }),
                _ => MailError::Temporary(SmtpReply { code, text }),
            });
        }
        self.answer("DATA", smtp.command(Data)).await?;
        Ok(refused)
    }

    /// Sends the message and waits for the answer to all of it.
    ///
    /// On a thread that may block, since the attachments are read there. It
    /// ends when nobody waits for it any more.
    async fn transmit(
        &self,
        mut smtp: AsyncSmtpConnection,
        outgoing: Outgoing,
    ) -> Result<(AsyncSmtpConnection, Result<Response, SmtpError>), MailError> {
        let (progress, watched) = watch::channel(());
        let (_waiting, mut nobody_waits) = oneshot::channel::<()>();
        let timeout = self.config.timeout;
        let runtime = tokio::runtime::Handle::current();
        let work = tokio::task::spawn_blocking(move || {
            runtime.block_on(async move {
                let stalled = pin!(stalled(watched, timeout));
                tokio::select! {
                    answer = smtp.message_iter(outgoing.blocks(progress)) => Ok((smtp, answer)),
                    text = stalled => Err(text),
                    _ = &mut nobody_waits => Err("the call has ended"),
                }
            })
        });
        match work.await {
            Ok(end) => end.map_err(|text| self.unreachable(text)),
            Err(error) => {
                let cause = error.try_into_panic().ok();
                let cause = cause.and_then(|cause| cause.downcast::<io::Error>().ok());
                let text = cause.map_or("it was interrupted".to_owned(), |e| e.to_string());
                Err(self.unreachable(format!("the message could not be read: {text}")))
            }
        }
    }

    /// The answer to one command, within the deadline.
    async fn answer<T>(
        &self,
        to: &str,
        wait: impl Future<Output = Result<T, SmtpError>>,
    ) -> Result<T, MailError> {
        match tokio::time::timeout(self.config.timeout, wait).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.refusal(to, &error)),
            Err(_) => Err(self.unreachable(format!(
                "no answer to {to} within {}",
                humantime::format_duration(self.config.timeout)
            ))),
        }
    }

    fn refusal(&self, to: &str, error: &SmtpError) -> MailError {
        let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let words = match &self.config.account {
            Some(account) => account.hide_in(&words),
            None => words,
        };
        let Some(code) = error.status() else {
            let text = match untrusted(error) {
                Some(why) => format!(
                    "its certificate is not trusted: {why}; if it is your server's own, name its \
                     authority with MAIL_CA_FILE or the certificate with MAIL_PIN_SHA256"
                ),
                None => words,
            };
            return self.unreachable(text);
        };
        let code = u16::from(code);
        let text = format!("{} answered {code} {words} to {to}", self.config.server);
        match error.is_permanent() {
            true => MailError::Permanent(SmtpReply { code, text }),
            false => MailError::Temporary(SmtpReply { code, text }),
        }
    }

    fn unreachable(&self, text: impl ToString) -> MailError {
        let MailServer { server, port, .. } = &self.config;
        let text = format!("mail server {server}:{port}: {}", text.to_string());
        MailError::Temporary(SmtpReply { code: 0, text })
    }
}

/// Before the first `MAIL`, a refusal is about the server and not the message.
fn temporary(error: MailError) -> MailError {
    MailError::Temporary(reply(error))
}

fn reply(error: MailError) -> SmtpReply {
    match error {
        MailError::Temporary(reply) | MailError::Permanent(reply) => reply,
        MailError::Denied(text) | MailError::Invalid(text) => SmtpReply { code: 0, text },
    }
}

fn reply_code(error: &MailError) -> u16 {
    match error {
        MailError::Temporary(reply) | MailError::Permanent(reply) => reply.code,
        MailError::Denied(_) | MailError::Invalid(_) => 0,
    }
}

/// Ends when no block begins for `timeout`, or the answer to the last one does
/// not come within ten times that.
async fn stalled(mut progress: watch::Receiver<()>, timeout: Duration) -> &'static str {
    loop {
        match tokio::time::timeout(timeout, progress.changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => {
                tokio::time::sleep(timeout * 10).await;
                return "no answer to the whole message in time";
            }
            Err(_) => return "it takes no more of the message",
        }
    }
}

async fn tls(config: &MailServer) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(config.server.clone())
        .certificate_store(CertificateStore::WebpkiRoots);
    match &config.trust {
        Trust::Public => {}
        Trust::Authority(path) => {
            let unusable = |error: &dyn std::fmt::Display| {
                format!("MAIL_CA_FILE: {} cannot be used: {error}", path.display())
            };
            let pem = tokio::fs::read(path).await.map_err(|error| unusable(&error))?;
            builder = builder
                .add_root_certificate(Certificate::from_pem(&pem).map_err(|e| unusable(&e))?);
        }
        // Compared after the handshake, which proves that the server has the
        // key, and before anything is said.
        Trust::Pin(_) => builder = builder.dangerous_accept_invalid_certs(true),
    }
    builder.build().map_err(|error| error.to_string())
}

/// Why the certificate was not accepted, if that is what happened.
fn untrusted(error: &SmtpError) -> Option<String> {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(rustls::Error::InvalidCertificate(why)) =
            inner.and_then(|inner| inner.downcast_ref())
        {
            return Some(why.to_string());
        }
        cause = error.source();
    }
    None
}

/// `SIZE` and its limit in the answer to `EHLO`; 0 means none (RFC 1870).
fn announced_size(answer: &Response) -> Option<Option<u64>> {
    answer.message().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let is_size = words.next()?.eq_ignore_ascii_case("SIZE");
        let limit = words.next().and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0);
        is_size.then_some(limit)
    })
}

/// The name of this machine where it looks like one of the network's.
fn hello() -> ClientId {
    let system = rustix::system::uname();
    match system.nodename().to_str() {
        Ok(name) if name.contains('.') && name.is_ascii() => ClientId::Domain(name.to_owned()),
        _ => ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST),
    }
}
