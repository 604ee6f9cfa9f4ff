//! `afterimage password`: a password for a sender, hashed.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios};

use super::{complain, print};
use crate::config::{self, DEFAULT_FILE};
use crate::password;

/// No address is called like this.
const PAGES: &str = "web";

/// Hash a password from standard input, for SENDERS
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Sender that it is for: written into the configuration; `web` prints the
    /// line for the operator's pages
    #[arg(long = "for", value_name = "ADDRESS")]
    address: Option<String>,
    /// Configuration that it is written into
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE, requires = "address")]
    config: PathBuf,
}

impl Arguments {
    /// Reads a password, its echo turned off on a terminal, and prints its line
    /// for the configuration or writes it there.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let password = read()?;
        let hash = password::hash(&password)?;
        let Some(address) = &self.address else {
            return print(&format!("[SENDERS]\n\"Camera@samsungcamera.com\" = \"{hash}\""));
        };
        if address == PAGES {
            return print(&format!("WEB_PASSWORD = \"{hash}\""));
        }
        config::set_password(&self.config, address, &hash)?;
        print(&format!(
            "{address} now needs this password on the sharing menu, says {}; a running server \
             takes it up on SIGHUP",
            self.config.display()
        ))
    }
}

fn read() -> anyhow::Result<String> {
    let stdin = io::stdin();
    let mut password = String::new();
    {
        let _silent = Silent::new(&stdin);
        if stdin.is_terminal() {
            let _ = write!(io::stderr(), "password, not shown: ");
        }
        stdin.read_line(&mut password)?;
    }
    let password = password.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "the password is empty; nothing is done");
    Ok(password.to_owned())
}

/// Turns the echo of a terminal off until it is dropped.
struct Silent<'a>(&'a io::Stdin, Option<Termios>);

impl<'a> Silent<'a> {
    fn new(stdin: &'a io::Stdin) -> Self {
        let before = rustix::termios::tcgetattr(stdin).ok();
        if let Some(mut now) = before.clone() {
            now.local_modes.remove(LocalModes::ECHO);
            let _ = rustix::termios::tcsetattr(stdin, OptionalActions::Now, &now);
        }
        Self(stdin, before)
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.1 {
            let _ = rustix::termios::tcsetattr(self.0, OptionalActions::Now, before);
            complain(format_args!(""));
        }
    }
}
