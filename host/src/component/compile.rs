//! Compiling, in a child process: a component of Python takes 400 MB and half
//! a minute on a small machine, and a hostile one may take what it can get.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::engine::engine;

/// Name of the hidden command that is the child.
pub const COMMAND: &str = "compile-component";

/// Largest component, in bytes.
pub const LARGEST: u64 = 64 << 20;
/// Memory of the child, in bytes.
const MEMORY: u64 = 1 << 30;
/// Computing time of the child, in seconds.
const CPU: u64 = 120;
/// Time of the child, waiting included.
const WALL: Duration = Duration::from_secs(180);

/// The child: a component on standard input, its compiled form on standard
/// output.
///
/// # Errors
/// What the engine says of the component.
pub fn child() -> wasmtime::Result<()> {
    let limit = |n| Rlimit { current: Some(n), maximum: Some(n) };
    setrlimit(Resource::Data, limit(MEMORY))?;
    setrlimit(Resource::Cpu, limit(CPU))?;
    setrlimit(Resource::Core, limit(0))?;
    let mut component = Vec::new();
    io::stdin().take(LARGEST + 1).read_to_end(&mut component)?;
    let compiled = engine()?.precompile_component(&component)?;
    io::stdout().write_all(&compiled)?;
    Ok(())
}

/// Runs the child: from `component` to `compiled`.
///
/// # Errors
/// What the child says of the component, or the limit that ended it.
pub async fn run(component: &[u8], compiled: File) -> Result<(), String> {
    let mut child = Command::new("/proc/self/exe")
        .arg(COMMAND)
        .env_clear()
        // More threads do not help; each costs memory.
        .env("RAYON_NUM_THREADS", "4")
        .stdin(Stdio::piped())
        .stdout(compiled)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the compiler cannot be started: {error}"))?;
    let mut stdin = child.stdin.take();
    let mut stderr = child.stderr.take();
    let mut words = Vec::new();
    let work = async {
        if let Some(stdin) = &mut stdin {
            // A child that ended early says why on standard error.
            let _ = tokio::io::AsyncWriteExt::write_all(stdin, component).await;
        }
        drop(stdin);
        if let Some(stderr) = &mut stderr {
            stderr.take(16 << 10).read_to_end(&mut words).await?;
        }
        child.wait().await
    };
    let status = match tokio::time::timeout(WALL, work).await {
        Ok(status) => status.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("compiling took over {} s", WALL.as_secs())),
    };
    if status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&words).trim().to_owned();
    match words.is_empty() {
        true => Err(format!(
            "compiling took over {CPU} s of computing or {} MiB ({status})",
            MEMORY >> 20
        )),
        false => Err(words),
    }
}
