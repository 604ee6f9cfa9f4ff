//! Ends the commands of a server that was killed.
//!
//! Threat: a server that dies by SIGKILL leaves its commands behind, and the
//! next one repeats them beside those that still run: two prints of a photo,
//! two posts. Decision: a small process, begun with the first command, knows
//! the process groups that run, and ends them when its pipe from the server
//! breaks. It needs no right and no control group, and reaches grandchildren,
//! which a death signal of the kernel's does not.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

/// Name of the hidden command that is the process.
pub const COMMAND: &str = "end-orphans";

/// The server's end of the pipe. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Keeper(Arc<Mutex<Option<UnixStream>>>);

impl Keeper {
    /// Begins the process, so that the group of a command that is about to
    /// begin is known at once.
    pub(super) fn begin(&self) {
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pipe.is_none() {
            match start() {
                Ok(new) => *pipe = Some(new),
                Err(error) => tracing::warn!("a command would outlive a killed server: {error}"),
            }
        }
    }

    /// Has `group` ended when the server dies before the answer is dropped.
    pub(super) fn keep(&self, group: Pid) -> Kept {
        self.tell('+', group);
        Kept { keeper: self.clone(), group }
    }

    fn tell(&self, sign: char, group: Pid) {
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{sign}{}\n", group.as_raw_nonzero());
        let told = match &mut *pipe {
            Some(pipe) => pipe.write_all(line.as_bytes()),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        if told.is_ok() || sign == '-' {
            return;
        }
        // The first command, or somebody has ended the process.
        match start() {
            Ok(new) => {
                let new = pipe.insert(new);
                if let Err(error) = new.write_all(line.as_bytes()) {
                    tracing::warn!("a command would outlive a killed server: {error}");
                }
            }
            Err(error) => tracing::warn!("a command would outlive a killed server: {error}"),
        }
    }
}

/// A process group that is known to run.
pub(super) struct Kept {
    keeper: Keeper,
    group: Pid,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.tell('-', self.group);
    }
}

fn start() -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    // A line is short, and nobody may wait for it.
    ours.set_nonblocking(true)?;
    Command::new("/proc/self/exe")
        .arg(COMMAND)
        .env_clear()
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(ours)
}

/// The process: hears of groups on standard input and, when that ends, ends
/// those that are left.
///
/// # Errors
/// The system's, before anything is heard.
pub fn child() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    // A stop of the whole unit reaches this process as well; it ends with the
    // server and not before.
    let _deaf = [
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    ];
    let mut groups = BTreeSet::new();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let number = |text: &str| text.parse().ok();
        if let Some(group) = line.strip_prefix('+').and_then(number) {
            groups.insert(group);
        } else if let Some(group) = line.strip_prefix('-').and_then(number) {
            groups.remove(&group);
        }
    }
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // It may have ended since.
        let _ = kill_process_group(group, Signal::KILL);
    }
    Ok(())
}
