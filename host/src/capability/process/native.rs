//! A program of the system: its own process group, few variables, a deadline.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::keeper::{Keeper, Kept};
use super::{Command, Program, Run, TAIL};
use crate::capability::output::Tail;
use crate::contract::process::{Exit, ProcessError};

/// Variables of the server that a command gets.
const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];
/// Open files of a command.
const FILES: u64 = 1024;
/// What a program that has ended may leave in its pipes; a background process
/// that holds them open is not waited for.
const DRAIN: Duration = Duration::from_secs(1);

/// Runs `command` to its end or its deadline.
pub(super) async fn run(
    command: &Command,
    run: Run,
    keeper: &Keeper,
) -> Result<Exit, ProcessError> {
    let (Program::Native(program) | Program::Sandboxed(program)) = &command.program;
    keeper.begin();
    let mut child = tokio::process::Command::new(program)
        .args(&run.arguments)
        .env_clear()
        .envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .current_dir(&command.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| ProcessError::Io(cannot_start(program, &error)))?;
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let group = group.map(|pid| Group { pid, _kept: keeper.keep(pid) });
    if let Some(group) = &group {
        limit(group.pid, command.timeout);
    }

    let mut stdout = Pipe::new(child.stdout.take());
    let mut stderr = Pipe::new(child.stderr.take());
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program need not read what it is given.
            let _ = stdin.write_all(run.stdin.as_bytes()).await;
        }
    };
    let work = async {
        let pump = async {
            tokio::join!(stdout.read(), stderr.read(), feed);
            std::future::pending::<Infallible>().await
        };
        let status = tokio::select! {
            status = child.wait() => status,
            never = pump => match never {},
        };
        let rest = async { tokio::join!(stdout.read(), stderr.read()) };
        let _ = tokio::time::timeout(DRAIN, rest).await;
        status
    };
    let status = tokio::time::timeout(command.timeout, work).await;
    // Whatever the end was, nothing of the group outlives it.
    drop(group);
    let status = status
        .map_err(|_| ProcessError::Timeout)?
        .map_err(|error| ProcessError::Io(error.to_string()))?;
    Ok(Exit {
        code: status.code(),
        signal: status.signal(),
        stdout_tail: stdout.tail.take(),
        stderr_tail: stderr.tail.take(),
    })
}

fn cannot_start(program: &std::path::Path, error: &std::io::Error) -> String {
    let remedy = match error.kind() {
        ErrorKind::NotFound => "; is it there, and the interpreter in its first line?",
        ErrorKind::PermissionDenied => "; make it executable: chmod +x",
        _ => "",
    };
    format!("{} cannot be started: {error}{remedy}", program.display())
}

/// Bounds for accidents: a loop, a leak of files, a core in the folder.
fn limit(pid: Pid, timeout: Duration) {
    let both = |n| Rlimit { current: Some(n), maximum: Some(n) };
    let limits =
        [(Resource::Cpu, timeout.as_secs() + 1), (Resource::Nofile, FILES), (Resource::Core, 0)];
    for (resource, n) in limits {
        // It may have ended already.
        let _ = prlimit(Some(pid), resource, both(n));
    }
}

/// A process group that ends with its owner, and with the server.
struct Group {
    pid: Pid,
    _kept: Kept,
}

impl Drop for Group {
    fn drop(&mut self) {
        // Gone already where every member has ended.
        let _ = kill_process_group(self.pid, Signal::KILL);
    }
}

/// The end of what comes from a pipe.
struct Pipe<R> {
    from: Option<R>,
    tail: Tail,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(from: Option<R>) -> Self {
        Self { from, tail: Tail::new(TAIL) }
    }

    /// Reads to the end; may be called again where it was interrupted.
    async fn read(&mut self) {
        let Some(from) = &mut self.from else { return };
        let mut block = vec![0; TAIL];
        while let Ok(length @ 1..) = from.read(&mut block).await {
            self.tail.push(&block[..length]);
        }
        self.from = None;
    }
}
