//! The e-mail function, after the published captures of an NX300
//! (`protocol.md` 3.6).

use crate::emulator::model::{Model, Target};

/// The camera's own; 27 dashes and a number of 2001's Internet Explorer.
pub const BOUNDARY: &str = "---------------------------7d93b9550d4a";

/// How the body of an e-mail ends (`protocol.md` 2, D10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `--b--`, as the standard has it
    Closed,
    /// `--b` CRLF, as on the NX300
    Opened,
    /// `--b`
    Bare,
    /// nothing
    Nothing,
}

impl End {
    /// What follows the last byte of the last file.
    pub fn text(self) -> String {
        match self {
            Self::Closed => format!("\r\n--{BOUNDARY}--\r\n"),
            Self::Opened => format!("\r\n--{BOUNDARY}\r\n"),
            Self::Bare => format!("\r\n--{BOUNDARY}"),
            Self::Nothing => String::new(),
        }
    }
}

/// What an e-mail says beside its files, as it stands in XML: whatever is
/// typed on a camera has to be [`escaped`](super::escaped) first.
#[derive(Debug, Clone)]
pub struct Message {
    /// As set on the camera, `addr` or `Name <addr>`.
    pub sender: String,
    /// Whom to, likewise.
    pub recipients: Vec<String>,
    /// Subject.
    pub title: String,
    /// Text, to which the camera adds its marker.
    pub text: String,
}

impl Message {
    /// The camera's XML of it.
    pub fn xml(&self) -> String {
        let receivers: String = self
            .recipients
            .iter()
            .map(|recipient| format!("<receiver>{recipient}</receiver>"))
            .collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<email><sender>{}</sender>\
             <receiverList>{receivers}</receiverList><title>{}</title><body>{}\n\
             language_sh100_utf8</body></email>",
            self.sender, self.title, self.text,
        )
    }
}

/// The first part, with the XML.
pub fn message_part(xml: &str) -> String {
    format!(
        "--{BOUNDARY}\r\n\
         content-disposition: form-data; name=\"message\"; fileName=\"sample.txt\"\r\n\
         content-Type: multipart/form-data;\r\n\r\n{xml}"
    )
}

/// A part with a file, up to its first byte. A line end stands before it that
/// belongs to no part.
pub fn file_part(name: &str, content_type: &str) -> String {
    format!(
        "--{BOUNDARY}\r\n\
         content-disposition: form-data; name=\"binary\"; fileName=\"{name}\"\r\n\
         content-Type: {content_type}\r\n\r\n"
    )
}

/// The head of `model` before a body of so many bytes.
pub fn head(model: Model, length: u64) -> String {
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
