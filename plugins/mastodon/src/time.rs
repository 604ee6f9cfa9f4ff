//! Times as servers write them.

/// Seconds since 1970 of a time as a server writes it: `2026-11-23T15:03:57.123Z`,
/// or as that very number.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.parse() {
        Ok(seconds) => Some(seconds),
        Err(_) => parse_rfc3339(text),
    }
}

/// Seconds since 1970 of a time like `2026-11-23T15:03:57.123+02:00`; fractions
/// are dropped.
fn parse_rfc3339(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    // Years begin in March, so that a leap day is the last day of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    // 719 469 days lie between the first of March of year 0 and 1970.
    let days = days.checked_sub(719_469)?;
    let local = ((days * 24 + hour) * 60 + minute) * 60 + second;
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    local.checked_add_signed(-offset(zone)?)
}

/// Seconds that a zone is before UTC: `Z`, `+02:00`, `-0730`, or nothing.
fn offset(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1) {
        None | Some(("Z" | "z", "")) => return Some(0),
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        Some(_) => return None,
    };
    let digits = digits.replace(':', "");
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i64>().ok();
    Some(sign * (number(0, 2)? * 3600 + number(2, 4).unwrap_or(0) * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(parse_rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_rfc3339("2000-02-29T12:00:00.500Z"), Some(951_825_600));
        assert_eq!(parse_rfc3339("2026-11-23T15:03:57.123456Z"), Some(1_795_446_237));
        assert_eq!(parse_rfc3339("soon"), None);
        assert_eq!(parse(" 1795446237"), Some(1_795_446_237));
        assert_eq!(parse("2026-11-23T15:03:57Z"), Some(1_795_446_237));
    }

    #[test]
    fn a_time_with_an_offset_is_that_time() {
        for text in [
            "2026-11-23T17:03:57+02:00",
            "2026-11-23T17:03:57.123+02:00",
            "2026-11-23T07:33:57-0730",
            "2026-11-23T16:03:57+01",
            "2026-11-23T15:03:57",
        ] {
            assert_eq!(parse(text), Some(1_795_446_237), "{text}");
        }
        assert_eq!(parse("2026-11-23T15:03:57 Paris"), None);
    }
}
