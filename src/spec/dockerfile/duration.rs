//! Durations as Go's `time.ParseDuration` has them.

/// The largest, in nanoseconds.
const LARGEST: u64 = i64::MAX as u64;

/// The duration in nanoseconds, negative ones with their sign; `None` if it is none.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut rest = Some(rest).filter(|rest| !rest.is_empty())?;
    let mut total = 0u64;
    while !rest.is_empty() {
        let (nanoseconds, after) = component(rest)?;
        total = total.checked_add(nanoseconds).filter(|total| *total <= LARGEST + 1)?;
        rest = after;
    }
    if negative { 0i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() }
}

/// A number with its unit, and what follows.
fn component(text: &str) -> Option<(u64, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at_checked(end)?;
    let unit: u64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanoseconds = whole.checked_mul(unit)?;
    // Go keeps as many digits as fit its integer and lets the rest go.
    let (mut numerator, mut scale) = (0u64, 1f64);
    for digit in fraction.bytes() {
        if numerator > LARGEST / 10 {
            break;
        }
        numerator = numerator * 10 + u64::from(digit - b'0');
        scale *= 10.0;
    }
    nanoseconds = nanoseconds.checked_add((numerator as f64 * (unit as f64 / scale)) as u64)?;
    (nanoseconds <= LARGEST + 1).then_some((nanoseconds, rest))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_are_gos() {
        for (text, nanoseconds) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("-1ns", Some(-1)),
            ("+1us", Some(1_000)),
            ("9223372036854775807ns", Some(i64::MAX)),
            ("-9223372036854775808ns", Some(i64::MIN)),
            ("9223372036854775808ns", None),
            ("2562048h", None),
            ("0.3333333333333333333h", Some(1_200_000_000_000)),
            ("", None),
            ("+", None),
            (".s", None),
            ("1", None),
            ("1d", None),
        ] {
            assert_eq!(super::parse(text), nanoseconds, "{text}");
        }
    }
}
