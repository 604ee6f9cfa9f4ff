//! What cameras look up.

use simple_dns::Name;

use crate::camera::HOSTS;

/// Samsung's zones: which names below them a model asks for is known of some
/// models only (`protocol.md` 1.2), so all of them lead here.
pub const ZONES: [&str; 4] =
    ["samsungosp.com", "samsungimaging.com", "ospserver.net", "samsungmobile.com"];

/// Exact names; those of [`ZONES`] among them. The last two belong to others,
/// and cameras only look whether the network lets them through.
pub const NAMES: [&str; 6] = HOSTS;

/// Whether `name` is a camera's to ask for here.
pub fn is_answered(name: &Name<'_>) -> bool {
    let labels: Vec<&[u8]> = name.as_bytes().collect();
    NAMES.iter().any(|known| ends_with(&labels, known) == Some(0))
        || ZONES.iter().any(|zone| ends_with(&labels, zone).is_some())
}

/// How many labels stand before `domain`, if `labels` end with it.
fn ends_with(labels: &[&[u8]], domain: &str) -> Option<usize> {
    let before = labels.len().checked_sub(domain.split('.').count())?;
    let same = labels[before..]
        .iter()
        .zip(domain.split('.'))
        .all(|(label, known)| label.eq_ignore_ascii_case(known.as_bytes()));
    same.then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_hold_their_names_and_nothing_beside_them() {
        let answered = |name: &str| is_answered(&Name::new(name).unwrap());
        for name in ["samsungosp.com", "GLD.SamsungOSP.com", "a.b.ospserver.net", "www.msn.com"] {
            assert!(answered(name), "{name}");
        }
        for name in ["evilsamsungosp.com", "msn.com", "a.www.msn.com", "com", "example.org"] {
            assert!(!answered(name), "{name}");
        }
    }
}
