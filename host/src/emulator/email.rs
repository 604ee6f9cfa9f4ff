//! `afterimage camera email`

use std::fs::File;
use std::io;
use std::path::PathBuf;

use anyhow::Context;

use super::device::Device;
use super::request::email::{End, Message, file_part, head, message_part};
use super::request::{escaped, is_video};
use super::verdict::{Piece, Verdict};

/// Send files by e-mail
#[derive(Debug, clap::Args)]
pub struct Email {
    /// Photos and videos
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    device: Device,
    /// Sender, as set on the camera
    #[arg(long, value_name = "ADDRESS", default_value = "Camera@samsungcamera.com")]
    from: String,
    /// Recipient; may be given several times
    #[arg(long, value_name = "ADDRESS", default_value = "photos@example.org")]
    to: Vec<String>,
    /// Subject
    #[arg(long, default_value = "[Samsung Smart Camera] sent you files.")]
    title: String,
    /// Text
    #[arg(long, default_value = "Sent from Samsung Camera.")]
    text: String,
}

impl Email {
    /// Sends and judges the answer.
    ///
    /// # Errors
    /// The model has no e-mail, a file cannot be read, or the server cannot be
    /// reached.
    pub fn run(&self) -> anyhow::Result<Verdict> {
        let model = self.device.model;
        anyhow::ensure!(
            model.has_email(),
            "{} has no e-mail function, or none that is understood; try `camera social`",
            model.album()
        );
        let message = Message {
            sender: escaped(&self.from),
            recipients: self.to.iter().map(|to| escaped(to)).collect(),
            title: escaped(&self.title),
            text: escaped(&self.text),
        };
        let mut body = vec![Piece::Text(message_part(&message.xml()))];
        for path in &self.files {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let content_type = if is_video(&name) { "video/mp4" } else { "image/jpeg" };
            body.push(Piece::Text(format!("\r\n{}", file_part(&name, content_type))));
            body.push(Piece::File(file));
        }
        body.push(Piece::Text(End::Opened.text()));
        let length = body.iter().map(Piece::length).sum::<io::Result<u64>>()?;
        let heard = self.device.ask(&head(model, length), body)?;
        let content = heard.succeeds();
        let word = if content { "sent" } else { "failed" };
        Ok(Verdict { content, word, heard: vec![heard.to_string()] })
    }
}
