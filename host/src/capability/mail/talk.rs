//! One command with its deadline, and what its answer means to the guest and
//! to the operator. Every step says which codes it takes for a yes; every
//! other one is none, whatever it begins with.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::settings::MailServer;
use super::wire::{Answer, Broken, Wire};
use crate::contract::mail::{MailError, SmtpReply};

/// What is said at any time by a server that is about to end the connection
/// (RFC 5321 3.8).
pub(super) const CLOSING: u16 = 421;

/// A step that was not answered with yes.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: MailError,
    /// Whether the connection is of no use any more: after a silence, the next
    /// answer could be the one to this.
    pub(super) has_ended: bool,
}

impl Failure {
    /// The server's words, or the host's.
    pub(super) fn into_reply(self) -> SmtpReply {
        match self.error {
            MailError::Temporary(reply) | MailError::Permanent(reply) => reply,
            MailError::Denied(text) | MailError::Invalid(text) => SmtpReply { code: 0, text },
        }
    }
}

/// Speaks with the server of a configuration.
#[derive(Clone, Copy)]
pub(super) struct Talk<'a>(pub(super) &'a MailServer);

impl Talk<'_> {
    /// Says `command` and takes one of the codes `yes` for an answer. `to` is
    /// what the operator reads of it.
    pub(super) async fn command<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        wire: &mut Wire<S>,
        to: &str,
        command: &str,
        yes: &[u16],
    ) -> Result<Answer, Failure> {
        let answer = self.in_time(to, self.0.timeout, wire.ask(command)).await?;
        self.expect(to, answer, yes)
    }

    /// The end of `wait`, unless it takes longer than `longest`.
    pub(super) async fn in_time<T>(
        &self,
        to: &str,
        longest: Duration,
        wait: impl Future<Output = Result<T, Broken>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(longest, wait).await {
            Ok(Ok(end)) => Ok(end),
            Ok(Err(broken)) => Err(self.failed(broken)),
            Err(_) => Err(self.failed(format!(
                "no answer to {to} within {}",
                humantime::format_duration(longest)
            ))),
        }
    }

    /// `answer`, if it is one of `yes`.
    pub(super) fn expect(&self, to: &str, answer: Answer, yes: &[u16]) -> Result<Answer, Failure> {
        match yes.contains(&answer.code) {
            true => Ok(answer),
            false => Err(self.refused(to, &answer)),
        }
    }

    /// What an answer that is no yes means.
    pub(super) fn refused(&self, to: &str, answer: &Answer) -> Failure {
        let code = answer.code;
        let text = format!("{} answered {code} {} to {to}", self.0.server, answer.text());
        let text = self.without_secrets(text);
        match code {
            500.. => {
                Failure { error: MailError::Permanent(SmtpReply { code, text }), has_ended: false }
            }
            400.. => Failure {
                error: MailError::Temporary(SmtpReply { code, text }),
                has_ended: code == CLOSING,
            },
            // Neither yes nor no: what it means, and what it is the answer to,
            // nobody knows.
            _ => self.failed(format!("{text}, which is no answer to that")),
        }
    }

    /// No answer, or none that can be understood.
    pub(super) fn failed(&self, text: impl ToString) -> Failure {
        let MailServer { server, port, .. } = self.0;
        let text = self.without_secrets(text.to_string());
        let text = format!("mail server {server}:{port}: {text}");
        Failure { error: MailError::Temporary(SmtpReply { code: 0, text }), has_ended: true }
    }

    fn without_secrets(&self, text: String) -> String {
        match &self.0.account {
            Some(account) => account.hide_in(&text),
            None => text,
        }
    }
}
