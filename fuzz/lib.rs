//! The parsers of what cameras send, taken out of the program, and what must
//! hold of them for any bytes.

#![allow(dead_code, reason = "the program uses more of the parsers")]

#[path = "../host/src/backup"]
mod backup {
    pub mod didl;
    pub mod soap;
    pub mod ssdp;
}

#[path = "../host/src/camera"]
mod camera {
    pub mod base64;
    pub mod login;
    pub mod multipart;
    pub mod wire {
        pub mod repair;
    }
}

#[path = "../host/src/date.rs"]
mod date;
#[path = "../host/src/digest.rs"]
mod digest;
#[path = "../host/src/pairing.rs"]
mod pairing;
#[path = "../host/src/text"]
mod text {
    pub mod decode;

    pub use decode::*;
}

#[path = "../host/src/text"]
mod text {
    mod clean;
    mod decode;

    pub use clean::{clean, one_line};
    pub use decode::{charset, decode};
}
#[path = "../host/src/xml.rs"]
mod xml;

pub mod checks;
