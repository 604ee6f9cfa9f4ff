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

/// Seconds since 1970 of a time like `2026-11-23T15:03:57.123Z`; fractions are
/// dropped, and so is an offset, which the API does not use.
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
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
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
}
