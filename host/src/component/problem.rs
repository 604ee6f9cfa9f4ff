//! Why a component cannot be an action here, in words that tell its author or
//! its operator what to do.

use std::io;
use std::path::PathBuf;

use super::compile;
use super::interfaces::{Access, Offer, PACKAGE, VERSION, WASI};
use super::outline::{Kind, Outline};

/// A component that cannot be an action here, and why.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin}: {problem}")]
pub struct LoadError {
    /// Its name, or the command that it is.
    pub plugin: String,
    /// Why.
    pub problem: Problem,
}

/// Why a component cannot be an action here.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The operator has to correct a path or a permission.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// `COMPONENT`.
        path: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// Nobody needs that much.
    #[error("{} has over {} MiB", path.display(), compile::LARGEST >> 20)]
    TooLarge {
        /// `COMPONENT`.
        path: PathBuf,
    },
    /// Not the component that the operator saw and granted something.
    #[error(
        "its SHA-256 is {found}, not {expected} as SHA256 says; if you replaced it on purpose, write the new one there"
    )]
    OtherBytes {
        /// Of the file.
        found: String,
        /// In `config.toml`.
        expected: String,
    },
    /// A picture, a script, a text.
    #[error("this is no WebAssembly component; give the .wasm file that the build made")]
    NotWebAssembly,
    /// The build stopped one step early.
    #[error(
        "this is a core module, not a component; build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Damaged, or made by a tool that does what the engine does not know.
    #[error("{0}")]
    Invalid(String),
    /// Built for a newer WASI than the one that is run here.
    #[error(
        "it uses WASI 0.3 or async functions, which this host does not run; build it for WASI 0.2 (with componentize-qjs: --sync)"
    )]
    Async,
    /// Built for another version of the contract.
    #[error(
        "it needs {PACKAGE} {major}.{minor}.{patch}; this host speaks {}.{}.{}; update the host or build the plugin for that version",
        VERSION.0, VERSION.1, VERSION.2
    )]
    Version {
        /// Of the version that it needs.
        major: u32,
        /// Of the version that it needs.
        minor: u32,
        /// Of the version that it needs.
        patch: u32,
    },
    /// Built from a contract with the same number and other types.
    #[error(
        "its {function} is not that of {PACKAGE} {}.{}.{} ({difference}); build it with the wit/ of this host",
        VERSION.0, VERSION.1, VERSION.2
    )]
    OtherTypes {
        /// Interface and function.
        function: String,
        /// What is otherwise.
        difference: String,
    },
    /// Less memory than its program has before it does anything.
    #[error(
        "its memory begins with {} KiB and LIMITS has MEMORY = \"{} KiB\"; the least that works is MEMORY = \"{} MiB\"",
        least >> 10, limit >> 10, least.div_ceil(1 << 20)
    )]
    LittleMemory {
        /// What its memories begin with, in bytes.
        least: u64,
        /// What they may have, in bytes.
        limit: u64,
    },
    /// An import that nothing here can satisfy.
    #[error("it needs {0}, which this host does not offer")]
    NotOffered(String),
    /// Capabilities that the operator has to allow first.
    #[error(
        "it asks for {}, which is not granted; to allow it, add to [PLUGINS.{plugin}]:\n{lines}",
        .what.join(", ")
    )]
    NotGranted {
        /// What it asks for.
        what: Vec<&'static str>,
        /// Its name.
        plugin: String,
        /// The lines.
        lines: String,
    },
    /// A component for something else.
    #[error("it is no action: it exports no {PACKAGE}/handler; its exports are: {0}")]
    NoHandler(String),
}

/// Everything that keeps `component` from being an action of any configuration,
/// as far as its outside tells; `offers` are all that the host has.
///
/// # Errors
/// The first problem.
pub fn check(component: &Outline, offers: &[Offer]) -> Result<(), Problem> {
    check_kind(component)?;
    for import in &component.imports {
        if let Some((interface, version)) = ours(import) {
            speaks(version)?;
            if Offer::find(offers, interface).is_none() {
                return Err(Problem::NotOffered(format!("{PACKAGE}/{interface}")));
            }
        } else if import.starts_with("wasi:") && import.contains("@0.3") {
            return Err(Problem::Async);
        } else if !WASI.iter().any(|linked| import.starts_with(linked)) {
            return Err(Problem::NotOffered(import.clone()));
        }
    }
    let handler = component.exports.iter().filter_map(|export| ours(export));
    match handler.into_iter().find(|(name, _)| *name == "handler") {
        Some((_, version)) => speaks(version),
        None => Err(Problem::NoHandler(match component.exports.is_empty() {
            true => "none".to_owned(),
            false => component.exports.join(", "),
        })),
    }
}

/// Whether this is a whole component, for whatever it is made.
///
/// # Errors
/// What it is instead.
pub fn check_kind(component: &Outline) -> Result<(), Problem> {
    match component.kind {
        Kind::Component => {}
        Kind::CoreModule => return Err(Problem::CoreModule),
        Kind::Other => return Err(Problem::NotWebAssembly),
    }
    match &component.damage {
        Some(damage) => {
            Err(Problem::Invalid(format!("it is damaged: {damage}; build or copy it anew")))
        }
        None => Ok(()),
    }
}

/// Whether `component` can begin within `limit` bytes of memory.
///
/// # Errors
/// It cannot; the text says how many it takes.
pub fn check_memory(component: &Outline, limit: usize) -> Result<(), Problem> {
    let (least, limit) = (component.memory, limit as u64);
    match least > limit {
        true => Err(Problem::LittleMemory { least, limit }),
        false => Ok(()),
    }
}

/// Whether `plugin` may have all that `component` asks for. `unpinned` is the
/// component's SHA-256 where the configuration has none.
///
/// # Errors
/// All that it may not have, with the lines that would allow it.
pub fn check_grants(
    component: &Outline,
    plugin: &str,
    offers: &[Offer],
    unpinned: Option<&str>,
) -> Result<(), Problem> {
    let (what, examples): (Vec<&str>, Vec<&str>) = asked_for(component, offers)
        .filter_map(|offer| match offer.access {
            Access::Missing { example } => Some((offer.name, example)),
            _ => None,
        })
        .unzip();
    if what.is_empty() {
        return Ok(());
    }
    let mut lines = format!("  ALLOW = {{ {} }}", examples.join(", "));
    // A grant without a digest would be one for any bytes.
    if let Some(digest) = unpinned {
        lines = format!("  SHA256 = \"{digest}\"\n{lines}");
    }
    Err(Problem::NotGranted { what, plugin: plugin.to_owned(), lines })
}

/// Those of `offers` that `component` imports.
pub fn asked_for<'a>(
    component: &'a Outline,
    offers: &'a [Offer],
) -> impl Iterator<Item = &'a Offer> {
    let imports = component.imports.iter().filter_map(|import| ours(import));
    imports.filter_map(|(name, _)| Offer::find(offers, name))
}

/// Interface and version, if `name` is one of the contract's.
pub fn ours(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    Some(name.split_once('@').unwrap_or((name, "")))
}

/// Whether this host speaks `version` of the contract: the same 0.x, and not
/// a newer patch, which may have functions that are missing here.
fn speaks(version: &str) -> Result<(), Problem> {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(u32::MAX));
    let mut next = || numbers.next().unwrap_or(u32::MAX);
    let (major, minor, patch) = (next(), next(), next());
    if (major, minor) == (VERSION.0, VERSION.1) && patch <= VERSION.2 {
        return Ok(());
    }
    Err(Problem::Version { major, minor, patch })
}

/// The engine's words on a component that it cannot compile, as ours.
pub fn translate(words: &str) -> Problem {
    if words.contains("component model async feature") {
        return Problem::Async;
    }
    Problem::Invalid(words.lines().next().unwrap_or_default().to_owned())
}

/// The engine's words on an import that it cannot satisfy, as ours.
pub fn missing(error: wasmtime::Error) -> Problem {
    let words = format!("{error:#}");
    match words.split('`').nth(1) {
        Some(import) if import.starts_with("wasi:") && import.contains("@0.3") => Problem::Async,
        Some(import) => Problem::NotOffered(import.to_owned()),
        None => Problem::Invalid(words),
    }
}
