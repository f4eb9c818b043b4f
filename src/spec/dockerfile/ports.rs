//! `EXPOSE`: `[[IP:]HOST:]PORT[-PORT][/PROTOCOL]`, as docker reads it.

/// The ports of one word, each with its protocol.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn parse(word: &str) -> Result<Vec<String>, String> {
    let invalid = |why: &str| format!("`{word}` is no port: {why}");
    let parts: Vec<&str> = word.split(':').collect();
    let (container, host) = match parts.as_slice() {
        [container] => (*container, None),
        [host, container] => (*container, Some(*host)),
        [address @ .., host, container] => {
            let address = address.join(":");
            let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&address);
            if !address.is_empty() && address.parse::<std::net::IpAddr>().is_err() {
                return Err(invalid("its address is none"));
            }
            (*container, Some(*host))
        }
        [] => return Err(invalid("it is empty")),
    };
    let (range, protocol) = container.split_once('/').unwrap_or((container, ""));
    let protocol = match protocol.to_lowercase().as_str() {
        "" => "tcp".to_owned(),
        known @ ("tcp" | "udp" | "sctp") => known.to_owned(),
        _ => return Err(invalid("the protocols are tcp, udp and sctp")),
    };
    let (first, last) = numbers(range).map_err(invalid)?;
    if let Some(host) = host.filter(|host| !host.is_empty()) {
        let (first_host, last_host) = numbers(host).map_err(invalid)?;
        if last - first != last_host - first_host && last != first {
            return Err(invalid("its ranges are not of one length"));
        }
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

fn numbers(range: &str) -> Result<(u16, u16), &'static str> {
    let number = |text: &str| text.parse::<u16>().map_err(|_| "ports are numbers from 0 to 65535");
    let (first, last) = match range.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(range)?, number(range)?),
    };
    if last < first { Err("its range ends before it begins") } else { Ok((first, last)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_as_docker_reads_them() {
        for (word, expected) in [
            ("80", "80/tcp"),
            ("53/UDP", "53/udp"),
            ("8000-8002/sctp", "8000/sctp 8001/sctp 8002/sctp"),
            ("8080:80", "80/tcp"),
            ("127.0.0.1:8080:80", "80/tcp"),
            ("[::1]:8080:80", "80/tcp"),
            ("127.0.0.1::80/udp", "80/udp"),
        ] {
            assert_eq!(parse(word).unwrap().join(" "), expected, "{word}");
        }
        for word in ["", "x", "80/xyz", "70000", "90-80", "-1", "x:1:2", "1-3:1-2", "/tcp"] {
            assert!(parse(word).is_err(), "{word}");
        }
    }
}
