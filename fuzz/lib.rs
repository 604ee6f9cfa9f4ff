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
    pub mod login;
    pub mod multipart;
    pub mod wire {
        pub mod repair;
    }
    pub mod xml;
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

pub mod checks;
