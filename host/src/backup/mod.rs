//! Auto Backup, the function by which a camera copies everything new on its
//! card to a computer in the same network: a search by multicast, UPnP
//! descriptions, SOAP, and the bytes by HTTP.
//!
//! There is no login, no encryption, and nothing in it tells one camera from
//! another. So only private networks are heard, nothing a camera says has an
//! effect but taking a file, and a file is taken the way all uploads are.

pub mod description;
pub mod didl;
pub mod soap;
pub mod ssdp;
