//! The e-mail function of an NX300, after its published capture
//! (`protocol.md` 3.6).

use std::fs::File;
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use anyhow::Context;

use super::verdict::{self, Verdict};

/// The camera's own; 27 dashes and a number of 2001's Internet Explorer.
const BOUNDARY: &str = "---------------------------7d93b9550d4a";

/// Send files as the e-mail function of an NX300 does.
#[derive(Debug, clap::Args)]
pub struct Email {
    /// Photos and videos
    #[arg(required = true)]
    files: Vec<PathBuf>,
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
    /// A file cannot be read, or the server cannot be reached.
    pub fn send(&self) -> anyhow::Result<Verdict> {
        let mut parts = vec![(self.message_part(), None)];
        for path in &self.files {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            parts.push((file_part(&name), Some(file)));
        }
        let last = format!("\r\n--{BOUNDARY}\r\n");
        let mut length = last.len() as u64;
        for (head, file) in &parts {
            length += head.len() as u64;
            if let Some(file) = file {
                length += file.metadata()?.len();
            }
        }

        let mut stream = verdict::connect(&self.host)?;
        let sent = send(&mut stream, &request_head(length), parts, &last);
        // A server may refuse in the middle; what it says counts.
        let verdict = verdict::hear(&mut stream);
        match (verdict, sent) {
            (Ok(verdict), _) => Ok(verdict),
            (Err(_), Err(error)) => Err(error).context("the server broke the connection"),
            (Err(error), Ok(())) => Err(error).context("no answer"),
        }
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
    let content_type = match name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()) {
        Some(end) if end == "mp4" => "video/mp4",
        _ => "image/jpeg",
    };
    format!(
        "\r\n--{BOUNDARY}\r\n\
         content-disposition: form-data; name=\"binary\"; fileName=\"{name}\"\r\n\
         content-Type: {content_type}\r\n\r\n"
    )
}

fn request_head(length: u64) -> String {
    format!(
        "POST /social/columbus/email?DUID=123456789033  HTTP/1.0\r\n\
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

fn send(
    stream: &mut TcpStream,
    head: &str,
    parts: Vec<(String, Option<File>)>,
    last: &str,
) -> io::Result<()> {
    stream.write_all(head.as_bytes())?;
    for (head, file) in parts {
        stream.write_all(head.as_bytes())?;
        if let Some(mut file) = file {
            io::copy(&mut file, stream)?;
        }
    }
    stream.write_all(last.as_bytes())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
