//! `CMD` and its kin in an action's settings: what `process.run` runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use super::file::{ConfigError, Document, Settings};
use crate::action_name::ActionName;
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

/// Placeholders that the host and the bundled `shell` fill.
const PLACEHOLDERS: [&str; 5] = ["sender", "recipient", "filename", "subject", "body"];

/// Longest run when the operator says nothing.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Template {
    /// Reads `text`, where `{{` and `}}` stand for braces.
    fn parse(text: &str) -> Result<Self, String> {
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

    fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Placeholder(name) => Some(name.as_str()),
            Piece::Literal(_) => None,
        })
    }
}

/// Reads the command of the action `name` from its merged `settings`.
pub(super) fn command(
    document: &Document<'_>,
    table: Option<&Settings<'_>>,
    name: &ActionName,
    settings: &Map<String, Value>,
    base: &Path,
) -> Result<Command, ConfigError> {
    let title = match &name.instance {
        Some(instance) => format!("[{}.{instance}]", name.plugin.to_uppercase()),
        None => format!("[{}]", name.plugin.to_uppercase()),
    };
    let error = |key: &str, message: &str| {
        let message = format!("{title}: {key}: {message}");
        match table {
            Some(table) => table.error(name.instance.as_deref(), key, message),
            None => document.error_in_file(message),
        }
    };
    let words = words(settings.get("CMD")).map_err(|message| error("CMD", &message))?;
    let (program, arguments) = words.split_first().ok_or_else(|| {
        error("CMD", "names no program; write it like CMD = [\"./photo.sh\", \"{filename}\"]")
    })?;
    if program.contains(['{', '}']) {
        return Err(error("CMD", "the program is fixed; only its arguments have placeholders"));
    }
    let template = |key: &str, text: &str| {
        let template = Template::parse(text).map_err(|message| error(key, &message))?;
        let unknown = template.placeholders().find(|known| !PLACEHOLDERS.contains(known));
        match unknown {
            Some(unknown) if name.plugin == "shell" => Err(error(
                key,
                &format!("{{{unknown}}} is unknown; there are {{{}}}", PLACEHOLDERS.join("} {")),
            )),
            _ => Ok(template),
        }
    };
    let arguments: Result<_, _> = arguments.iter().map(|word| template("CMD", word)).collect();
    let stdin = match settings.get("STDIN") {
        None => Template::default(),
        Some(Value::String(text)) => template("STDIN", text)?,
        Some(_) => return Err(error("STDIN", "write it like STDIN = \"{body}\"")),
    };
    let timeout = match settings.get("TIMEOUT") {
        None => Some(TIMEOUT),
        Some(written) => written.as_str().and_then(|text| values::duration(text).ok()),
    };
    for key in ["EXIT_DELIVERED", "EXIT_RETRY"] {
        let codes = |value: &Value| value.as_i64().is_some_and(|code| (0..256).contains(&code));
        if !settings.get(key).is_none_or(|v| v.as_array().is_some_and(|v| v.iter().all(codes))) {
            return Err(error(key, "write exit codes like [0] or [75, 111]"));
        }
    }
    Ok(Command {
        program: self::program(program, base).map_err(|message| error("CMD", &message))?,
        arguments: arguments?,
        stdin,
        folder: base.join("."),
        timeout: timeout.ok_or_else(|| error("TIMEOUT", "write a time like \"60 s\""))?,
        leading_dash: match settings.get("LEADING_DASH") {
            None => false,
            Some(Value::Bool(yes)) => *yes,
            Some(_) => return Err(error("LEADING_DASH", "is true or false")),
        },
    })
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
