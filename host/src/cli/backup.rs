//! `afterimage backup`: cards and cameras of Auto Backup.

mod card;
mod interface;

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use self::card::{Card, Written};
use super::print;
use crate::backup::Settings;
use crate::config::Config;
use crate::pairing::{MODELS, Mac, Model, Pairing, USUAL, Udn};
use crate::spool;

/// The command and its arguments.
#[derive(Args)]
pub(super) struct Arguments {
    /// Configuration [default: config.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put this server's name on a card, so that its camera finds it
    Pair(Pair),
    /// What to write on a card by hand, and which ports cameras need
    Show,
    /// Cameras that were seen, their last files, and what is on its way
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Forget which files came already, so that a card is taken in anew
    Forget {
        /// Only those of this sender
        #[arg(long, value_name = "ADDRESS")]
        sender: Option<String>,
    },
}

#[derive(Args)]
struct Pair {
    /// The card, where it is mounted
    folder: PathBuf,
    /// Camera, where the card does not tell
    #[arg(long)]
    model: Option<String>,
    /// Network card that the camera may wake this machine by
    #[arg(long, value_name = "ADDRESS", value_parser = mac)]
    mac: Option<Mac>,
    /// Write although the folder does not look like a card
    #[arg(long)]
    force: bool,
    /// Only tell what would be written
    #[arg(long)]
    dry_run: bool,
}

fn mac(written: &str) -> Result<Mac, String> {
    Mac::parse(written).ok_or_else(|| "write it like 02:00:5E:10:20:30".to_owned())
}

/// Runs the command.
///
/// # Errors
/// The card's, the spool's, or what the operator has to correct.
pub(super) fn run(arguments: &Arguments, config: &Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match &arguments.command {
            Command::Pair(pair) => pair.run(config).await,
            Command::Show => show(config).await,
            Command::Status { json } => status(config, *json).await,
            Command::Forget { sender } => forget(config, sender.as_deref()).await,
        }
    })
}

/// Who this server is towards cameras, with `mac` or the card that faces them.
async fn pairing(config: &Config, mac: Option<Mac>) -> anyhow::Result<Pairing> {
    let secret = match &config.secret {
        Some(secret) => secret.clone(),
        None => spool::secret(&config.spool_folder)
            .await
            .with_context(|| format!("SPOOL_FOLDER: {}", config.spool_folder.display()))?,
    };
    let settings = config.autobackup.as_ref();
    let facing = || interface::mac(settings.and_then(|settings| settings.address));
    Ok(Pairing {
        mac: mac.or_else(facing).unwrap_or_else(|| Mac::of_installation(&secret)),
        udn: Udn::of_installation(&secret),
        name: settings.map_or(Settings::NAME, |settings| &settings.name).to_owned(),
    })
}

impl Pair {
    async fn run(&self, config: &Config) -> anyhow::Result<()> {
        let card = Card::open(&self.folder)?;
        let on_card = card.camera();
        if on_card.is_none() && !card.has_photos() && !self.force && self.model.is_none() {
            bail!(
                "{} does not look like a camera's card: no DCIM, no device file; give the folder \
                 where the card is mounted, or say which camera it is for (--model NX300), or \
                 --force",
                self.folder.display()
            );
        }
        let named = self.model.as_ref().or(on_card.as_ref());
        let model = named.and_then(|name| Model::find(name)).unwrap_or(&USUAL);
        let pairing = pairing(config, self.mac).await?;
        let text = pairing.text();
        let (folder, file) = card.place(model)?;
        let path = self.folder.join(&folder).join(&file);
        let done = match self.dry_run {
            true => format!("would write {}:\n{}", path.display(), indented(&text)),
            false => {
                let failed = || format!("{} cannot be written", path.display());
                match card.write(&folder, &file, &text).with_context(failed)? {
                    Written::New => {
                        format!("{} tells the camera of {:?}", path.display(), pairing.name)
                    }
                    Written::Already => {
                        format!("{} tells the camera of {:?} already", path.display(), pairing.name)
                    }
                }
            }
        };
        print(&done)?;
        print(&spelling(named.map(String::as_str), model))?;
        print(
            "put the card into the camera, choose Wi-Fi > Auto Backup, and this network; after \
             formatting a card, pair it again",
        )?;
        warn_if_off(config)
    }
}

/// How sure it is that this camera looks there.
fn spelling(named: Option<&str>, model: &Model) -> String {
    let known = || {
        let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
        names.join(", ")
    };
    match named {
        Some(_) if model.is_reported && *model != USUAL => {
            format!("{} is known to look there", model.name)
        }
        Some(_) if *model != USUAL => format!(
            "where {} looks is not known; this is where most models do. Tell us whether it works",
            model.name
        ),
        Some(name) => format!(
            "the camera {name:?} is not known; this is where most models look. If it finds no \
             server, try --model with one of: {}",
            known()
        ),
        None => format!(
            "the card does not tell which camera it is of; this is where most models look. If it \
             finds no server, say which with --model: {}",
            known()
        ),
    }
}

fn warn_if_off(config: &Config) -> anyhow::Result<()> {
    if config.autobackup.is_some() {
        return Ok(());
    }
    print(
        "the server does not answer Auto Backup yet; add to the configuration:\n  [AUTOBACKUP]\n  \
         SENDER = \"Camera@samsungcamera.com\"",
    )
}

async fn show(config: &Config) -> anyhow::Result<()> {
    let pairing = pairing(config, None).await?;
    let port = config.autobackup.as_ref().map_or(crate::backup::PORT, |on| on.listen.port());
    print(&format!(
        "on the card, in {}/{} (some models: DLNA_WEB_ROOT), each line ending in CR LF:\n{}\n\
         ports that cameras of the network must reach: UDP 1900 (multicast to 239.255.255.250), \
         TCP {port}",
        USUAL.folder,
        USUAL.file,
        indented(&pairing.text()),
    ))?;
    warn_if_off(config)
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

async fn status(config: &Config, json: bool) -> anyhow::Result<()> {
    let queue = spool::queue(&config.spool_folder).await?;
    let cameras = queue.backup_cameras().await?;
    if json {
        return print(&serde_json::to_string_pretty(&cameras)?);
    }
    warn_if_off(config)?;
    if cameras.is_empty() {
        return print("no camera has sent anything by Auto Backup yet");
    }
    for camera in cameras {
        let model = camera.model.map(|model| format!(" ({model})")).unwrap_or_default();
        let last = match (&camera.last_file, &camera.last_file_at) {
            (Some(file), Some(at)) => format!("last file {file} at {at}"),
            _ => "no file yet".to_owned(),
        };
        let ended = match (&camera.begun, &camera.done) {
            (Some(begun), None) => format!("backup of {begun} is not done"),
            (_, Some(done)) => format!("done at {done}"),
            (None, None) => "never began".to_owned(),
        };
        print(&format!(
            "{}{model}, as {}: {} files, {last}; {ended}; {} on their way, {} stuck",
            camera.address, camera.sender, camera.files, camera.waiting, camera.stuck
        ))?;
    }
    Ok(())
}

async fn forget(config: &Config, sender: Option<&str>) -> anyhow::Result<()> {
    let queue = spool::queue(&config.spool_folder).await?;
    let forgotten = queue.forget_backups(sender).await?;
    print(&format!("{forgotten} files are forgotten; when a camera sends them again they are new"))
}
