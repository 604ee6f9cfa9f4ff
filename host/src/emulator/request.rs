//! The bytes that cameras send, apart from how they get into the network: the
//! emulator and the tests compose their requests of these.

pub mod backup;
pub mod email;
pub mod hotspot;
pub mod social;

/// Text as it stands in a camera's XML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Whether a file of this name is a video.
pub fn is_video(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("mp4"))
}
