//! Builds the bundled plugins, so that an ordinary `cargo build` makes the
//! whole program.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail};

/// Packages `afterimage-<name>` in `plugins/<name>`.
const PLUGINS: [&str; 5] = ["email", "ignore", "mastodon", "shell", "store"];

const TARGET: &str = "wasm32-wasip2";

/// What the outer cargo sets for itself and the inner one must not inherit:
/// flags for another machine, wrappers of clippy and of coverage.
const OUTER: [&str; 11] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "RUSTC",
    "RUSTDOC",
    "LLVM_PROFILE_FILE",
    "CLIPPY_ARGS",
];

fn main() -> anyhow::Result<()> {
    let host = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let root = host.parent().context("host/ lies in the workspace")?;
    for input in ["plugins", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    // A folder of its own: in the outer one's, each cargo waits for the other;
    // in OUT_DIR, every profile would build the plugins again.
    let target = target_folder()?.join("guests");
    let mut cargo = Command::new(std::env::var("CARGO")?);
    cargo.current_dir(root).args(["build", "--locked", "--profile", "guest", "--target", TARGET]);
    cargo.arg("--target-dir").arg(&target);
    for name in PLUGINS {
        cargo.args(["-p", &format!("afterimage-{name}")]);
    }
    for variable in OUTER {
        cargo.env_remove(variable);
    }
    if !cargo.status().context("cannot start cargo for the plugins")?.success() {
        bail!("building the plugins failed; is the target there? `rustup target add {TARGET}`");
    }
    for name in PLUGINS {
        let file = target.join(TARGET).join("guest").join(format!("afterimage_{name}.wasm"));
        println!("cargo::rustc-env=PLUGIN_{}={}", name.to_uppercase(), file.display());
    }
    Ok(())
}

/// The outer cargo's target folder, which it tells only through `OUT_DIR`:
/// `<target>/<profile>/build/<package>/out`.
fn target_folder() -> anyhow::Result<PathBuf> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let build = out.ancestors().find(|folder| folder.ends_with("build"));
    let target = build.and_then(|build| build.ancestors().nth(2));
    Ok(target.context("OUT_DIR is not in a folder build")?.to_owned())
}
