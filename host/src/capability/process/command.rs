//! The command of an action as the operator wrote it, parsed once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::values;

/// The command of one action, parsed once.
#[derive(Debug, Clone)]
pub struct Command {
    /// What is started.
    pub program: Program,
    /// Its arguments, without the program.
    pub arguments: Vec<Template>,
    /// What it reads on standard input.
    pub stdin: Template,
    /// Folder that it starts in: that of `config.toml`.
    pub folder: PathBuf,
    /// Longest run.
    pub timeout: Duration,
    /// Whether a value may begin an argument with `-`.
    pub leading_dash: bool,
}

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A program of the system, by path or by a name to be found in `PATH`.
    Native(PathBuf),
    /// A `wasi:cli` component, which runs in the sandbox.
    Sandboxed(PathBuf),
}

/// A text with placeholders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

/// A part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Literal(String),
    /// `{name}`.
    Placeholder(String),
}

/// Longest run when the operator says nothing.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Command {
    /// Reads `CMD` and its kin from the `settings` of an action; relative
    /// paths start at `base`.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn read(
        settings: &Map<String, Value>,
        base: &Path,
    ) -> Result<Self, (&'static str, String)> {
        let cmd = |message: String| ("CMD", message);
        let words = words(settings.get("CMD")).map_err(cmd)?;
        let (program, arguments) = words.split_first().ok_or_else(|| {
            cmd("names no program; write it like CMD = [\"./photo.sh\", \"{filename}\"]".to_owned())
        })?;
        if program.contains(['{', '}']) {
            return Err(cmd(
                "the program is fixed; only its arguments have placeholders".to_owned()
            ));
        }
        let arguments: Result<_, _> =
            arguments.iter().map(|word| Template::parse(word).map_err(cmd)).collect();
        let stdin = match settings.get("STDIN") {
            None => Template::default(),
            Some(Value::String(text)) => {
                Template::parse(text).map_err(|message| ("STDIN", message))?
            }
            Some(_) => return Err(("STDIN", "write it like STDIN = \"{body}\"".to_owned())),
        };
        let timeout = match settings.get("TIMEOUT") {
            None => TIMEOUT,
            Some(written) => written
                .as_str()
                .and_then(|text| values::duration(text).ok())
                .filter(|time| !time.is_zero())
                .ok_or_else(|| ("TIMEOUT", "write a time like \"60 s\"".to_owned()))?,
        };
        Ok(Self {
            program: self::program(program, base).map_err(cmd)?,
            arguments: arguments?,
            stdin,
            folder: base.join("."),
            timeout,
            leading_dash: match settings.get("LEADING_DASH") {
                None => false,
                Some(Value::Bool(yes)) => *yes,
                Some(_) => return Err(("LEADING_DASH", "is true or false".to_owned())),
            },
        })
    }
}

impl Template {
    /// Reads `text`, where `{{` and `}}` stand for braces.
    ///
    /// # Errors
    /// The brace that begins nothing.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let name = rest.split_once('}').map(|(name, _)| name).filter(|name| {
                brace == "{"
                    && !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            });
            let Some(name) = name else {
                return Err(format!(
                    "{text:?} has a brace that begins no placeholder; write it twice: {brace}{brace}"
                ));
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Placeholder(name.to_owned()));
            rest = &rest[name.len() + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self(pieces))
    }

    /// The names in it.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Placeholder(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }
}

/// The words of `CMD`: a list as it stands, a text by the quoting rules of a
/// shell. No shell runs, so what only a shell can do is an argument like any.
fn words(written: Option<&Value>) -> Result<Vec<String>, String> {
    match written {
        Some(Value::String(text)) => shlex::split(text)
            .ok_or_else(|| format!("{text:?} has a quote or a backslash that is never closed")),
        Some(Value::Array(words)) => words
            .iter()
            .map(|word| word.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| "is a list of texts".to_owned()),
        Some(_) => Err("is a text or a list of texts".to_owned()),
        None => Err("is missing; write it like CMD = [\"./photo.sh\", \"{filename}\"]".to_owned()),
    }
}

/// A name with a slash starts at `base`, another one is looked up in `PATH`.
fn program(written: &str, base: &Path) -> Result<Program, String> {
    let sandboxed = written.ends_with(".wasm");
    if !sandboxed && !written.contains('/') {
        return Ok(Program::Native(written.into()));
    }
    let path = std::path::absolute(base.join(written)).map_err(|error| error.to_string())?;
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(format!("{} is no file", path.display())),
        Err(error) => return Err(format!("{} cannot be run: {error}", path.display())),
    }
    Ok(if sandboxed { Program::Sandboxed(path) } else { Program::Native(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_stand_within_text_and_braces_are_doubled() {
        let piece = |name: &str| Piece::Placeholder(name.to_owned());
        let text = |text: &str| Piece::Literal(text.to_owned());
        let read = |text| Template::parse(text).map(|template| template.0);
        assert_eq!(read("{subject}"), Ok(vec![piece("subject")]));
        assert_eq!(read("a {body}!"), Ok(vec![text("a "), piece("body"), text("!")]));
        assert_eq!(read("{{{sender}}}"), Ok(vec![text("{"), piece("sender"), text("}")]));
        assert!(read("awk '{print $1}'").is_err());
        assert!(read("}").is_err());
    }

    #[test]
    fn a_text_is_split_as_a_shell_would_and_a_list_is_not() {
        let text = Value::from(r#"./log "{sender} says" 'a b' c\ d"#);
        assert_eq!(words(Some(&text)).unwrap(), ["./log", "{sender} says", "a b", "c d"]);
        let list = serde_json::json!(["./log", "a b"]);
        assert_eq!(words(Some(&list)).unwrap(), ["./log", "a b"]);
        assert!(words(Some(&Value::from("'open"))).is_err());
    }
}
