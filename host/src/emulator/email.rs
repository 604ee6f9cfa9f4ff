//! The e-mail function, after the published captures of an NX300
//! (`protocol.md` 3.6).

use std::fs::File;
use std::io;
use std::path::PathBuf;

use anyhow::Context;

use super::Model;
use super::model::Target;
use super::verdict::{Piece, Verdict, exchange};

/// The camera's own; 27 dashes and a number of 2001's Internet Explorer.
const BOUNDARY: &str = "---------------------------7d93b9550d4a";

/// Send files by e-mail
#[derive(Debug, clap::Args)]
pub struct Email {
    /// Photos and videos
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Camera
    #[arg(long, value_enum, default_value = "nx300")]
    model: Model,
    /// Server
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    host: String,
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
        anyhow::ensure!(
            self.model.has_email(),
            "{} has no e-mail function, or none that is understood; try `camera social`",
            self.model.album()
        );
        let mut body = vec![Piece::Text(self.message_part())];
        for path in &self.files {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            body.push(Piece::Text(file_part(&name)));
            body.push(Piece::File(file));
        }
        body.push(Piece::Text(format!("\r\n--{BOUNDARY}\r\n")));
        let length = body.iter().map(Piece::length).sum::<io::Result<u64>>()?;
        let heard = exchange(&self.host, &request_head(self.model, length), body)?;
        let content = heard.succeeds();
        let word = if content { "sent" } else { "failed" };
        Ok(Verdict { content, word, heard: vec![heard.to_string()] })
    }

    fn message_part(&self) -> String {
        let receivers: String =
            self.to.iter().map(|to| format!("<receiver>{}</receiver>", escape(to))).collect();
        format!(
            "--{BOUNDARY}\r\n\
             content-disposition: form-data; name=\"message\"; fileName=\"sample.txt\"\r\n\
             content-Type: multipart/form-data;\r\n\r\n\
             <?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <email><sender>{}</sender><receiverList>{receivers}</receiverList>\
             <title>{}</title><body>{}\nlanguage_sh100_utf8</body></email>",
            escape(&self.from),
            escape(&self.title),
            escape(&self.text),
        )
    }
}

fn file_part(name: &str) -> String {
    let content_type = if is_video(name) { "video/mp4" } else { "image/jpeg" };
    format!(
        "\r\n--{BOUNDARY}\r\n\
         content-disposition: form-data; name=\"binary\"; fileName=\"{name}\"\r\n\
         content-Type: {content_type}\r\n\r\n"
    )
}

/// Whether a file of this name is a video.
pub(super) fn is_video(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("mp4"))
}

fn request_head(model: Model, length: u64) -> String {
    let (target, surplus_space) = model.email_target();
    let host = if target == Target::Absolute { "http://www.ospserver.net" } else { "" };
    let space = if surplus_space { "  " } else { " " };
    format!(
        "POST {host}/social/columbus/email?DUID=123456789033{space}HTTP/1.0\r\n\
         Authorization:OAuth oauth_consumer_key=\"censored\",oauth_nonce=\"censored\",\
         oauth_signature=\"censored=\",oauth_signature_method=\"HmacSHA1\",\
         oauth_timestamp=\"9717886885\",oauth_version=\"1.0\"\r\n\
         x-osp-version:v1\r\n\
         User-Agent: sdeClient\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
         Accept: image/gif, image/x-xbitmap, image/jpeg, image/pjpeg, \
         application/x-shockwave-flash, application/vnd.ms-excel, \
         application/vnd.ms-powerpoint, application/msword, */*\r\n\
         Pragma: no-cache\r\n\
         Accept-Language: ko\r\n\
         User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1; Mozilla/4.0 \
         (compatible; MSIE 6.0; Windows NT 5.1; SV1) ; .NET CLR 1.1.4322; InfoPath.2; \
         .NET CLR 2.0.50727)\r\n\
         Host: www.ospserver.net\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
