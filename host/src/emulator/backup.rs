//! `afterimage camera backup`: Auto Backup as a camera does it, from the search
//! to the end.

mod http;
mod search;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use self::http::{Answer, Place};
use super::request::backup as request;
use super::verdict::Verdict;
use crate::date::Date;
use crate::pairing::{Model, Pairing, Udn};

/// Copy files to a server as Auto Backup does
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// Photos and videos
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Camera; where it looks on its card depends on that
    #[arg(long, default_value = "nx300", value_parser = model)]
    model: &'static Model,
    /// Card that was paired with the server; without it any server is taken
    #[arg(long, value_name = "FOLDER")]
    card: Option<PathBuf>,
    /// Server to search, instead of all in the network
    #[arg(long, value_name = "ADDRESS")]
    server: Option<Ipv4Addr>,
    /// Description of the server, instead of a search
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    location: Option<String>,
    /// Address of this machine to be a camera from
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Ipv4Addr>,
    /// Hang up in the middle of each file and come again
    #[arg(long)]
    loss: bool,
}

fn model(written: &str) -> Result<&'static Model, String> {
    Model::find(written).ok_or_else(|| {
        let known: Vec<&str> = crate::pairing::MODELS.iter().map(|model| model.name).collect();
        format!("known are {}", known.join(", "))
    })
}

impl Backup {
    /// Searches, sends the files and judges the answers.
    ///
    /// # Errors
    /// A file or the card cannot be read.
    pub fn run(&self) -> anyhow::Result<Verdict> {
        let card = match &self.card {
            Some(folder) => Some(read_card(folder, self.model)?),
            None => None,
        };
        let files: Vec<(PathBuf, request::File)> = self
            .files
            .iter()
            .map(|path| Ok((path.clone(), describe(path)?)))
            .collect::<anyhow::Result<_>>()?;
        let mut heard = Vec::new();
        let (content, word) = match self.back_up(card.as_ref(), &files, &mut heard) {
            Ok(()) => (true, "backed up"),
            Err(error) => {
                heard.push(format!("{error:#}"));
                (false, "failed")
            }
        };
        Ok(Verdict { content, word, heard })
    }

    fn back_up(
        &self,
        card: Option<&Pairing>,
        files: &[(PathBuf, request::File)],
        heard: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let udn = card.map(|card| &card.udn);
        let location = match &self.location {
            Some(location) => location.clone(),
            None => search::find(self.server, self.from, udn, heard)?,
        };
        let mut session = Session::begin(&location, self.from, card)?;
        heard.push(format!("{location} is {:?}, {}", session.name, session.udn));
        for (number, (path, file)) in files.iter().enumerate() {
            let mut place = session.announce(file)?;
            if self.loss {
                session.hang_up(&place, path, file)?;
                heard.push(format!("{}: hung up after {} bytes", file.name, file.size / 2));
                // Which of the two a camera does is not known.
                if number % 2 == 1 {
                    session = Session::begin(&location, self.from, card)?;
                    place = session.announce(file)?;
                }
            }
            session.send(&place, path, file)?;
            heard.push(format!("{}: {} bytes sent", file.name, file.size));
            if self.loss {
                // As if the answer had been lost.
                session.send(&place, path, file).context("sent again after a lost answer")?;
            }
        }
        session.call("X_BACKUP_DONE", "<SystemOff>0</SystemOff>")?;
        Ok(())
    }
}

/// A server whose description was read and that was told of a beginning.
struct Session {
    from: Option<Ipv4Addr>,
    control: Place,
    name: String,
    udn: Udn,
}

impl Session {
    /// # Errors
    /// What a camera would miss.
    fn begin(
        location: &str,
        from: Option<Ipv4Addr>,
        card: Option<&Pairing>,
    ) -> anyhow::Result<Self> {
        let place = Place::parse(location)?;
        let description = get(&place, from)?;
        ensure!(
            description.came_in_one_piece,
            "the description came in pieces; some cameras miss what is not in the first"
        );
        let text = |name| {
            element(&description.body, name).with_context(|| format!("{location} has no {name}"))
        };
        let udn = text("UDN")?;
        let udn = Udn::parse(udn).with_context(|| format!("{udn} is no UDN"))?;
        let name = unescaped(text("friendlyName")?);
        if let Some(card) = card {
            ensure!(card.udn == udn, "the card is paired with {}, this is {udn}", card.udn);
            ensure!(
                card.name == name,
                "the card calls the server {:?}, it calls itself {name:?}; pair again",
                card.name
            );
        }
        let mut control = None;
        for service in description.body.split("<service>").skip(1) {
            let url = element(service, "SCPDURL").context("a service without SCPDURL")?;
            let document = get(&place.beside(url), from)?;
            ensure!(document.body.contains("<actionList>"), "{url} lists no actions");
            if element(service, "serviceType") == Some(CONTENT_DIRECTORY) {
                ensure!(
                    document.body.contains("<name>X_BACKUP_START</name>"),
                    "{url} has no X_BACKUP_START"
                );
                let url = element(service, "controlURL").context("no controlURL")?;
                control = Some(place.beside(url));
            }
        }
        let control = control.context("no ContentDirectory")?;
        let session = Self { from, control, name, udn };
        session.call("X_BACKUP_START", "")?;
        Ok(session)
    }

    /// Calls an action; its answer.
    ///
    /// # Errors
    /// The server refuses, or answers something else.
    fn call(&self, action: &str, arguments: &str) -> anyhow::Result<Answer> {
        let Place { host, path } = &self.control;
        let request = request::call(host, path, action, arguments);
        let answer = http::ask(host, self.from, request.as_bytes())?;
        ensure!(answer.status == 200, "{action}: {}", answer.in_short());
        ensure!(
            answer.body.contains(&format!("{action}Response")),
            "{action} is answered by something else: {}",
            answer.in_short()
        );
        Ok(answer)
    }

    /// Announces a file; where its bytes shall go.
    fn announce(&self, file: &request::File) -> anyhow::Result<Place> {
        let answer = self.call("CreateObject", &file.announcement())?;
        let id = element(&answer.body, "ObjectID").context("no ObjectID")?;
        let result = element(&answer.body, "Result").context("no Result")?;
        ensure!(!result.contains('<'), "Result is XML and not text");
        let didl = unescaped(result);
        let attribute = |name: &str| {
            let (_, rest) = didl.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        ensure!(didl.contains(&format!("<item id=\"{id}\"")), "the item is not {id}");
        ensure!(attribute("dlna:resumeUpload") == Some("0"), "resuming is offered");
        ensure!(
            attribute("size") == Some(&file.size.to_string()),
            "another size than {}",
            file.size
        );
        let uri = attribute("importUri").context("no importUri")?;
        ensure!(uri.len() < 128, "{uri} is too long for a camera");
        Place::parse(uri)
    }

    /// Sends the bytes of a file.
    fn send(&self, place: &Place, path: &Path, file: &request::File) -> anyhow::Result<()> {
        let head = file.upload_head(&place.host, &place.path);
        let mut bytes = open(path)?;
        let answer = http::send(&place.host, self.from, &head, &mut bytes)?;
        match answer.status {
            200 => Ok(()),
            _ => bail!("{}: {}", file.name, answer.in_short()),
        }
    }

    /// Begins to send the bytes of a file and breaks the connection.
    fn hang_up(&self, place: &Place, path: &Path, file: &request::File) -> anyhow::Result<()> {
        let head = file.upload_head(&place.host, &place.path);
        http::hang_up(&place.host, self.from, &head, &mut open(path)?, file.size / 2)
    }
}

/// The type of the service that takes files.
const CONTENT_DIRECTORY: &str = "urn:schemas-upnp-org:service:ContentDirectory:1";

fn get(place: &Place, from: Option<Ipv4Addr>) -> anyhow::Result<Answer> {
    let Place { host, path } = place;
    let answer = http::ask(host, from, request::document(host, path).as_bytes())?;
    ensure!(answer.status == 200, "http://{host}{path}: {}", answer.in_short());
    Ok(answer)
}

/// The content of the first element of this name, searched as cameras search.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(content, _)| content.trim())
}

fn unescaped(text: &str) -> String {
    (text.replace("&lt;", "<").replace("&gt;", ">"))
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| path.display().to_string())
}

fn describe(path: &Path) -> anyhow::Result<request::File> {
    let metadata = open(path)?.metadata()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let date = Date::of(metadata.modified()?).to_string();
    Ok(request::File { name, date, size: metadata.len() })
}

/// Reads the pairing of a card where `model` looks for it, as strictly as it
/// does.
fn read_card(folder: &Path, model: &Model) -> anyhow::Result<Pairing> {
    let path = folder.join(model.folder).join(model.file);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("{} finds no server on its card: {}", model.name, path.display())
    })?;
    Pairing::parse(&text).with_context(|| {
        format!("{}: not five lines that end in CR LF; `afterimage backup pair`", path.display())
    })
}

/// The address of a server as it stands in a URL.
fn server(host: &str) -> anyhow::Result<SocketAddrV4> {
    let with_port = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    with_port.parse().with_context(|| format!("{host} is no IPv4 address"))
}
