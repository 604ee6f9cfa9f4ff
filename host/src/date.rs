//! Days, as cameras and folders name them.

use std::fmt;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// A day of the calendar, `2014-06-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(civil::Date);

impl Date {
    /// Reads `2014-06-01`, whatever stands behind it; `:`, `/` and `.` between
    /// the numbers will do. None for a day that never was, or that no camera
    /// of this kind saw.
    pub fn parse(written: &str) -> Option<Self> {
        let day = written.trim().get(..10)?;
        let mut numbers = day.split(['-', ':', '/', '.']);
        let mut number = |digits: usize| {
            let text = numbers.next().filter(|text| text.len() == digits)?;
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i16>().ok())?
        };
        let (year, month, day) = (number(4)?, number(2)?, number(2)?);
        let date = civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        date.ok().filter(|_| (1980..=2107).contains(&year)).map(Self)
    }

    /// The day of `time` where this machine stands.
    pub fn of(time: SystemTime) -> Self {
        let time = Timestamp::try_from(time).unwrap_or_default();
        Self(TimeZone::system().to_datetime(time).date())
    }

    /// Four digits, two digits.
    pub fn year_and_month(self) -> (String, String) {
        (format!("{:04}", self.0.year()), format!("{:02}", self.0.month()))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_one_of_the_calendar_or_none() {
        for written in ["2014-06-01", " 2014:06:01 12:00:00", "2014/06/01", "2014-06-01T12:00:00"] {
            assert_eq!(Date::parse(written).unwrap().to_string(), "2014-06-01", "{written}");
        }
        for wrong in [
            "",
            "2014-6-1",
            "2014-02-30",
            "../../2014",
            "0000-00-00",
            "2014-06-0\u{661}",
            "1970-01-01",
        ] {
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
    }
}
