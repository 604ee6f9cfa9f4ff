//! Writing into `config.toml` on the operator's behalf: comments and order
//! stay, and what comes out is read again before it replaces anything.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use toml_edit::{DocumentMut, InlineTable, Item, Key, Value, value};

use super::resolved::Config;

/// `[PLUGINS.name]` to be written.
pub struct Stanza<'a> {
    /// Name of the plugin.
    pub name: &'a str,
    /// `COMPONENT`.
    pub component: &'a str,
    /// `SHA256`.
    pub sha256: &'a str,
    /// Whether it is to replace the component of a plugin that is there.
    pub update: bool,
    /// Addresses and services that are to go to it.
    pub mapped: &'a [String],
}

impl Stanza<'_> {
    /// Writes it into the file at `path`, which is made if there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, it was wrong before, or the plugin
    /// is there (without `update`) or not there (with `update`).
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        rewrite(path, !self.update, |text| self.map(&self.add_to(text)?))
    }

    /// Adds the lines of [`Stanza::mapped`] to `[ACTIONS]`.
    fn map(&self, text: &str) -> anyhow::Result<String> {
        let mut text = text.to_owned();
        for target in self.mapped {
            let mut document: DocumentMut = text.parse()?;
            let mappings = document.get_mut("ACTIONS").and_then(Item::as_table_like_mut);
            let Some(mappings) = mappings else {
                let line = format!("{} = {}", Key::new(target), Value::from(self.name));
                let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                text = format!("{text}{gap}\n[ACTIONS]\n{line}\n");
                continue;
            };
            let there = mappings.get(target).and_then(Item::as_str);
            if let Some(other) = there.filter(|other| *other != self.name) {
                anyhow::bail!("{target:?} goes to {other} already; change that line in [ACTIONS]");
            }
            if there.is_none() {
                mappings.insert(target, value(self.name));
                text = document.to_string();
            }
        }
        Ok(text)
    }

    fn add_to(&self, text: &str) -> anyhow::Result<String> {
        let Self { name, component, sha256, update, .. } = self;
        let mut document: DocumentMut = text.parse()?;
        let is_inline = document.get("PLUGINS").is_some_and(Item::is_inline_table);
        let plugins = document.get_mut("PLUGINS");
        // A look into an `Item` would make what it does not find.
        let mut plugins = plugins.and_then(Item::as_table_like_mut);
        let there = plugins.as_mut().and_then(|plugins| plugins.get_mut(name));
        match (there, update) {
            (Some(there), _) if there.get("SHA256").and_then(Item::as_str) == Some(sha256) => {}
            (Some(_), false) => anyhow::bail!(
                "[PLUGINS.{name}] is there with another component; --update replaces it and keeps its grants, --name adds a second one"
            ),
            (None, true) => anyhow::bail!("there is no [PLUGINS.{name}] to update"),
            (Some(there), true) => {
                there["COMPONENT"] = value(*component);
                there["SHA256"] = value(*sha256);
            }
            (None, false) if is_inline => {
                let stanza = InlineTable::from_iter([
                    ("COMPONENT", Value::from(*component)),
                    ("SHA256", Value::from(*sha256)),
                    ("ALLOW", Value::from(InlineTable::new())),
                ]);
                document["PLUGINS"][name] = value(stanza);
            }
            // At the end of the text: in the document, a new table goes before
            // the comments at its end, which belong to the table above them.
            (None, false) => {
                let (component, sha256) = (Value::from(*component), Value::from(*sha256));
                let gap = match text {
                    "" => "",
                    text if text.ends_with('\n') => "\n",
                    _ => "\n\n",
                };
                return Ok(format!(
                    "{text}{gap}[PLUGINS.{name}]\nCOMPONENT = {component}\nSHA256 = {sha256}\nALLOW = {{}}\n"
                ));
            }
        }
        Ok(document.to_string())
    }
}

/// Writes the `hash` of the password of `address` into the file at `path`,
/// which is made if there is none. Other senders stay as they are.
///
/// # Errors
/// As [`Stanza::write`].
pub fn set_password(path: &Path, address: &str, hash: &str) -> anyhow::Result<()> {
    rewrite(path, true, |text| with_password(text, address, hash))
}

fn with_password(text: &str, address: &str, hash: &str) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let same = |known: &str| known.to_lowercase() == address.to_lowercase();
    if let Some(senders) = document.get_mut("SENDERS").and_then(Item::as_table_like_mut) {
        let known = senders.iter().map(|(known, _)| known.to_owned()).find(|known| same(known));
        match known.and_then(|known| senders.get_mut(&known)) {
            Some(there) => *there = value(hash),
            None => drop(senders.insert(address, value(hash))),
        }
        return Ok(document.to_string());
    }
    // A list has no place for passwords: the same senders, as a table.
    let listed: Vec<String> = match document.get("SENDERS").and_then(Item::as_array) {
        Some(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => vec![FACTORY.to_owned()],
    };
    let mut senders = InlineTable::new();
    for known in listed.iter().filter(|known| !same(known)) {
        senders.insert(known, "".into());
    }
    let spelling = listed.iter().find(|known| same(known)).map_or(address, String::as_str);
    senders.insert(spelling, hash.into());
    match document.get_mut("SENDERS").and_then(Item::as_value_mut) {
        Some(there) => {
            let decor = there.decor().clone();
            *there = Value::InlineTable(senders);
            *there.decor_mut() = decor;
        }
        None => drop(document.insert("SENDERS", value(senders))),
    }
    Ok(document.to_string())
}

/// Who may send when nothing is said.
const FACTORY: &str = "Camera@samsungcamera.com";

/// Replaces the file at `path` by what `change` makes of its text, if that can
/// be read. One that is not there is empty, if it may be made.
fn rewrite(
    path: &Path,
    may_be_made: bool,
    change: impl FnOnce(&str) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    // Through a link, so that the link stays.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && may_be_made => String::new(),
        Err(error) => anyhow::bail!("{}: {error}", path.display()),
    };
    Config::parse(path, &text)?;
    let text = change(&text)?;
    Config::parse(path, &text)?;

    let draft = path.with_extension("toml.new");
    let mut file = std::fs::File::create(&draft)?;
    if let Ok(metadata) = std::fs::metadata(path) {
        file.set_permissions(metadata.permissions())?;
        // The service's group may be the only one that can read it. Who is not
        // root made the file, or could not do this.
        let _ = std::os::unix::fs::fchown(&file, Some(metadata.uid()), Some(metadata.gid()));
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZA: Stanza<'_> = Stanza {
        name: "printer",
        component: "plugins/a.wasm",
        sha256: "aa",
        update: false,
        mapped: &[],
    };

    #[test]
    fn what_the_operator_wrote_stays() {
        let text = "# mine\nLISTEN = \"*:80\"   # port 80\n\n[ACTIONS]\n#x = \"y\"\n";
        let added = STANZA.add_to(text).unwrap();
        assert_eq!(
            added,
            format!(
                "{text}\n[PLUGINS.printer]\nCOMPONENT = \"plugins/a.wasm\"\nSHA256 = \"aa\"\nALLOW = {{}}\n"
            )
        );
    }

    #[test]
    fn a_second_plugin_stands_beside_the_first_however_that_is_written() {
        for first in [
            "[PLUGINS.one]\nCOMPONENT = \"b\"\n",
            "[PLUGINS]\none = { COMPONENT = \"b\" }\n",
            "PLUGINS = { one = { COMPONENT = \"b\" } }\n",
            "PLUGINS.one.COMPONENT = \"b\"\n",
            "[ACTIONS]\nfacebook = \"store\"\n[PLUGINS.one]\nCOMPONENT = \"b\"\n# end",
        ] {
            let both = STANZA.add_to(first).unwrap();
            let table: toml::Table = both.parse().unwrap_or_else(|error| panic!("{both}: {error}"));
            assert_eq!(table["PLUGINS"]["one"]["COMPONENT"].as_str(), Some("b"), "{both}");
            assert_eq!(table["PLUGINS"]["printer"]["SHA256"].as_str(), Some("aa"), "{both}");
            let again = STANZA.add_to(&both).unwrap();
            assert_eq!(again, both);
            let error = Stanza { name: "two", update: true, ..STANZA }.add_to(&both);
            assert!(error.unwrap_err().to_string().contains("no [PLUGINS.two]"));
        }
    }

    #[test]
    fn addresses_are_mapped_where_the_operator_maps() {
        let mapped = ["a@example.org".to_owned(), "facebook".to_owned()];
        let stanza = Stanza { mapped: &mapped, ..STANZA };
        let text = "# mine\n[ACTIONS] # whereto\n\"*\" = \"store\" # rest\n\n[EMAIL]\n";
        let added = stanza.map(text).unwrap();
        assert_eq!(
            added,
            "# mine\n[ACTIONS] # whereto\n\"*\" = \"store\" # rest\n\"a@example.org\" = \"printer\"\n\
             facebook = \"printer\"\n\n[EMAIL]\n"
        );
        assert_eq!(stanza.map(&added).unwrap(), added);
        let made = stanza.map("LISTEN = \"*:80\"").unwrap();
        assert_eq!(
            made,
            "LISTEN = \"*:80\"\n\n[ACTIONS]\n\"a@example.org\" = \"printer\"\nfacebook = \"printer\"\n"
        );
        let taken = "[ACTIONS]\nfacebook = \"store\"\n";
        assert!(stanza.map(taken).unwrap_err().to_string().contains("goes to store already"));
    }

    #[test]
    fn a_password_keeps_the_other_senders_and_the_comments() {
        for (before, after) in [
            ("", "SENDERS = { \"Camera@samsungcamera.com\" = \"\", \"a@b.org\" = \"hash\" }\n"),
            (
                "# who\nSENDERS = [\"A@b.org\", \"c@d.org\"] # mine\n[ACTIONS]\n",
                "# who\nSENDERS = { \"c@d.org\" = \"\", \"A@b.org\" = \"hash\" } # mine\n[ACTIONS]\n",
            ),
            (
                "[SENDERS]\n\"c@d.org\" = \"\" # any\n",
                "[SENDERS]\n\"c@d.org\" = \"\" # any\n\"a@b.org\" = \"hash\"\n",
            ),
            ("[SENDERS]\n\"A@B.org\" = \"old\"\n", "[SENDERS]\n\"A@B.org\" = \"hash\"\n"),
        ] {
            assert_eq!(with_password(before, "a@b.org", "hash").unwrap(), after);
        }
    }

    #[test]
    fn an_update_keeps_grants_and_comments() {
        let text = "[PLUGINS.printer]\nCOMPONENT = \"b\" # old\nSHA256 = \"bb\"\nALLOW = { STORE = \"prints\" } # mine\n";
        let error = STANZA.add_to(text).unwrap_err().to_string();
        assert!(error.contains("--update"), "{error}");
        let updated = Stanza { update: true, ..STANZA }.add_to(text).unwrap();
        assert!(updated.contains("COMPONENT = \"plugins/a.wasm\""), "{updated}");
        assert!(updated.contains("ALLOW = { STORE = \"prints\" } # mine"), "{updated}");
    }
}
