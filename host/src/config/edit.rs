//! Writing into `config.toml` on the operator's behalf: comments and order
//! stay, and what comes out is read again before it replaces anything.

use std::io::Write;
use std::path::Path;

use toml_edit::{DocumentMut, InlineTable, Item, Value, value};

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
}

impl Stanza<'_> {
    /// Writes it into the file at `path`, which is made if there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, it was wrong before, or the plugin
    /// is there (without `update`) or not there (with `update`).
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        // Through a link, so that the link stays.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !self.update => {
                String::new()
            }
            Err(error) => anyhow::bail!("{}: {error}", path.display()),
        };
        Config::parse(path, &text)?;
        let text = self.add_to(&text)?;
        Config::parse(path, &text)?;

        let draft = path.with_extension("toml.new");
        let mut file = std::fs::File::create(&draft)?;
        if let Ok(metadata) = std::fs::metadata(path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        Ok(())
    }

    fn add_to(&self, text: &str) -> anyhow::Result<String> {
        let Self { name, component, sha256, update } = self;
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

#[cfg(test)]
mod tests {
    use super::*;

    const STANZA: Stanza<'_> =
        Stanza { name: "printer", component: "plugins/a.wasm", sha256: "aa", update: false };

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
    fn an_update_keeps_grants_and_comments() {
        let text = "[PLUGINS.printer]\nCOMPONENT = \"b\" # old\nSHA256 = \"bb\"\nALLOW = { STORE = \"prints\" } # mine\n";
        let error = STANZA.add_to(text).unwrap_err().to_string();
        assert!(error.contains("--update"), "{error}");
        let updated = Stanza { update: true, ..STANZA }.add_to(text).unwrap();
        assert!(updated.contains("COMPONENT = \"plugins/a.wasm\""), "{updated}");
        assert!(updated.contains("ALLOW = { STORE = \"prints\" } # mine"), "{updated}");
    }
}
