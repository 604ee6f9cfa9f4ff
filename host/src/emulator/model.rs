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

/// How far a model's sharing menu is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// It has none.
    Nothing,
    /// It asks for a list of services, and nobody knows the answer.
    ListOfServices,
    /// Wholly; user and password are not encrypted.
    Plain,
    /// Wholly.
    Encrypted,
}

/// Every match names every model: a new one does not compile before it says
/// how it speaks.
#[deny(clippy::wildcard_enum_match_arm)]
impl Model {
    /// The host of its hotspot check.
    pub(super) fn checked_host(self) -> &'static str {
        match self {
            Self::St200f | Self::Wb850f => "www.yahoo.co.kr",
            Self::Wb37f => "www.msn.com",
            Self::Nx300
            | Self::Nx500
            | Self::NxMini
            | Self::Dv300f
            | Self::Ex2f
            | Self::HmxQf30
            | Self::St1000 => "gld.samsungosp.com",
        }
    }

    /// Target and version of that check.
    pub(super) fn hotspot(self) -> (Target, &'static str) {
        match self {
            Self::Nx300 => (Target::Absolute, "HTTP/1.0"),
            Self::Wb37f => (Target::Path, "HTTP/1.0"),
            Self::Nx500
            | Self::NxMini
            | Self::St200f
            | Self::Wb850f
            | Self::Dv300f
            | Self::Ex2f
            | Self::HmxQf30
            | Self::St1000 => (Target::Path, "HTTP/1.1"),
        }
    }

    /// Whether it takes the redirect of a portal for a working network.
    pub(super) fn accepts_redirect(self) -> bool {
        match self {
            Self::Wb37f => false,
            Self::Nx300
            | Self::Nx500
            | Self::NxMini
            | Self::St200f
            | Self::Wb850f
            | Self::Dv300f
            | Self::Ex2f
            | Self::HmxQf30
            | Self::St1000 => true,
        }
    }

    pub(super) fn has_email(self) -> bool {
        match self {
            Self::HmxQf30 | Self::St1000 => false,
            Self::Nx300
            | Self::Nx500
            | Self::NxMini
            | Self::St200f
            | Self::Wb850f
            | Self::Wb37f
            | Self::Dv300f
            | Self::Ex2f => true,
        }
    }

    /// How far its sharing menu is understood.
    pub(super) fn sharing(self) -> Sharing {
        match self {
            Self::Nx500 => Sharing::Nothing,
            Self::St1000 => Sharing::ListOfServices,
            Self::HmxQf30 => Sharing::Plain,
            Self::Nx300
            | Self::NxMini
            | Self::St200f
            | Self::Wb850f
            | Self::Wb37f
            | Self::Dv300f
            | Self::Ex2f => Sharing::Encrypted,
        }
    }

    /// Target of its e-mail request, and whether a space too many follows.
    pub(super) fn email_target(self) -> (Target, bool) {
        match self {
            Self::Nx500 => (Target::Absolute, false),
            Self::Nx300
            | Self::NxMini
            | Self::St200f
            | Self::Wb850f
            | Self::Wb37f
            | Self::Dv300f
            | Self::Ex2f
            | Self::HmxQf30
            | Self::St1000 => (Target::Path, true),
        }
    }

    pub(super) fn social_target(self) -> Target {
        match self {
            Self::Nx300 => Target::Absolute,
            Self::Nx500
            | Self::NxMini
            | Self::St200f
            | Self::Wb850f
            | Self::Wb37f
            | Self::Dv300f
            | Self::Ex2f
            | Self::HmxQf30
            | Self::St1000 => Target::Path,
        }
    }

    /// Target, version and media type of a photo's PUT.
    pub(super) fn put(self) -> (Target, &'static str, &'static str) {
        match self {
            Self::Ex2f => (Target::Absolute, "HTTP/1.0", "image/pjpeg"),
            Self::Nx300 => (Target::Absolute, "HTTP/1.1", "image/jpeg"),
            Self::Nx500
            | Self::NxMini
            | Self::St200f
            | Self::Wb850f
            | Self::Wb37f
            | Self::Dv300f
            | Self::HmxQf30
            | Self::St1000 => (Target::Path, "HTTP/1.1", "image/jpeg"),
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
