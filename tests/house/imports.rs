//! Which file of a crate uses which other one, read from its text.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The path of a module, without `crate`.
pub type Module = Vec<String>;

/// The modules of a crate that are files, without those for tests.
pub struct Sources {
    files: BTreeMap<Module, File>,
}

struct File {
    /// Below the crate's folder.
    path: String,
    /// What its `use` brings in, under which name.
    names: Vec<(String, Vec<String>)>,
    /// Paths that stand in it: those of `use` and all others.
    paths: Vec<Vec<String>>,
}

impl Sources {
    pub fn read(folder: &Path) -> Self {
        let files = super::files_below(folder, "rs");
        let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        Self::of(files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())))
    }

    pub fn of(sources: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut files = BTreeMap::new();
        let mut tests: Vec<Module> = Vec::new();
        for (path, text) in sources {
            let module = module(&path);
            let tokens = tokens(&text);
            let (tokens, test_modules) = without_tests(&tokens);
            tests.extend(test_modules.iter().map(|name| below(&module, name)));
            let (names, paths) = names_and_paths(&tokens);
            files.insert(module, File { path, names, paths });
        }
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self { files }
    }

    pub fn path(&self, module: &[String]) -> &str {
        &self.files[module].path
    }

    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.files.keys()
    }

    /// First parts of paths in `module`: crates, among others.
    pub fn first_parts(&self, module: &[String]) -> BTreeSet<&str> {
        self.files[module].paths.iter().map(|path| path[0].as_str()).collect()
    }

    /// Who uses whom. What a module passes on by `pub use` counts as used where
    /// it lies.
    pub fn arrows(&self) -> BTreeSet<(Module, Module)> {
        let mut arrows = BTreeSet::new();
        for (module, file) in &self.files {
            for path in &file.paths {
                match self.resolve(module, path, &mut BTreeSet::new()) {
                    Some(used) if used != *module && !used.is_empty() => {
                        arrows.insert((module.clone(), used));
                    }
                    _ => {}
                }
            }
        }
        arrows
    }

    /// The file in which lies what `path` means in `module`.
    fn resolve(
        &self,
        module: &[String],
        path: &[String],
        seen: &mut BTreeSet<(Module, String)>,
    ) -> Option<Module> {
        let (mut at, mut rest) = self.begin(module, path)?;
        while let Some((first, others)) = rest.split_first() {
            let deeper = below(&at, first);
            if self.files.contains_key(&deeper) {
                (at, rest) = (deeper, others.to_vec());
                continue;
            }
            let names = self.files.get(&at).map_or(&[][..], |file| &file.names);
            let passed_on = names.iter().filter(|(name, _)| name == first);
            for (name, meant) in passed_on {
                if seen.insert((at.clone(), name.clone())) {
                    let meant = [&meant[..], others].concat();
                    if let Some(found) = self.resolve(&at, &meant, seen) {
                        return Some(found);
                    }
                }
            }
            break;
        }
        Some(at)
    }

    /// The module that the first words of `path` mean in `module`, and the rest;
    /// `None` for another crate's and for names of the file itself.
    fn begin(&self, module: &[String], path: &[String]) -> Option<(Module, Vec<String>)> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" | "afterimage" => return Some((Vec::new(), rest.to_vec())),
            "self" => return Some((module.to_vec(), rest.to_vec())),
            "super" => {
                let parents = path.iter().take_while(|part| *part == "super").count();
                let at = module[..module.len().checked_sub(parents)?].to_vec();
                return Some((at, path[parents..].to_vec()));
            }
            _ => {}
        }
        if self.files.contains_key(&below(module, first)) {
            return Some((module.to_vec(), path.to_vec()));
        }
        let (_, meant) = self.files.get(module)?.names.iter().find(|(name, _)| name == first)?;
        // A name that means itself is another crate's.
        (meant[0] != *first).then(|| self.begin(module, &[meant, rest].concat()))?
    }
}

fn below(module: &[String], name: &str) -> Module {
    [module, &[name.to_owned()]].concat()
}

fn module(path: &str) -> Module {
    let mut parts: Module =
        path.strip_suffix(".rs").unwrap().split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| ["mod", "lib"].contains(&last.as_str())) {
        parts.pop();
    }
    parts
}

/// Words, `::` and all other characters; no comments, texts and numbers.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '"' => text_length(rest),
            '\'' => char_length(rest),
            _ if first.is_alphabetic() || first == '_' => {
                let word = |c: char| !(c.is_alphanumeric() || c == '_');
                let length = rest.find(word).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(length);
                if let (true, Some(raw)) = (word.ends_with('r'), raw_length(behind)) {
                    length + raw
                } else {
                    tokens.push(word);
                    length
                }
            }
            _ if rest.starts_with("::") => {
                tokens.push("::");
                2
            }
            _ => {
                if !first.is_whitespace() && !first.is_numeric() {
                    tokens.push(&rest[..first.len_utf8()]);
                }
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn text_length(text: &str) -> usize {
    let mut escaped = true;
    let end = text.char_indices().find(|(_, c)| {
        let is_end = *c == '"' && !escaped;
        escaped = !escaped && *c == '\\';
        is_end
    });
    // The first quote counts as escaped.
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// Of a raw text without its `r`; `None` if it is none.
fn raw_length(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let inner = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", &text[..hashes]);
    Some(hashes + 1 + inner.find(&end)? + end.len())
}

/// Of a character, or of the quote of a lifetime.
fn char_length(text: &str) -> usize {
    let mut inner = text[1..].chars();
    match inner.next() {
        Some('\\') => 3 + text[3..].find('\'').unwrap_or(0),
        Some(c) if inner.next() == Some('\'') => 2 + c.len_utf8(),
        _ => 1,
    }
}

/// The tokens without `#[cfg(test)] mod name { … }`, and the names of test
/// modules in files of their own.
fn without_tests<'a>(tokens: &[&'a str]) -> (Vec<&'a str>, Vec<String>) {
    const MARK: [&str; 8] = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    let (mut kept, mut names) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].starts_with(&MARK) {
            kept.push(tokens[at]);
            at += 1;
            continue;
        }
        names.push(tokens[at + MARK.len()].to_owned());
        at += MARK.len() + 1;
        let mut depth = 0;
        while at < tokens.len() {
            match tokens[at] {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                break;
            }
        }
    }
    (kept, names)
}

type Names = Vec<(String, Vec<String>)>;

fn names_and_paths(tokens: &[&str]) -> (Names, Vec<Vec<String>>) {
    let (mut names, mut paths) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let is_word = tokens[at].starts_with(|c: char| c.is_alphabetic() || c == '_');
        if tokens[at] == "use" {
            let end = at + tokens[at..].iter().position(|token| *token == ";").unwrap_or(0);
            use_tree(&tokens[at + 1..end.max(at + 1)], &[], &mut names);
            at = end.max(at) + 1;
        } else if is_word && tokens.get(at + 1) == Some(&"::") {
            let mut path = vec![tokens[at].to_owned()];
            while tokens.get(at + 1) == Some(&"::")
                && tokens.get(at + 2).is_some_and(|next| next.starts_with(char::is_alphabetic))
            {
                path.push(tokens[at + 2].to_owned());
                at += 2;
            }
            paths.push(path);
            at += 1;
        } else {
            at += 1;
        }
    }
    paths.extend(names.iter().map(|(_, path): &(String, Vec<String>)| path.clone()));
    (names, paths)
}

/// The names that the tree of a `use` brings in.
fn use_tree(tokens: &[&str], before: &[String], names: &mut Names) {
    let mut path = before.to_vec();
    let mut at = 0;
    while at < tokens.len() && !["{", "as"].contains(&tokens[at]) {
        if tokens[at] != "::" {
            path.push(tokens[at].to_owned());
        }
        at += 1;
    }
    match tokens.get(at) {
        Some(&"{") => {
            let inner = &tokens[at + 1..tokens.len() - 1];
            let mut depth = 0;
            let parts = inner.split(|token| {
                depth += i32::from(*token == "{") - i32::from(*token == "}");
                *token == "," && depth == 0
            });
            for part in parts.filter(|part| !part.is_empty()) {
                use_tree(part, &path, names);
            }
        }
        as_name => {
            if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let name = as_name.and_then(|_| tokens.get(at + 1)).map(|name| (*name).to_owned());
            if let Some(name) = name.or_else(|| path.last().cloned()) {
                names.push((name, path));
            }
        }
    }
}
