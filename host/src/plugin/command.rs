//! A `wasi:cli` component as the command of `process`: what a native program
//! would get and nothing else of the machine. Its file lies alone in a folder,
//! read-only, under the very path that its arguments name.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use http::Request;
use tokio::io::AsyncWrite;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::call::{FIELDS, HANDLES, HOSTCALL_FUEL, OBJECTS, RANDOM};
use super::limits::{Cpu, Memory};
use super::report::Failure;
use super::setup::Limits;
use crate::capability::http::{Answer, Io};
use crate::capability::process::{Run, Sandbox, TAIL};
use crate::contract::process::{Exit, ProcessError};

/// Exit code of a command that a trap or a limit ended: 128 and SIGABRT, as a
/// shell has it for a program that aborts.
const ABORTED: i32 = 134;

/// A component that runs as a command.
pub(super) struct SandboxedCommand(Arc<Inner>);

struct Inner {
    component: CommandPre<State>,
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
        Box::pin(async move { inner.run(run).await })
    }
}

impl Inner {
    async fn run(&self, run: Run) -> Result<Exit, ProcessError> {
        let (stdout, stderr) = (Tail::default(), Tail::default());
        let mut wasi = WasiCtx::builder();
        wasi.arg("command").args(&run.arguments);
        wasi.stdin(MemoryInputPipe::new(run.stdin));
        wasi.stdout(stdout.clone()).stderr(stderr.clone()).max_random_size(RANDOM);
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
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELDS);
        let mut store = Store::new(
            self.component.engine(),
            State {
                wasi: wasi.build(),
                http,
                nowhere: Nowhere,
                table: ResourceTable::new(),
                memory: Memory::new(self.limits.memory, Arc::default()),
            },
        );
        store.data_mut().table.set_max_capacity(OBJECTS);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        store.set_max_component_handles(HANDLES);
        let mut cpu = Cpu::new(self.limits.cpu);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            cpu.tick()?;
            Ok(UpdateDeadline::Yield(1))
        });
        let work = async {
            let command = self.component.instantiate_async(&mut store).await?;
            command.wasi_cli_run().call_run(&mut store).await
        };
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
            stdout_tail: stdout.kept(),
            stderr_tail: stderr.kept(),
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

/// What the store of a command holds.
struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    nowhere: Nowhere,
    table: ResourceTable,
    memory: Memory,
}

/// Where requests of a command go.
struct Nowhere;

impl WasiHttpHooks for Nowhere {
    fn send_request(&mut self, _: Request<WasiBody>, _: Option<RequestOptions>, _: Io) -> Answer {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.nowhere }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The end of what a command printed.
#[derive(Clone, Default)]
struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    fn push(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&bytes[bytes.len().saturating_sub(TAIL)..]);
        let surplus = kept.len().saturating_sub(TAIL);
        kept.drain(..surplus);
    }

    fn kept(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl IsTerminal for Tail {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Tail {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this form, and it is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Tail {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Tail {
    async fn ready(&mut self) {}
}
