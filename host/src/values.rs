//! Values as an operator writes them: sizes, times, addresses with a port.
//! The only place that knows their units.

use std::net::SocketAddr;
use std::time::Duration;

/// Units of sizes, each with its bytes. `MB` and its kin are those of disks
/// and networks; a bare letter means what most programs take it for.
const SIZES: [(&str, u64); 14] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("T", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads `64 MiB`, in bytes. A number without a unit is bytes; letter case
/// makes no difference where it cannot be misread.
///
/// # Errors
/// The units that there are.
pub fn size(written: &str) -> Result<u64, String> {
    let wrong = || {
        format!(
            "{written:?} is no size; a number and a unit are needed: B, KiB, MiB, GiB, or kB, MB, GB"
        )
    };
    let trimmed = written.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = match unit.trim() {
        "" => 1,
        unit => SIZES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(unit))
            .map(|(_, bytes)| *bytes)
            .ok_or_else(wrong)?,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let tenths = match fraction.len() {
        1..=9 => fraction.parse::<u64>().map_err(|_| wrong())?,
        _ => return Err(wrong()),
    };
    let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let part = u128::from(unit) * u128::from(tenths) / scale;
    let part = u64::try_from(part).map_err(|_| wrong())?;
    whole.checked_mul(unit).and_then(|bytes| bytes.checked_add(part)).ok_or_else(wrong)
}

/// A size for people: `3.2 MB`.
pub fn shown(bytes: u64) -> String {
    let units = [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)];
    match units.into_iter().rev().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

/// Reads `10 min`, `2h`, `1 day 12 h`, or `0`.
///
/// # Errors
/// The units that there are.
pub fn duration(written: &str) -> Result<Duration, String> {
    // A century: what is added to the time of day stays a time of day.
    const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    humantime::parse_duration(written.trim()).ok().filter(|time| *time <= LONGEST).ok_or_else(
        || {
            format!(
                "{written:?} is no time; a number and a unit are needed: ms, s, min, h, days, weeks"
            )
        },
    )
}

/// Reads `ADDRESS:PORT`; `*` stands for every IPv4 address, and a port alone
/// for that of all of them.
///
/// # Errors
/// What is wrong with it and how it is written.
pub fn listen(written: &str) -> Result<SocketAddr, String> {
    let trimmed = written.trim();
    let address = match trimmed.strip_prefix('*').unwrap_or(trimmed).strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => match trimmed.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => trimmed.to_owned(),
        },
    };
    address.parse().map_err(|_| {
        format!("{written:?} is no address and port; write it like \"0.0.0.0:8080\" or \"*:8080\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_units_that_people_write() {
        for (written, bytes) in [
            ("64 MiB", 64 << 20),
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("4G", 4 << 30),
            ("100 MB", 100_000_000),
            ("1.5 GiB", 3 << 29),
            ("500", 500),
            ("0 B", 0),
        ] {
            assert_eq!(size(written), Ok(bytes), "{written}");
        }
        for written in ["", "MiB", "fast", "1 furlong", "-1 B", "1. B", "99999999 TiB", "1e3 B"] {
            let error = size(written).unwrap_err();
            assert!(error.contains("MiB") && error.contains("MB"), "{error}");
        }
    }

    #[test]
    fn a_size_is_shown_in_the_unit_that_fits() {
        assert_eq!(shown(0), "0 bytes");
        assert_eq!(shown(999), "999 bytes");
        assert_eq!(shown(1_949), "1.9 kB");
        assert_eq!(shown(3_200_000), "3.2 MB");
        assert_eq!(shown(u64::MAX), "18446744073.7 GB");
    }

    #[test]
    fn times_have_units_and_an_end() {
        assert_eq!(duration("1 day 12 h"), Ok(Duration::from_secs(36 * 60 * 60)));
        assert_eq!(duration(" 20s "), Ok(Duration::from_secs(20)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for written in ["", "soon", "20", "9999999999 years", "-5 s"] {
            assert!(duration(written).unwrap_err().contains("min"), "{written}");
        }
    }

    #[test]
    fn a_star_listens_on_every_ipv4_address() {
        assert_eq!(listen("*:80").unwrap().to_string(), "0.0.0.0:80");
        assert_eq!(listen(":80").unwrap().to_string(), "0.0.0.0:80");
        assert_eq!(listen("localhost:80").unwrap().to_string(), "127.0.0.1:80");
        assert_eq!(listen("[::1]:80").unwrap().to_string(), "[::1]:80");
        for written in ["80", "*", "*:http", "cameras:80", "*:70000"] {
            assert!(listen(written).is_err(), "{written}");
        }
    }
}
