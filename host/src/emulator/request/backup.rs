//! Auto Backup: search, services, the announcement of a file and its bytes, in
//! the shape that was published of two cameras. What is not known of a camera's
//! requests is as the running servers of others accept it.

use super::escaped;

/// Where cameras look for the description of Samsung's program.
pub const GROUP: &str = "239.255.255.250:1900";

/// The namespace of the actions.
const SERVICE: &str = "urn:schemas-upnp-org:service:ContentDirectory:1";

/// It is the same of all models.
const USER_AGENT: &str = "SEC_DSC_Samsung User-Agent DLNADOC/1.50";

/// The search for a server of Samsung's program.
pub fn search() -> String {
    format!(
        "M-SEARCH * HTTP/1.1\r\nHOST: {GROUP}\r\nMAN: \"ssdp:discover\"\r\nMX: 3\r\n\
         ST: urn:schemas-upnp-org:device:MediaServer:1\r\n\r\n"
    )
}

/// The request for a document of the server at `host`.
pub fn document(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\n\r\n")
}

/// The call of an action with these arguments, XML as it stands.
pub fn call(host: &str, path: &str, action: &str, arguments: &str) -> String {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body>\
         <u:{action} xmlns:u=\"{SERVICE}\">{arguments}</u:{action}></s:Body></s:Envelope>"
    );
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\n\
         SOAPACTION: \"{SERVICE}#{action}\"\r\nContent-Type: text/xml; charset=\"utf-8\"\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What a camera says of a file.
#[derive(Debug, Clone)]
pub struct File {
    /// Its name on the card, without folder.
    pub name: String,
    /// Its day, `2014-06-01`.
    pub date: String,
    /// Its length in bytes.
    pub size: u64,
}

impl File {
    /// Class, media type and DLNA profile, by the name's extension.
    fn kind(&self) -> (&'static str, &'static str, &'static str) {
        let extension = self.name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        match extension.as_str() {
            "mp4" => ("object.item.videoItem", "video/mp4", "*"),
            "srw" => ("object.item.imageItem", "image/x-samsung-srw", "*"),
            _ => ("object.item.imageItem", "image/jpeg", "DLNA.ORG_PN=JPEG_LRG;DLNA.ORG_CI=0"),
        }
    }

    /// The arguments of `CreateObject`.
    pub fn announcement(&self) -> String {
        let Self { name, date, size } = self;
        let (class, media_type, profile) = self.kind();
        let didl = format!(
            "<DIDL-Lite xmlns=\"urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/\" \
             xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
             xmlns:upnp=\"urn:schemas-upnp-org:metadata-1-0/upnp/\" \
             xmlns:dlna = \"urn:schemas-dlna-org:metadata-1-0/\">\
             <item id=\"\" restricted=\"0\" parentID=\"DLNA.ORG_AnyContainer\" >\
             <dc:title>{}</dc:title><dc:date>{date}</dc:date>\
             <upnp:class>{class}</upnp:class>\
             <res protocolInfo=\"*:*:{media_type}:{profile}\" size=\"{size}\" ></res>\
             </item></DIDL-Lite>",
            escaped(name)
        );
        format!(
            "<ContainerID>DLNA.ORG_AnyContainer</ContainerID><Elements>{}</Elements>",
            escaped(&didl).replace('"', "&quot;")
        )
    }

    /// The head of the request that brings the bytes.
    pub fn upload_head(&self, host: &str, path: &str) -> String {
        let (_, media_type, profile) = self.kind();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\n\
             Content-Type: {media_type}\r\ncontentFeatures.dlna.org: {profile}\r\n\
             transferMode.dlna.org: Background\r\nContent-Length: {}\r\n\r\n",
            self.size
        )
    }
}
