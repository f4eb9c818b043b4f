//! Signals, by number or name, as Linux has them.

const NAMES: [&str; 36] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN", "RTMAX",
];

/// Whether docker takes it for a signal.
pub(super) fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i64>() {
        return number != 0;
    }
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |text: &str, most: u8| text.parse::<u8>().is_ok_and(|offset| (1..=most).contains(&offset));
    NAMES.contains(&name)
        || name.strip_prefix("RTMIN+").is_some_and(|text| offset(text, 15))
        || name.strip_prefix("RTMAX-").is_some_and(|text| offset(text, 14))
}

#[cfg(test)]
mod tests {
    use super::is_signal;

    #[test]
    fn signals_have_names_and_numbers() {
        assert!(["SIGTERM", "term", "9", "SIGRTMIN+3", "RTMAX-14"].into_iter().all(is_signal));
        assert!(!["", "0", "SIGFOO", "RTMIN+16", "TERM "].into_iter().any(is_signal));
    }
}
