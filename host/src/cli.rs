//! The command line: parse, run, map the error to an exit code.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is where the program talks")]

mod plugin;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, parse_listen};
use crate::emulator;
use crate::plugin::compile;
use crate::reload::Source;
use crate::serve;

/// EX_CONFIG of `sysexits.h`: the configuration has to be corrected first.
const EXIT_CONFIG: u8 = 78;

/// Read when no --config is given, if it is there.
const DEFAULT_CONFIG: &str = "config.toml";

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
    /// Be a camera, to try a server
    #[command(subcommand)]
    Camera(Camera),
    /// Look at, add, try, test and begin plugins
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Compile a component from standard input to standard output
    #[command(name = compile::COMMAND, hide = true)]
    Compile,
}

#[derive(Args)]
struct Serve {
    /// Configuration [default: config.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where cameras connect, instead of LISTEN in the configuration
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = parse_listen)]
    listen: Option<SocketAddr>,
}

#[derive(Subcommand)]
enum Camera {
    /// Send files as the e-mail function of an NX300 does
    Email(emulator::Email),
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Serve(arguments) => serve(&arguments),
        Command::Camera(Camera::Email(email)) => return camera(&email),
        Command::Plugin(command) => match command.run(&say) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        Command::Compile => compile::child().map_err(|error| anyhow::anyhow!("{error:#}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("afterimage: {error:#}");
            match error.is::<ConfigError>() || error.is::<serve::Unusable>() {
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
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let path = match &arguments.config {
        Some(path) => Some(path.clone()),
        None => Some(PathBuf::from(DEFAULT_CONFIG)).filter(|path| path.exists()),
    };
    let source = Source { path, listen: arguments.listen };
    let config = source.read()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve::run(config, source, banner))
}

/// Tells the operator how to reach the server. Whoever started it may have
/// closed standard output; that is no reason not to serve.
fn banner(lines: &str) {
    let _ = writeln!(std::io::stdout(), "{lines}");
}

/// Prints a line at once; whoever watches may have gone.
fn say(line: &str) {
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn camera(email: &emulator::Email) -> ExitCode {
    match email.send() {
        Ok(verdict) => {
            println!("{verdict}");
            if verdict.sent { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("afterimage: {error:#}");
            ExitCode::FAILURE
        }
    }
}
