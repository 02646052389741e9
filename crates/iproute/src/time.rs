//! Times as `-t` and `-ts` print them. The time zone is not known here: they are in UTC.

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What stands in front of an event at so many microseconds since 1970: a line, or with `short` a bracket.
pub fn stamp(micros: u64, short: bool) -> String {
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (year, month, day) = date(days);
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    if short {
        return format!("[{year:04}-{month:02}-{day:02}T{clock}.{micros:06}] ");
    }
    let weekday = DAYS.get((days as usize + 4) % 7).unwrap_or(&"");
    let name = MONTHS.get(month as usize - 1).unwrap_or(&"");
    format!("Timestamp: {weekday} {name} {day:2} {clock} {year} {micros} usec\n")
}

/// Year, month and day of so many days since 1970, by eras of 400 years that begin on the first of March.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let micros = 1_795_356_583_101_858;
        assert_eq!(stamp(micros, false), "Timestamp: Sun Nov 22 14:09:43 2026 101858 usec\n");
        assert_eq!(stamp(micros, true), "[2026-11-22T14:09:43.101858] ");
        assert_eq!(stamp(951_782_400_000_005, false), "Timestamp: Tue Feb 29 00:00:00 2000 5 usec\n");
        assert_eq!(stamp(0, true), "[1970-01-01T00:00:00.000000] ");
    }
}
