//! A `wasi:cli` component as the command of `process`: what a native program
//! would get and nothing else of the machine. Its file lies alone in a folder,
//! read-only, under the very path that its arguments name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use http::Request;
use tokio::task::JoinSet;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::cpu_time::Counted;
use super::report::Failure;
use super::sandbox::{self, Usage};
use super::setup::Limits;
use crate::capability::http::{Answer, Io};
use crate::capability::output::SharedTail;
use crate::capability::process::{Run, Sandbox, TAIL};
use crate::contract::process::{Exit, ProcessError};

/// Exit code of a command that a trap or a limit ended: 128 and SIGABRT, as a
/// shell has it for a program that aborts.
const ABORTED: i32 = 134;

/// A component that runs as a command.
pub(super) struct SandboxedCommand(Arc<Inner>);

struct Inner {
    component: CommandPre<sandbox::State<Nowhere>>,
    limits: Limits,
    scratch: PathBuf,
}

impl SandboxedCommand {
    /// A command that finds its file in a folder below `scratch`.
    ///
    /// # Errors
    /// The component is no command, or imports what is not there.
    pub(super) fn new(
        engine: &Engine,
        component: &Component,
        limits: Limits,
        scratch: PathBuf,
    ) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        // Commands in JavaScript ask for it even where they never use it.
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        let component = CommandPre::new(linker.instantiate_pre(component)?)?;
        Ok(Self(Arc::new(Inner { component, limits, scratch })))
    }
}

impl Sandbox for SandboxedCommand {
    fn run(&self, run: Run) -> Pin<Box<dyn Future<Output = Result<Exit, ProcessError>> + Send>> {
        let inner = self.0.clone();
        Box::pin(async move {
            // A task of its own, which ends with this one: what it computes is
            // not counted to the action that waits for it.
            let mut task = JoinSet::new();
            task.spawn(async move { inner.run(run).await });
            match task.join_next().await {
                Some(Ok(end)) => end,
                Some(Err(error)) => Err(ProcessError::Io(error.to_string())),
                None => Err(ProcessError::Timeout),
            }
        })
    }
}

impl Inner {
    async fn run(&self, run: Run) -> Result<Exit, ProcessError> {
        let (stdout, stderr) = (SharedTail::new(TAIL), SharedTail::new(TAIL));
        let mut wasi = WasiCtx::builder();
        wasi.arg("command").args(&run.arguments);
        wasi.stdin(MemoryInputPipe::new(run.stdin));
        wasi.stdout(stdout.output()).stderr(stderr.output());
        let folder = match run.file {
            Some((source, named)) => {
                let failed = |error: io::Error| ProcessError::Io(error.to_string());
                let (folder, shown) = self.alone(source, named).await.map_err(failed)?;
                wasi.preopened_dir(&folder.0, shown, FsPerms::ReadOnly)
                    .map_err(|error| ProcessError::Io(error.to_string()))?;
                Some(folder)
            }
            None => None,
        };
        let usage = Usage::default();
        let engine = self.component.engine();
        let mut store = sandbox::store(engine, Nowhere, wasi, self.limits, &usage);
        let work = async {
            let command = self.component.instantiate_async(&mut store).await?;
            command.wasi_cli_run().call_run(&mut store).await
        };
        let work = Counted::new(work, usage.cpu.clone(), self.limits.cpu);
        let end = tokio::time::timeout(self.limits.wall, work).await;
        drop(folder);
        let code = match end.map_err(|_| ProcessError::Timeout)? {
            Ok(Ok(())) => 0,
            Ok(Err(())) => 1,
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(code)) => *code,
                None => {
                    let failure = Failure::new(&error, String::new());
                    stderr.push(format!("\n{failure}").as_bytes());
                    ABORTED
                }
            },
        };
        Ok(Exit {
            code: Some(code),
            signal: None,
            stdout_tail: stdout.take(),
            stderr_tail: stderr.take(),
        })
    }

    /// A folder with nothing but `source`, under the name that `named` has,
    /// and the path that the guest shall see it at.
    async fn alone(&self, source: PathBuf, named: PathBuf) -> io::Result<(Scratch, String)> {
        let folder = Scratch(self.scratch.join(uuid::Uuid::now_v7().to_string()));
        let name = named.file_name().unwrap_or_default().to_owned();
        let shown = named.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned();
        tokio::task::spawn_blocking(move || {
            fs::create_dir(&folder.0)?;
            let place = folder.0.join(name);
            if fs::hard_link(&source, &place).is_err() {
                fs::copy(&source, &place)?;
            }
            Ok((folder, shown))
        })
        .await?
    }
}

/// A folder that goes with its owner.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // One link and its folder: quicker than handing it to a thread.
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!("{}: {error}", self.0.display());
        }
    }
}

/// Where requests of a command go.
struct Nowhere;

impl WasiHttpHooks for Nowhere {
    fn send_request(&mut self, _: Request<WasiBody>, _: Option<RequestOptions>, _: Io) -> Answer {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl sandbox::Host for Nowhere {
    fn requests(&mut self) -> &mut dyn WasiHttpHooks {
        self
    }
}
