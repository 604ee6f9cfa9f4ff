//! What an operator wants to know of a component before it runs: where it
//! comes from, what it asks for, what it gets, what has to be written into
//! `config.toml`. Nothing of it is compiled or run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::interfaces::{Access, CLOSED, HTTP, Offer, PACKAGE, VERSION};
use super::outline::{self, Kind, Outline};
use super::problem::{self, Problem};
use super::types;
use crate::digest;
use crate::text::printable;

/// What a configuration says of a component.
#[derive(Debug, Clone)]
pub struct Configured {
    /// Name of the plugin.
    pub name: String,
    /// The only bytes that it takes, if it says so.
    pub sha256: Option<String>,
    /// Whether it has a file and does not say of which bytes.
    pub is_unpinned: bool,
    /// Bytes of memory that it may use.
    pub memory: usize,
    /// All that it may use, as `LIMITS` would say it.
    pub limits: String,
    /// What it may reach over HTTP, in lines.
    pub reach: Vec<String>,
}

/// A component, looked at from outside.
pub struct Inspection {
    title: String,
    digest: String,
    size: usize,
    outline: Outline,
    offers: Vec<Offer>,
    configured: Option<Configured>,
    suggested_name: String,
    component: String,
    problem: Option<Problem>,
}

impl Inspection {
    /// Looks at `bytes`. `title` says where they are from; `component` is what
    /// `COMPONENT` would say and `name` what the plugin could be called.
    /// `configured` is the configuration that they have, if they have one, and
    /// `offers` what that gets of the host.
    pub fn new(
        bytes: &[u8],
        title: &str,
        component: &str,
        name: &str,
        offers: Vec<Offer>,
        configured: Option<Configured>,
    ) -> Self {
        let outline = Outline::read(bytes);
        let digest = digest::sha256(bytes);
        let problem = check(&outline, bytes, &digest, &offers, configured.as_ref()).err();
        Self {
            title: title.to_owned(),
            digest,
            size: bytes.len(),
            outline,
            offers,
            configured,
            suggested_name: name.to_owned(),
            component: component.to_owned(),
            problem,
        }
    }

    /// Why it cannot be loaded as it is configured.
    pub fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Its SHA-256.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Interfaces that need a grant.
    fn wishes(&self) -> impl Iterator<Item = &Offer> {
        problem::asked_for(&self.outline, &self.offers).filter(|offer| offer.needs_grant())
    }

    /// Patch versions of WASI by package: `cli 0.2.6`.
    fn wasi(&self) -> BTreeMap<String, BTreeSet<&str>> {
        let mut packages: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for import in &self.outline.imports {
            let Some((package, rest)) =
                import.strip_prefix("wasi:").and_then(|name| name.split_once('/'))
            else {
                continue;
            };
            let version = rest.split_once('@').map_or("", |(_, version)| version);
            packages.entry(package.to_owned()).or_default().insert(version);
        }
        packages
    }

    fn closed(&self) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        CLOSED.iter().filter(|(closed, _)| {
            self.outline.imports.iter().any(|import| {
                let (name, _) = import.split_once('@').unwrap_or((import, ""));
                name == *closed || (closed.ends_with('/') && name.starts_with(closed))
            })
        })
    }
}

/// As the loader checks, without compiling.
fn check(
    outline: &Outline,
    bytes: &[u8],
    digest: &str,
    offers: &[Offer],
    configured: Option<&Configured>,
) -> Result<(), Problem> {
    problem::check(outline, offers)?;
    types::check(outline, &outline::validate(bytes).map_err(|words| problem::translate(&words))?)?;
    let Some(configured) = configured else { return Ok(()) };
    if let Some(expected) = configured.sha256.as_ref().filter(|expected| *expected != digest) {
        return Err(Problem::OtherBytes { found: digest.to_owned(), expected: expected.clone() });
    }
    problem::check_memory(outline, configured.memory)?;
    let unpinned = configured.is_unpinned.then_some(digest);
    problem::check_grants(outline, &configured.name, offers, unpinned)
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        row(f, "sha256", &self.digest)?;
        row(f, "size", human_size(self.size))?;
        if self.outline.kind == Kind::Component {
            let languages = match self.outline.languages.is_empty() {
                true => "not stated".to_owned(),
                false => join(&self.outline.languages),
            };
            row(f, "language", languages)?;
            if !self.outline.tools.is_empty() {
                row(f, "made by", join(&self.outline.tools))?;
            }
            self.contract(f)?;
            self.imports(f)?;
        }
        if let Some(configured) = &self.configured {
            row(f, "limits", &configured.limits)?;
        }
        match &self.problem {
            None => row(f, "loads", "yes")?,
            Some(problem) => row(f, "loads", format_args!("no: {problem}"))?,
        }
        let wrong = !matches!(self.problem, None | Some(Problem::NotGranted { .. }));
        if self.configured.is_none() && !wrong {
            self.stanza(f)?;
        }
        Ok(())
    }
}

impl Inspection {
    fn contract(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: BTreeSet<&str> = (self.outline.imports.iter().chain(&self.outline.exports))
            .filter_map(|name| problem::ours(name))
            .map(|(_, version)| version)
            .collect();
        if versions.is_empty() {
            return row(f, "contract", format_args!("none of {PACKAGE}"));
        }
        let (major, minor, patch) = VERSION;
        let versions = versions.into_iter().collect::<Vec<_>>().join(", ");
        row(
            f,
            "contract",
            format_args!("{PACKAGE} {versions} (this host: {major}.{minor}.{patch})"),
        )
    }

    fn imports(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let free: Vec<&str> = problem::asked_for(&self.outline, &self.offers)
            .filter(|offer| !offer.needs_grant())
            .map(|offer| offer.name)
            .collect();
        if !free.is_empty() {
            row(f, "uses", format_args!("{}, free for every plugin", free.join(", ")))?;
        }
        for offer in self.wishes() {
            let granted = match (&offer.access, &self.configured) {
                (Access::Granted(grant), _) => format!("granted: {grant}"),
                (_, Some(_)) => "NOT GRANTED".to_owned(),
                (_, None) => "needs a grant".to_owned(),
            };
            row(f, "asks for", format_args!("{}, {granted}", offer.name))?;
        }
        let unknown: Vec<&str> = (self.outline.imports.iter())
            .filter(|import| !import.starts_with("wasi:"))
            .filter(|import| {
                problem::ours(import)
                    .is_none_or(|(name, _)| Offer::find(&self.offers, name).is_none())
            })
            .map(String::as_str)
            .collect();
        if !unknown.is_empty() {
            row(f, "asks for", format_args!("{}, NOT OFFERED", unknown.join(", ")))?;
        }
        for (package, versions) in self.wasi() {
            let versions = versions.into_iter().collect::<Vec<_>>().join(", ");
            row(f, "WASI", format_args!("{package} {versions}"))?;
        }
        self.http(f)?;
        for (closed, why) in self.closed() {
            row(f, "refused", format_args!("{}: {why}", closed.trim_end_matches('/')))?;
        }
        Ok(())
    }

    /// What it may reach. Runtimes of some languages import HTTP whether it is
    /// used or not, so that is no request for a grant.
    fn http(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.outline.imports.iter().any(|import| import.starts_with(HTTP)) {
            return Ok(());
        }
        let reach = self.configured.as_ref().map(|configured| configured.reach.as_slice());
        match reach {
            None | Some([]) => {
                row(f, "HTTP", "reaches nothing without ALLOW = { HTTP = [\"https://host\"] }")
            }
            Some(reach) => reach.iter().try_for_each(|line| row(f, "HTTP", line)),
        }
    }

    /// The lines that would make a plugin of it.
    fn stanza(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nto use it, add to config.toml:")?;
        writeln!(f, "  [PLUGINS.{}]", self.suggested_name)?;
        writeln!(f, "  COMPONENT = {:?}", self.component)?;
        writeln!(f, "  SHA256 = \"{}\"", self.digest)?;
        let example = |offer: &Offer| match offer.access {
            Access::Missing { example } => Some(example),
            _ => None,
        };
        let wishes: Vec<&str> = self.wishes().filter_map(example).collect();
        if !wishes.is_empty() {
            writeln!(f, "  ALLOW = {{ {} }}", wishes.join(", "))?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    // What has several lines goes on below its first.
    let value = printable(&value.to_string()).replace('\n', "\n            ");
    writeln!(f, "  {name:<9} {value}")
}

fn join(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn human_size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
