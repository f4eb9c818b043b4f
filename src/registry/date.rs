//! Dates as HTTP headers and token servers write them, in seconds since 1970.

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar
/// ([Hinnant's `days_from_civil`](https://howardhinnant.github.io/date_algorithms.html)), for years from 1970 on.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !((1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year / 400;
    let year_of_era = shifted_year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn time_of_day(text: &str) -> Option<u64> {
    let mut parts = text.split(':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    (parts.next().is_none() && hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// An HTTP date in its one current form, `Sun, 06 Nov 1994 08:49:37 GMT`
/// ([RFC 9110, 5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)).
pub(super) fn http_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_weekday, rest) = text.trim().split_once(", ")?;
    let mut fields = rest.split(' ');
    let day = number(fields.next()?)?;
    let name = fields.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as u64 + 1;
    let year = number(fields.next()?)?;
    let time = time_of_day(fields.next()?)?;
    if (fields.next(), fields.next()) != (Some("GMT"), None) {
        return None;
    }
    Some(days(year, month, day)? * 86_400 + time)
}

/// A date of RFC 3339, `2026-11-24T05:41:00.123Z` or with an offset; fractions of a second are dropped.
pub(super) fn rfc3339(text: &str) -> Option<u64> {
    let (date, rest) = text.trim().split_once(['T', 't', ' '])?;
    let mut parts = date.split('-').map(number);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let end = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at(end);
    let time = time_of_day(clock.split('.').next()?)?;
    let seconds = days(year, month, day)? * 86_400 + time;
    if zone.eq_ignore_ascii_case("z") {
        return Some(seconds);
    }
    let (hours, minutes) = zone[1..].split_once(':')?;
    let offset = number(hours)? * 3600 + number(minutes)? * 60;
    if zone.starts_with('+') { seconds.checked_sub(offset) } else { seconds.checked_add(offset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_count_from_1970() {
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000)),
            ("Sun, 06 Nov 1994 08:49:37 CET", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
            ("120", None),
            ("", None),
        ] {
            assert_eq!(http_date(text), seconds, "{text}");
        }
        for (text, seconds) in [
            ("1994-11-06T08:49:37Z", Some(784_111_777)),
            ("1994-11-06T08:49:37.5Z", Some(784_111_777)),
            ("1994-11-06T09:49:37+01:00", Some(784_111_777)),
            ("1994-11-06", None),
            ("1994-11-06T08:49", None),
            ("1994-11-06T08:49:37+é", None),
        ] {
            assert_eq!(rfc3339(text), seconds, "{text}");
        }
    }
}
