//! Durations as Go and docker write them: `30s`, `1m30s`, `1.5h`, `100ms`.

/// The duration in nanoseconds; `None` if it is none.
pub(super) fn parse(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (whole, fraction) = rest[..digits].split_once('.').unwrap_or((&rest[..digits], ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ns" => 1,
            "us" | "µs" => 1000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000u64,
            _ => return None,
        };
        rest = &rest[letters..];
        let part = whole.checked_mul(unit)?.checked_add((fraction * unit as f64) as u64)?;
        total = total.checked_add(part)?;
    }
    (total > 0 && total < 9_000_000_000_000_000_000).then_some(total)
}

/// A duration of so many nanoseconds, in the largest unit that has no fraction.
pub(super) fn write(nanoseconds: u64) -> String {
    let units =
        [("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000)];
    let fitting = units.iter().find(|(_, unit)| nanoseconds != 0 && nanoseconds.is_multiple_of(*unit));
    let (unit, count) = fitting.map_or(("ns", nanoseconds), |(name, unit)| (*name, nanoseconds / unit));
    format!("{count}{unit}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_are_gos() {
        for (text, nanoseconds) in [
            ("30s", Some(30_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            ("100ms", Some(100_000_000)),
            (".5s", Some(500_000_000)),
            ("17277637120943459ns", Some(17_277_637_120_943_459)),
            ("", None),
            (".s", None),
            ("1.2.3s", None),
            ("99999999h", None),
            ("5", None),
            ("s", None),
            ("1x", None),
        ] {
            assert_eq!(super::parse(text), nanoseconds, "{text}");
        }
    }
}
