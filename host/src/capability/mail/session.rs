//! From nothing to a server that waits for a message: connect, greet, TLS,
//! log in. Whatever goes wrong here is about the server or the configuration
//! and never the end of a message, so all of it is worth a retry.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::dial;
use super::features::Features;
use super::settings::{Account, MailServer, Security};
use super::talk::{Failure, Talk};
use super::trust::Tls;
use super::wire::Wire;
use crate::capability::offline::Offline;

/// A stream to the server, with TLS or without.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A server that waits for a message.
pub(super) struct Session {
    pub(super) wire: Wire<Box<dyn Stream>>,
    pub(super) features: Features,
}

/// A server that has greeted.
enum Greeted {
    Clear(Wire<TcpStream>),
    Encrypted(Wire<Box<dyn Stream>>),
}

impl Session {
    /// Opens one with the server of `config`; `offline` hears of a network
    /// that is down.
    ///
    /// # Errors
    /// What went wrong, and which key cures it.
    pub(super) async fn open(config: &MailServer, offline: &Offline) -> Result<Self, Failure> {
        let talk = Talk(config);
        let tls = match config.security {
            Security::Plain => None,
            Security::StartTls | Security::Tls => {
                Some(Tls::of(config).await.map_err(|text| talk.failed(text))?)
            }
        };
        let wire: Wire<Box<dyn Stream>> = match (greet(talk, tls.as_ref(), offline).await?, tls) {
            (Greeted::Encrypted(wire), _) => wire,
            (Greeted::Clear(wire), Some(tls)) => start_tls(talk, wire, &tls).await?,
            (Greeted::Clear(wire), None) => {
                let stream = wire.into_stream().map_err(|broken| talk.failed(broken))?;
                Wire::new(Box::new(stream))
            }
        };
        let mut session = Self { wire, features: Features::default() };
        session.features = hello(talk, &mut session.wire).await?;
        if let Some(account) = &config.account {
            session.log_in(talk, account).await?;
        }
        Ok(session)
    }

    /// Shows name and password: by `PLAIN`, and by `LOGIN` where the server
    /// takes no `PLAIN`.
    async fn log_in(&mut self, talk: Talk<'_>, account: &Account) -> Result<(), Failure> {
        let offered = self.features.logins();
        let is_offered = |name: &str| offered.iter().any(|offered| offered == name);
        let mut refused = None;
        if is_offered("PLAIN") {
            let secret = STANDARD.encode(format!("\0{}\0{}", account.username, account.password));
            let plain = [format!("AUTH PLAIN {secret}"), secret];
            match self.dialogue(talk, &plain).await {
                Err(failure) if is_of_the_kind(&failure) => refused = Some(failure),
                end => return end.map_err(wrong_password),
            }
        }
        if is_offered("LOGIN") {
            let [username, password] =
                [&account.username, &account.password].map(|text| STANDARD.encode(text));
            let login = ["AUTH LOGIN".to_owned(), username, password];
            return self.dialogue(talk, &login).await.map_err(wrong_password);
        }
        Err(refused.unwrap_or_else(|| {
            talk.failed(match (offered.is_empty(), talk.0.security) {
                (true, Security::Plain) => "it offers no login; mostly that takes MAIL_USE_TLS \
                                            (or MAIL_USE_SSL, port 465). Where none is needed, \
                                            remove MAIL_USERNAME and MAIL_PASSWORD"
                    .to_owned(),
                (true, _) => "it offers no login here; is MAIL_PORT right (mostly 587, or 465 \
                              with MAIL_USE_SSL)? Where none is needed, remove MAIL_USERNAME and \
                              MAIL_PASSWORD"
                    .to_owned(),
                (false, _) => format!(
                    "it offers only logins that this program cannot do ({}), and a password is \
                     of no use there; PLAIN and LOGIN are what it can. Some providers offer \
                     these for an \"app password\", at another server name, or not at all",
                    offered.join(", ")
                ),
            })
        }))
    }

    /// Says `words` one after the other as long as the server asks for more.
    async fn dialogue(&mut self, talk: Talk<'_>, words: &[String]) -> Result<(), Failure> {
        for word in words {
            let answer = talk.command(&mut self.wire, "the login", word, &[235, 334]).await?;
            if answer.code == 235 {
                return Ok(());
            }
        }
        Err(talk.failed("its login asks and asks"))
    }
}

/// Whether this way of logging in was refused rather than the password.
fn is_of_the_kind(failure: &Failure) -> bool {
    use crate::contract::mail::MailError;
    match &failure.error {
        MailError::Permanent(reply) => (500..=504).contains(&reply.code) && !failure.has_ended,
        _ => false,
    }
}

/// A wrong password is for the operator to correct, not the end of a photo.
fn wrong_password(failure: Failure) -> Failure {
    use crate::contract::mail::{MailError, SmtpReply};
    let has_ended = failure.has_ended;
    let SmtpReply { code, text } = failure.into_reply();
    let text = match code {
        500.. => format!("{text}; are MAIL_USERNAME and MAIL_PASSWORD right?"),
        _ => text,
    };
    Failure { error: MailError::Temporary(SmtpReply { code, text }), has_ended }
}

/// Finds the server's addresses and lets one of them greet.
async fn greet(talk: Talk<'_>, tls: Option<&Tls>, offline: &Offline) -> Result<Greeted, Failure> {
    let MailServer { server, port, timeout, .. } = talk.0;
    let deadline = Instant::now() + *timeout;
    let addresses = tokio::time::timeout_at(deadline, dial::resolve(server, *port))
        .await
        .map_err(|_| talk.failed("no name server answers"))?
        .map_err(|error| {
            offline.look_at(&error);
            talk.failed(error)
        })?;
    first_to_greet(talk, addresses, tls, deadline, offline).await
}

/// Connects to the first of `addresses` that greets. Each has a share of the
/// time that is left.
async fn first_to_greet(
    talk: Talk<'_>,
    mut addresses: Vec<SocketAddr>,
    tls: Option<&Tls>,
    deadline: Instant,
    offline: &Offline,
) -> Result<Greeted, Failure> {
    loop {
        let stream = tokio::time::timeout_at(deadline, dial::connect(&mut addresses))
            .await
            .map_err(|_| {
                let timeout = humantime::format_duration(talk.0.timeout);
                talk.failed(format!("no connection within {timeout}"))
            })?
            .map_err(|failed| unconnected(talk, &failed, offline))?;
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() + 1).unwrap_or(1);
        match greeted(talk, stream, tls, share).await {
            Ok(greeted) => return Ok(greeted),
            Err(failure) if addresses.is_empty() => return Err(failure),
            Err(failure) => tracing::debug!("{}; its next address", failure.into_reply().text),
        }
    }
}

async fn greeted(
    talk: Talk<'_>,
    stream: TcpStream,
    tls: Option<&Tls>,
    longest: Duration,
) -> Result<Greeted, Failure> {
    let _ = stream.set_nodelay(true);
    let address = stream.peer_addr().map_or_else(|_| String::new(), |a| format!(" at {}", a.ip()));
    let silent = format!("the connection{address}");
    match tls.filter(|_| talk.0.security == Security::Tls) {
        Some(tls) => {
            let begun = Instant::now();
            let stream = tokio::time::timeout(longest, tls.begin(stream))
                .await
                .map_err(|_| {
                    talk.failed(format!(
                        "TLS does not begin{address}; is MAIL_PORT right? (MAIL_USE_TLS is for \
                         STARTTLS, mostly port 587)"
                    ))
                })?
                .map_err(|text| talk.failed(text))?;
            let mut wire: Wire<Box<dyn Stream>> = Wire::new(Box::new(stream));
            let left = longest.saturating_sub(begun.elapsed());
            greeting(talk, &mut wire, &silent, left).await?;
            Ok(Greeted::Encrypted(wire))
        }
        None => {
            let mut wire = Wire::new(stream);
            greeting(talk, &mut wire, &silent, longest).await?;
            Ok(Greeted::Clear(wire))
        }
    }
}

async fn greeting<S: AsyncRead + AsyncWrite + Unpin>(
    talk: Talk<'_>,
    wire: &mut Wire<S>,
    silent: &str,
    longest: Duration,
) -> Result<(), Failure> {
    let greeting = talk.in_time(silent, longest, wire.answer()).await?;
    talk.expect("the connection", greeting, &[220]).map(|_| ())
}

fn unconnected(talk: Talk<'_>, failed: &[(SocketAddr, io::Error)], offline: &Offline) -> Failure {
    let is_down = |error: &io::Error| {
        let seen = Offline::default();
        seen.look_at(error);
        seen.is_offline()
    };
    if let Some((_, error)) = failed.iter().find(|_| failed.iter().all(|(_, e)| is_down(e))) {
        offline.look_at(error);
    }
    let words: Vec<String> =
        failed.iter().map(|(address, error)| format!("{}: {error}", address.ip())).collect();
    talk.failed(words.join("; "))
}

/// `STARTTLS` and TLS. What was said in clear is forgotten; what was said
/// behind the 220 is somebody else's.
async fn start_tls(
    talk: Talk<'_>,
    mut wire: Wire<TcpStream>,
    tls: &Tls,
) -> Result<Wire<Box<dyn Stream>>, Failure> {
    if !hello(talk, &mut wire).await?.has("STARTTLS") {
        return Err(talk.failed(
            "it offers no STARTTLS; is MAIL_PORT right? (MAIL_USE_SSL is for TLS from the first byte)",
        ));
    }
    talk.command(&mut wire, "STARTTLS", "STARTTLS", &[220]).await?;
    wire.expect_silence().await.map_err(|broken| {
        talk.failed(format!(
            "{broken}, in clear, before TLS; somebody in between may be forging its answers"
        ))
    })?;
    let stream = wire.into_stream().map_err(|broken| talk.failed(broken))?;
    let stream = tokio::time::timeout(talk.0.timeout, tls.begin(stream))
        .await
        .map_err(|_| talk.failed("TLS does not begin after STARTTLS"))?
        .map_err(|text| talk.failed(text))?;
    Ok(Wire::new(Box::new(stream)))
}

/// `EHLO`, or `HELO` for a server that does not know it.
async fn hello<S: AsyncRead + AsyncWrite + Unpin>(
    talk: Talk<'_>,
    wire: &mut Wire<S>,
) -> Result<Features, Failure> {
    let name = own_name();
    match talk.command(wire, "EHLO", &format!("EHLO {name}"), &[250]).await {
        Ok(answer) => Ok(Features::new(&answer)),
        Err(failure) if is_of_the_kind(&failure) => {
            talk.command(wire, "HELO", &format!("HELO {name}"), &[250]).await?;
            Ok(Features::default())
        }
        Err(failure) => Err(failure),
    }
}

/// The name of this machine where it looks like one of the network's.
fn own_name() -> String {
    let system = rustix::system::uname();
    let is_plain = |name: &&str| {
        name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
    };
    match system.nodename().to_str().ok().filter(is_plain) {
        Some(name) => name.to_owned(),
        None => "[127.0.0.1]".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_address_that_does_not_greet_leaves_the_next_its_share_of_the_time() {
        let config = MailServer { timeout: Duration::from_secs(2), ..MailServer::default() };
        let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let alive = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = [&mute, &rude, &alive].map(|l| l.local_addr().unwrap()).to_vec();
        for (listener, greeting) in [(rude, "554 go away\r\n"), (alive, "220 hello\r\n")] {
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(greeting.as_bytes()).await.unwrap();
                std::future::pending::<()>().await;
            });
        }
        let deadline = Instant::now() + config.timeout;
        let greeted =
            first_to_greet(Talk(&config), addresses, None, deadline, &Offline::default()).await;
        assert!(matches!(greeted, Ok(Greeted::Clear(_))));
        assert!(Instant::now() < deadline);
    }
}
