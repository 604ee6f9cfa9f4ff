//! What a file of WebAssembly says of itself, read without compiling or
//! running any of it.

use std::collections::BTreeSet;

use wasmparser::types::Types;
use wasmparser::{
    ComponentName, ComponentNameSectionReader, Encoding, KnownCustom, Parser, Payload,
    ProducersSectionReader, ValidPayload, Validator, WasmFeatures,
};

use crate::text::clean;

/// Kinds of files that are given as plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A component.
    Component,
    /// What compilers make first: a module that is to be wrapped.
    CoreModule,
    /// No WebAssembly.
    Other,
}

/// The outside of a component.
#[derive(Debug)]
pub struct Outline {
    /// What kind of file it is.
    pub kind: Kind,
    /// Where reading it came to an end before its own.
    pub damage: Option<String>,
    /// Names of its imports, with versions.
    pub imports: Vec<String>,
    /// Names of its exports, with versions.
    pub exports: Vec<String>,
    /// Languages that it was written in.
    pub languages: BTreeSet<String>,
    /// Tools that made it, with versions.
    pub tools: BTreeSet<String>,
    /// Bytes of memory that its modules begin with, together.
    pub memory: u64,
}

impl Outline {
    /// Reads `bytes`. What comes behind damage is left out; whether the
    /// component is valid is the question of [`validate`].
    pub fn read(bytes: &[u8]) -> Self {
        let mut outline = Self {
            kind: kind(bytes),
            damage: None,
            imports: Vec::new(),
            exports: Vec::new(),
            languages: BTreeSet::new(),
            tools: BTreeSet::new(),
            memory: 0,
        };
        if outline.kind == Kind::Component {
            outline.walk(bytes);
        }
        outline
    }

    fn walk(&mut self, bytes: &[u8]) {
        // What is being read, from the outside in, and what was, by its depth.
        let mut parts: Vec<Part> = Vec::new();
        let mut read: Vec<(usize, Part)> = Vec::new();
        let mut modules = 0;
        let mut adapters = BTreeSet::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = match payload {
                Ok(payload) => payload,
                Err(error) => {
                    self.damage = Some(error.to_string());
                    break;
                }
            };
            match payload {
                Payload::Version { encoding, .. } => {
                    let is_own_module = encoding == Encoding::Module && parts.len() == 1;
                    parts.push(Part { index: is_own_module.then_some(modules), ..Part::default() });
                    modules += u32::from(is_own_module);
                }
                Payload::End(_) => {
                    let depth = parts.len();
                    read.extend(parts.pop().map(|part| (depth, part)));
                }
                Payload::ComponentImportSection(section) if parts.len() == 1 => {
                    let imports = section.into_iter().map_while(Result::ok);
                    self.imports.extend(imports.map(|import| import.name.name.to_owned()));
                }
                Payload::ComponentExportSection(section) if parts.len() == 1 => {
                    let exports = section.into_iter().map_while(Result::ok);
                    self.exports.extend(exports.map(|export| export.name.name.to_owned()));
                }
                Payload::MemorySection(section) => {
                    let memories = section.into_iter().map_while(Result::ok);
                    let bytes = memories.map(|memory| {
                        let page = 1_u64 << memory.page_size_log2.unwrap_or(16);
                        memory.initial.saturating_mul(page)
                    });
                    self.memory = bytes.fold(self.memory, u64::saturating_add);
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Producers(fields) => {
                        if let Some(part) = parts.last_mut() {
                            part.read(fields);
                        }
                    }
                    KnownCustom::ComponentName(names) if parts.len() == 1 => {
                        adapters.extend(adapters_of(names));
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        // What damage cut off.
        read.extend(parts.into_iter().enumerate().map(|(index, part)| (index + 1, part)));
        read.retain(|(_, part)| !part.index.is_some_and(|index| adapters.contains(&index)));
        // Parts say what their own compiler was; the outermost word counts.
        let speaks = |(depth, part): &(usize, Part)| (!part.languages.is_empty()).then_some(*depth);
        let outermost = read.iter().filter_map(speaks).min();
        for (depth, part) in read {
            self.tools.extend(part.tools);
            if Some(depth) == outermost {
                self.languages.extend(part.languages);
            }
        }
        self.recognise(bytes);
    }

    /// Some tools leave no word of themselves but the runtime that they embed.
    fn recognise(&mut self, bytes: &[u8]) {
        for (mark, language, tool) in [
            (&b"componentize_py"[..], "Python", "componentize-py"),
            (b"QuickJS", "JavaScript", "componentize-qjs"),
        ] {
            if memchr::memmem::find(bytes, mark).is_some() {
                self.languages = BTreeSet::from([language.to_owned()]);
                self.tools.insert(tool.to_owned());
            }
        }
        // Every component of Rust's holds a C library.
        if self.languages.contains("Rust") {
            self.languages.retain(|language| !language.starts_with("C1"));
        }
        // A stripped release still has the places of the library's panics.
        if self.languages.is_empty() && memchr::memmem::find(bytes, b"/rustc/").is_some() {
            self.languages.insert("Rust".to_owned());
        }
    }
}

/// A component, or a component or module inside one.
#[derive(Default)]
struct Part {
    /// Position among the outermost component's modules, if it is one of them.
    index: Option<u32>,
    languages: BTreeSet<String>,
    tools: BTreeSet<String>,
}

impl Part {
    fn read(&mut self, producers: ProducersSectionReader<'_>) {
        for field in producers.into_iter().map_while(Result::ok) {
            let values = field.values.into_iter().map_while(Result::ok);
            match field.name {
                "language" => self.languages.extend(values.map(|value| printable(value.name))),
                "processed-by" => self.tools.extend(values.map(|value| {
                    // Some tools append the place of their source.
                    let version = value.version.split_whitespace().next();
                    printable(&format!("{} {}", value.name, version.unwrap_or("")))
                })),
                _ => {}
            }
        }
    }
}

/// The modules that speak WASI 0.1 for another one, and are not of the
/// author's making: their positions.
fn adapters_of(names: ComponentNameSectionReader<'_>) -> Vec<u32> {
    let maps = names.into_iter().map_while(Result::ok).filter_map(|name| match name {
        ComponentName::CoreModules(map) => Some(map),
        _ => None,
    });
    maps.flat_map(|map| map.into_iter().map_while(Result::ok))
        .filter(|naming| naming.name.starts_with("wit-component:adapter:"))
        .map(|naming| naming.index)
        .collect()
}

/// The types in a component, if the engine can use it.
///
/// # Errors
/// What makes it unusable.
pub fn validate(bytes: &[u8]) -> Result<Types, String> {
    let mut validator =
        Validator::new_with_features(WasmFeatures::default() & !WasmFeatures::CM_ASYNC);
    validator.validate_all(bytes).map_err(|error| error.to_string())
}

/// The types in a component, without a look at the code of its functions,
/// which takes most of the time and which the compiler looks at.
///
/// # Errors
/// What makes it unusable.
pub fn types(bytes: &[u8]) -> Result<Types, String> {
    let mut validator =
        Validator::new_with_features(WasmFeatures::default() & !WasmFeatures::CM_ASYNC);
    let mut types = None;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| error.to_string())?;
        // The outermost ends last.
        if let ValidPayload::End(end) =
            validator.payload(&payload).map_err(|error| error.to_string())?
        {
            types = Some(end);
        }
    }
    types.ok_or_else(|| "it is empty".to_owned())
}

/// Tells a component from what is often given in its place, by its first bytes.
fn kind(bytes: &[u8]) -> Kind {
    match bytes {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Kind::Component,
        [0, b'a', b's', b'm', _, _, 0, 0, ..] => Kind::CoreModule,
        _ => Kind::Other,
    }
}

/// A stranger's word, fit for a terminal.
fn printable(word: &str) -> String {
    clean(word.trim()).chars().take(60).collect()
}
