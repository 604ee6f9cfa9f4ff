//! `afterimage camera social`

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::device::Device;
use super::model::Sharing;
use super::request::is_video;
use super::request::social::{Login, announcement, post_head, put_head};
use super::verdict::{Heard, Piece, Verdict};

/// Share files by a service of the camera's menu
#[derive(Debug, clap::Args)]
pub struct Social {
    /// Photos and videos
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    device: Device,
    /// Service of the menu
    #[arg(long, default_value = "facebook")]
    service: String,
    /// User
    #[arg(long, default_value = "Camera@samsungcamera.com")]
    user: String,
    /// Password
    #[arg(long, default_value = "secret")]
    password: String,
    /// Text; after each ~ the description of a photo
    #[arg(long, default_value = "")]
    text: String,
}

impl Social {
    /// Shares the files and judges the answers.
    ///
    /// # Errors
    /// The model has no sharing menu, a file cannot be read, or the server
    /// cannot be reached.
    pub fn run(&self) -> anyhow::Result<Verdict> {
        let model = self.device.model.album();
        anyhow::ensure!(
            self.device.model.sharing() != Sharing::Nothing,
            "{model} has no sharing menu; try `camera email`"
        );
        for file in &self.files {
            anyhow::ensure!(
                !is_video(&name(file)) || ["facebook", "youtube"].contains(&self.service.as_str()),
                "{model} offers videos to facebook and youtube only"
            );
        }
        let mut heard = Vec::new();
        let content = match self.device.model.sharing() {
            Sharing::Nothing => false,
            Sharing::ListOfServices => self.ask_for_services(&mut heard)?,
            Sharing::Plain | Sharing::Encrypted => self.share(&mut heard)?,
        };
        let word = if content { "sent" } else { "failed" };
        Ok(Verdict { content, word, heard })
    }

    /// All that an ST1000 is known to do.
    fn ask_for_services(&self, heard: &mut Vec<String>) -> anyhow::Result<bool> {
        for path in ["/security/sso/initialize/time", "/social/columbus/serviceproviders/list"] {
            let head = format!(
                "GET {path} HTTP/1.0\r\nAuthorization:OAuth oauth_consumer_key=\"x\"\r\n\
                 x-osp-version:v1\r\nHost: www.ospserver.net\r\n\r\n"
            );
            heard.push(self.device.ask(&head, Vec::new())?.to_string());
        }
        heard.push("it stops here: nobody knows yet which answer it would take".to_owned());
        Ok(false)
    }

    /// Whether all went well.
    fn share(&self, heard: &mut Vec<String>) -> anyhow::Result<bool> {
        let login = Login::of(self.device.model, &self.user, &self.password)?;
        let answer = self.post("auth", &login.xml())?;
        heard.push(format!("login: {answer}"));
        let session = match (answer.attribute("SessionKey"), answer.attribute("LoginPeopleID")) {
            (Some(session), Some(_)) if answer.status() == 200 => session,
            _ => return Ok(false),
        };
        for path in &self.files {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            let kind = if is_video(&name(path)) { "video" } else { "photo" };
            let model = self.device.model;
            let announcement = announcement(session, model.album(), &name(path), &self.text);
            let answer = self.post(kind, &announcement)?;
            let target = answer.attribute("HostAddr").zip(answer.attribute("ResourceID"));
            let Some((address, resource)) = target.filter(|_| answer.status() == 200) else {
                heard.push(format!("{}: {answer}", name(path)));
                return Ok(false);
            };
            let head = put_head(model, address, resource, None, file.metadata()?.len());
            let answer = self.device.ask(&head, vec![Piece::File(file)])?;
            heard.push(format!("{}: {answer}", name(path)));
            if !answer.succeeds() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn post(&self, what: &str, body: &str) -> anyhow::Result<Heard> {
        let path = format!("/{}/{what}", self.service);
        let head = post_head(self.device.model, &path, body.len());
        self.device.ask(&head, vec![Piece::Text(body.to_owned())])
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
