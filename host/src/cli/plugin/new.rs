//! `plugin new`: a folder that builds as it is.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

#[derive(Args)]
pub(in crate::cli) struct New {
    /// Folder and name of the plugin: lower-case letters, digits and -
    folder: PathBuf,
    /// Language to write it in
    #[arg(long)]
    lang: Language,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Rust,
    Python,
    Javascript,
    C,
    Go,
}

/// Path in the new folder and content. `NAME` in it stands for the name.
type Template = (&'static str, &'static str);

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../../../plugins/templates/", $path))
    };
}

macro_rules! wit {
    ($($file:literal)*) => {
        &[$((concat!("wit/deps/afterimage-action/", $file), include_str!(concat!("../../../../wit/", $file)))),*]
    };
}

const SHARED: &[Template] = &[
    ("README.md", template!("shared/README.md")),
    ("wit/plugin.wit", template!("shared/plugin.wit")),
    ("fixture/upload.toml", template!("shared/upload.toml")),
    ("cases/delivers.toml", template!("shared/delivers.toml")),
    ("cases/refuses-nothing.toml", template!("shared/refuses-nothing.toml")),
    ("cases/nothing/upload.toml", template!("shared/upload.toml")),
];

/// The contract.
const WIT: &[Template] = wit!(
    "files.wit" "handler.wit" "log.wit" "mail.wit" "process.wit" "progress.wit" "settings.wit"
    "store.wit" "uploads.wit" "world.wit"
);

/// The smallest file that is a JPEG to whoever looks at its ends.
const PHOTO: &[u8] =
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9";

impl Language {
    fn templates(self) -> &'static [Template] {
        match self {
            Self::Rust => &[
                ("Cargo.toml", template!("rust/Cargo.toml.template")),
                ("src/lib.rs", template!("rust/src/lib.rs")),
                ("Makefile", template!("rust/Makefile")),
                (".gitignore", "/target\n*.wasm\n"),
            ],
            Self::Python => &[
                ("app.py", template!("python/app.py")),
                ("Makefile", template!("python/Makefile")),
                (".gitignore", "/.venv\n__pycache__\n*.wasm\n"),
            ],
            Self::Javascript => &[
                ("app.js", template!("javascript/app.js")),
                ("package.json", template!("javascript/package.json")),
                ("Makefile", template!("javascript/Makefile")),
                (".gitignore", "/node_modules\n*.wasm\n"),
            ],
            Self::C => &[
                ("app.c", template!("c/app.c")),
                ("Makefile", template!("c/Makefile")),
                (".gitignore", "/.tools\n/gen\n*.wasm\n"),
            ],
            Self::Go => &[
                (
                    "exports/export_afterimage_action_handler/handler.go",
                    template!("go/exports/export_afterimage_action_handler/handler.go"),
                ),
                ("main.go", template!("go/main.go")),
                ("go.mod", template!("go/go.mod.template")),
                ("Makefile", template!("go/Makefile")),
                ("adopt", template!("go/adopt")),
                (".gitignore", "/.tools\n/imports\n/exports/wit_exports\n*.wasm\n"),
            ],
        }
    }
}

impl New {
    /// Makes the folder and returns what to do next.
    pub(super) fn run(&self) -> anyhow::Result<String> {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(plain) {
            bail!("{name:?}: a name has lower-case letters, digits and -, a letter first");
        }
        if let Some(parent) = self.folder.parent() {
            fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        // Fails where something is already: nothing is overwritten.
        fs::create_dir(&self.folder).with_context(|| self.folder.display().to_string())?;
        for (path, content) in SHARED.iter().chain(WIT).chain(self.lang.templates()) {
            let content = match path.starts_with("wit/deps/") {
                true => (*content).to_owned(),
                false => content.replace("NAME", &name),
            };
            write(&self.folder.join(path), content.as_bytes())?;
        }
        write(&self.folder.join("fixture/SAM_0042.JPG"), PHOTO)?;
        Ok(format!(
            "{folder}/ is ready. Next:\n  cd {folder} && make\n  \
             afterimage plugin try {name}.wasm --upload fixture",
            folder = self.folder.display()
        ))
    }
}

fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("the path has a folder")?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut file = fs::File::options();
    // A program, if it is a script.
    file.write(true).create_new(true).mode(if content.starts_with(b"#!") { 0o777 } else { 0o666 });
    file.open(path)
        .and_then(|mut file| file.write_all(content))
        .with_context(|| path.display().to_string())
}
