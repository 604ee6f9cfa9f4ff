//! The command line: parse, run, map the error to an exit code.

mod backup;
mod config;
mod dns;
mod login;
mod password;
mod plugin;
mod queue;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::capability::process::keeper;
use crate::component::compile;
use crate::config::{ConfigError, Source};
use crate::emulator;
use crate::server;
use crate::text;
use crate::values;

/// EX_CONFIG of `sysexits.h`: the configuration has to be corrected first.
const EXIT_CONFIG: u8 = 78;

/// Keeps Samsung's Wi-Fi cameras alive: takes their photos and hands them to
/// sandboxed actions.
#[derive(Parser)]
#[command(name = "afterimage", version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer cameras
    Serve(Serve),
    /// Get a token for an action
    #[command(subcommand)]
    Login(Login),
    /// Pair cards for Auto Backup, and see which cameras came
    Backup(backup::Arguments),
    /// Be a camera, to try a server
    #[command(subcommand)]
    Camera(Camera),
    Config(config::Arguments),
    Password(password::Arguments),
    /// Lead the cameras' names here: what to paste elsewhere, and a look at what is
    Dns(dns::Arguments),
    /// Look at, add, try, test and begin plugins
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// See and change what is on its way; works while the server runs
    Queue(queue::Arguments),
    /// Compile a component from standard input to standard output
    #[command(name = compile::COMMAND, hide = true)]
    Compile,
    /// End the commands of a server that was killed
    #[command(name = keeper::COMMAND, hide = true)]
    EndOrphans,
}

#[derive(Args)]
struct Serve {
    /// Configuration [default: config.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where cameras connect, instead of LISTEN in the configuration
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = values::listen)]
    listen: Option<SocketAddr>,
}

#[derive(Subcommand)]
enum Login {
    /// For a server that speaks Mastodon's API
    Mastodon(login::Mastodon),
}

#[derive(Subcommand)]
enum Camera {
    Backup(emulator::Backup),
    Email(emulator::Email),
    Hotspot(emulator::Hotspot),
    Social(emulator::Social),
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Serve(arguments) => serve(&arguments),
        Command::Login(Login::Mastodon(mastodon)) => log_in(&mastodon),
        Command::Camera(camera) => return judged(camera.run()),
        Command::Config(arguments) => arguments.run().and_then(|text| print(&text)),
        Command::Password(arguments) => arguments.run(),
        Command::Dns(arguments) => match dns::run(&arguments, &say) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Command::Plugin(command) => match command.run(&say) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Command::Backup(arguments) => Source::find(arguments.config.as_deref(), None)
            .read()
            .map_err(Into::into)
            .and_then(|config| backup::run(&arguments, &config)),
        Command::Queue(arguments) => Source::find(arguments.config.as_deref(), None)
            .spool_folder()
            .map_err(Into::into)
            .and_then(|spool| queue::run(&arguments, &spool)),
        Command::EndOrphans => keeper::child().map_err(Into::into),
        Command::Compile => compile::child().map_err(|error| anyhow::anyhow!("{error:#}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("afterimage: {error:#}"));
            match error.is::<ConfigError>() || error.is::<server::Unusable>() {
                true => ExitCode::from(EXIT_CONFIG),
                false => ExitCode::FAILURE,
            }
        }
    }
}

fn serve(arguments: &Serve) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("AFTERIMAGE_LOG")
                .unwrap_or_else(|_| EnvFilter::new("info"))
                // Below that is every value between host and guest, photos too.
                .add_directive("afterimage::contract=debug".parse()?),
        )
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .fmt_fields(text::LogFields)
        .init();
    let source = Source::find(arguments.config.as_deref(), arguments.listen);
    let config = source.read()?;
    // Each keeps some memory, and no disk is faster with more.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(32)
        .enable_all()
        .build()?;
    let served = runtime.block_on(server::run(config, source, banner));
    // What still runs then was told to stop, or is not waited for.
    runtime.shutdown_background();
    served
}

/// Tells the operator how to reach the server. Whoever started it may have
/// closed standard output; that is no reason not to serve.
fn banner(lines: &str) {
    let _ = writeln!(io::stdout(), "{lines}");
}

/// Prints a line at once; whoever watches may have gone.
fn say(line: &str) {
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "{}", text::printable(line)).and_then(|()| stdout.flush());
}

fn log_in(mastodon: &login::Mastodon) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(mastodon.run(io::stdin().lock(), io::stdout()))
}

impl Camera {
    fn run(&self) -> anyhow::Result<emulator::Verdict> {
        match self {
            Self::Backup(backup) => backup.run(),
            Self::Email(email) => email.run(),
            Self::Hotspot(hotspot) => hotspot.run(),
            Self::Social(social) => social.run(),
        }
    }
}

fn judged(verdict: anyhow::Result<emulator::Verdict>) -> ExitCode {
    let printed = verdict.and_then(|verdict| {
        print(&verdict.to_string())?;
        Ok(verdict.content)
    });
    match printed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(format_args!("afterimage: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints to standard output, without what acts on a terminal: most of it is
/// from strangers. A reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{}", text::printable(text)) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints to standard error, if anybody reads it.
fn complain(words: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{}", text::printable(&words.to_string()));
}
