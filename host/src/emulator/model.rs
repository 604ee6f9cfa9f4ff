//! The cameras that can be emulated, and what is known to tell them apart
//! (`protocol.md` 2, 5, 8). Where nothing is known of a model, it speaks like
//! the NX300, of which captures were published.

use clap::ValueEnum;

/// A camera model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Model {
    /// Published captures: two spaces in the e-mail's request line, absolute
    /// targets in the sharing menu
    Nx300,
    /// E-mail only
    Nx500,
    /// Strict about the answer to its hotspot check
    #[value(name = "nxmini")]
    NxMini,
    /// Checks www.yahoo.co.kr
    St200f,
    /// Checks www.yahoo.co.kr
    Wb850f,
    /// Checks www.msn.com and wants its cookie
    Wb37f,
    /// Checks gld.samsungosp.com
    Dv300f,
    /// PUT in HTTP/1.0, absolute, as image/pjpeg
    Ex2f,
    /// Camcorder: sharing only, credentials not encrypted
    HmxQf30,
    /// Its services are not understood: stops after the list of them
    St1000,
}

/// How a request's target is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// `/path`
    Path,
    /// `http://host/path`
    Absolute,
}

impl Model {
    /// The host of its hotspot check.
    pub(super) fn checked_host(self) -> &'static str {
        match self {
            Self::St200f | Self::Wb850f => "www.yahoo.co.kr",
            Self::Wb37f => "www.msn.com",
            _ => "gld.samsungosp.com",
        }
    }

    /// Target and version of that check.
    pub(super) fn hotspot(self) -> (Target, &'static str) {
        match self {
            Self::Nx300 => (Target::Absolute, "HTTP/1.0"),
            Self::Wb37f => (Target::Path, "HTTP/1.0"),
            _ => (Target::Path, "HTTP/1.1"),
        }
    }

    /// Whether it takes the redirect of a portal for a working network.
    pub(super) fn accepts_redirect(self) -> bool {
        self != Self::Wb37f
    }

    pub(super) fn has_email(self) -> bool {
        !matches!(self, Self::HmxQf30 | Self::St1000)
    }

    pub(super) fn has_sharing(self) -> bool {
        !matches!(self, Self::Nx500)
    }

    pub(super) fn encrypts(self) -> bool {
        self != Self::HmxQf30
    }

    /// Target of its e-mail request, and whether a space too many follows.
    pub(super) fn email_target(self) -> (Target, bool) {
        match self {
            Self::Nx500 => (Target::Absolute, false),
            _ => (Target::Path, true),
        }
    }

    pub(super) fn social_target(self) -> Target {
        match self {
            Self::Nx300 => Target::Absolute,
            _ => Target::Path,
        }
    }

    /// Target, version and media type of a photo's PUT.
    pub(super) fn put(self) -> (Target, &'static str, &'static str) {
        match self {
            Self::Ex2f => (Target::Absolute, "HTTP/1.0", "image/pjpeg"),
            Self::Nx300 => (Target::Absolute, "HTTP/1.1", "image/jpeg"),
            _ => (Target::Path, "HTTP/1.1", "image/jpeg"),
        }
    }

    /// What `Album@Name` says.
    pub(super) fn album(self) -> &'static str {
        match self {
            Self::Nx300 => "NX300",
            Self::Nx500 => "NX500",
            Self::NxMini => "NX mini",
            Self::St200f => "ST200F",
            Self::Wb850f => "WB850F",
            Self::Wb37f => "WB37F",
            Self::Dv300f => "DV300F",
            Self::Ex2f => "EX2F",
            Self::HmxQf30 => "HMX-QF30",
            Self::St1000 => "ST1000",
        }
    }
}
