//! One transaction a message, each wait with a deadline, one connection kept
//! for the next message.
//!
//! A message is delivered when the server has answered 250 to the end of this
//! very message, and nothing else is: not another code, not an answer that was
//! there before the end, not two answers.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::message::Outgoing;
use super::session::Session;
use super::settings::MailServer;
use super::stream::{Blocks, Dots};
use super::talk::{CLOSING, Failure, Talk};
use crate::capability::offline::Offline;
use crate::contract::mail::{MailError, RefusedRecipient, Sent, SmtpReply};

/// How long an idle connection is kept. Servers end them after 5 minutes.
const IDLE: Duration = Duration::from_secs(60);
/// How long an idle connection may take to show that it is alive. A new one
/// is quicker than to wait longer.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);
/// The answer to the whole message may take ten times as long as others
/// (RFC 5321 4.5.3.2.6: ten minutes).
const WHOLE_MESSAGE: u32 = 10;
/// The code of a message that is too large (RFC 1870 6.1).
const TOO_LARGE: u16 = 552;
/// The code of an address that the server does not take (RFC 6531 3.2).
const NOT_ALLOWED: u16 = 553;

/// The way to the operator's mail server. Holds the account.
pub struct Mailer {
    config: MailServer,
    idle: Mutex<Option<(Session, Instant)>>,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("config", &self.config).finish_non_exhaustive()
    }
}

/// How far a transaction got that failed.
#[derive(Debug)]
struct Stopped {
    failure: Failure,
    /// Whether the server has been told to take the message.
    was_handed_over: bool,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self { failure, was_handed_over: false }
    }
}

impl Mailer {
    /// For the server of `config`, to which it connects when there is mail.
    pub fn new(config: MailServer) -> Self {
        Self { config, idle: Mutex::new(None) }
    }

    pub(super) fn config(&self) -> &MailServer {
        &self.config
    }

    /// Sends `outgoing` in one transaction.
    ///
    /// # Errors
    /// Why nobody has it.
    pub(super) async fn send(
        &self,
        outgoing: Outgoing,
        offline: &Offline,
    ) -> Result<Sent, MailError> {
        if let Some(mut session) = self.reuse().await {
            match self.transaction(&mut session, &outgoing).await {
                // A kept connection that ends says nothing about the message.
                Err(Stopped { failure, was_handed_over: false }) if failure.has_ended => {
                    tracing::debug!("{}; a new connection", failure.into_reply().text);
                }
                end => return self.conclude(session, outgoing, end),
            }
        }
        let session = Session::open(&self.config, offline).await;
        let mut session = session.map_err(|failure| MailError::Temporary(failure.into_reply()))?;
        let end = self.transaction(&mut session, &outgoing).await;
        self.conclude(session, outgoing, end)
    }

    fn conclude(
        &self,
        session: Session,
        outgoing: Outgoing,
        end: Result<Vec<RefusedRecipient>, Stopped>,
    ) -> Result<Sent, MailError> {
        let is_over = end.as_ref().is_err_and(|stopped| stopped.failure.has_ended);
        if !is_over {
            let idle = Some((session, Instant::now()));
            *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = idle;
        }
        let refused = end.map_err(|stopped| stopped.failure.error)?;
        let refused = outgoing.refused.into_iter().chain(refused).collect();
        Ok(Sent { message_id: outgoing.message_id, refused })
    }

    async fn reuse(&self) -> Option<Session> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (mut session, _) = idle.filter(|(_, used)| used.elapsed() < IDLE)?;
        let longest = self.config.timeout.min(SIGN_OF_LIFE);
        let answer = tokio::time::timeout(longest, session.wire.ask("RSET")).await.ok()?.ok()?;
        (answer.code == 250).then_some(session)
    }

    /// From `MAIL` to the answer to the whole message; who was refused while
    /// others were not.
    async fn transaction(
        &self,
        session: &mut Session,
        outgoing: &Outgoing,
    ) -> Result<Vec<RefusedRecipient>, Stopped> {
        let in_utf8 = outgoing.is_international() && session.features.has("SMTPUTF8");
        let refused = self.envelope(session, outgoing, in_utf8).await?;
        Talk(&self.config).command(&mut session.wire, "DATA", "DATA", &[354]).await?;
        self.transmit(session, outgoing, in_utf8)
            .await
            .map_err(|failure| Stopped { failure, was_handed_over: true })?;
        Ok(refused)
    }

    /// From `MAIL` to the last `RCPT`.
    async fn envelope(
        &self,
        Session { wire, features }: &mut Session,
        outgoing: &Outgoing,
        in_utf8: bool,
    ) -> Result<Vec<RefusedRecipient>, Failure> {
        let talk = Talk(&self.config);
        let server = &self.config.server;
        let unwanted = |code, text| Failure {
            error: MailError::Permanent(SmtpReply { code, text }),
            has_ended: false,
        };
        let beyond_ascii = || format!("{server} takes no addresses outside ASCII (SMTPUTF8)");
        let mut mail = format!("MAIL FROM:<{}>", outgoing.from);
        if let Some(limit) = features.size() {
            let size = outgoing.size(in_utf8);
            if let Some(limit) = limit.filter(|limit| *limit < size) {
                let text = format!("the message has {size} bytes, {server} takes {limit}");
                return Err(unwanted(TOO_LARGE, text));
            }
            mail += &format!(" SIZE={size}");
        }
        if in_utf8 {
            mail += " SMTPUTF8";
        } else if !outgoing.from.is_ascii() {
            return Err(unwanted(NOT_ALLOWED, beyond_ascii()));
        }
        if let Err(failure) = talk.command(wire, "the sender", &mail, &[250]).await {
            return Err(match failure.error {
                MailError::Permanent(SmtpReply { code, text })
                    if self.config.default_sender.is_none() =>
                {
                    let cure = "a sender that it takes goes into MAIL_DEFAULT_SENDER";
                    unwanted(code, format!("{text}; {cure}"))
                }
                error => Failure { error, ..failure },
            });
        }
        let mut refused = Vec::new();
        for (written, address) in &outgoing.to {
            let reply = if !in_utf8 && !address.is_ascii() {
                SmtpReply { code: NOT_ALLOWED, text: format!("{}: {written}", beyond_ascii()) }
            } else {
                let recipient = format!("RCPT TO:<{address}>");
                match talk.command(wire, written, &recipient, &[250, 251]).await {
                    Ok(_) => continue,
                    Err(failure) if failure.has_ended => return Err(failure),
                    Err(failure) => failure.into_reply(),
                }
            };
            refused.push(RefusedRecipient { address: written.clone(), reply });
        }
        if refused.len() < outgoing.to.len() {
            return Ok(refused);
        }
        // Worth a retry as long as one of them is.
        let first = refused.iter().position(|refused| refused.reply.code < 500);
        let SmtpReply { code, text } = refused.swap_remove(first.unwrap_or_default()).reply;
        match code {
            500.. => Err(unwanted(code, text)),
            _ => {
                let error = MailError::Temporary(SmtpReply { code, text });
                Err(Failure { error, has_ended: false })
            }
        }
    }

    /// Sends the message, and waits for the one answer that means that the
    /// server has all of it.
    async fn transmit(
        &self,
        session: &mut Session,
        outgoing: &Outgoing,
        in_utf8: bool,
    ) -> Result<(), Failure> {
        let talk = Talk(&self.config);
        let mut blocks = Blocks::new(outgoing.head(in_utf8), outgoing.body());
        let mut dots = Dots::new();
        loop {
            let block = blocks.next().await;
            let block = block
                .map_err(|error| talk.failed(format!("the message could not be read: {error}")))?;
            let Some(block) = block else { break };
            self.write(session, &dots.double(block)).await?;
        }
        self.flush(session).await?;
        self.listen(session).await?;
        self.write(session, dots.end()).await?;
        self.flush(session).await?;
        let longest = self.config.timeout * WHOLE_MESSAGE;
        let answer = match tokio::time::timeout(longest, session.wire.answer()).await {
            Ok(answer) => answer.map_err(|broken| talk.failed(broken))?,
            Err(_) => return Err(talk.failed("no answer to the whole message in time")),
        };
        let taken = talk.expect("the message", answer, &[250]);
        // Two answers, and nobody knows which one is to the message. Of a
        // farewell that is known.
        match session.wire.rest().await {
            None => taken.map(|_| ()),
            Some(rest) if rest.starts_with(&CLOSING.to_string()) => taken.map(|_| ()),
            Some(rest) => {
                Err(talk.failed(format!("two answers to the message; the second: {rest:?}")))
            }
        }
    }

    /// Writes all of `block`, as long as the server goes on taking.
    async fn write(&self, session: &mut Session, block: &[u8]) -> Result<(), Failure> {
        let talk = Talk(&self.config);
        let mut left = block;
        while !left.is_empty() {
            let some = session.wire.say_some(left);
            match tokio::time::timeout(self.config.timeout, some).await {
                Ok(Ok(count)) => left = &left[count..],
                Ok(Err(broken)) => {
                    // Mostly it has said why.
                    self.listen(session).await?;
                    return Err(talk.failed(broken));
                }
                Err(_) => return Err(talk.failed("it takes no more of the message")),
            }
        }
        Ok(())
    }

    async fn flush(&self, session: &mut Session) -> Result<(), Failure> {
        let flushed = tokio::time::timeout(self.config.timeout, session.wire.say(b"")).await;
        let talk = Talk(&self.config);
        flushed
            .map_err(|_| talk.failed("it takes no more of the message"))?
            .map_err(|broken| talk.failed(broken))
    }

    /// What the server says in the middle of a message can only be a refusal.
    async fn listen(&self, session: &mut Session) -> Result<(), Failure> {
        let talk = Talk(&self.config);
        if !session.wire.has_come().await.map_err(|broken| talk.failed(broken))? {
            return Ok(());
        }
        let answer =
            talk.in_time("the message", self.config.timeout, session.wire.answer()).await?;
        let failure = match answer.code {
            400.. => talk.refused("a part of the message", &answer),
            code => talk.failed(format!("it answered {code} before the end of the message")),
        };
        Err(Failure { has_ended: true, ..failure })
    }
}
