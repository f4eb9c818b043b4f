//! Version specifiers
//! ([version specifiers](https://packaging.python.org/en/latest/specifications/version-specifiers/)).

use pep440_rs::{Operator, Version, VersionSpecifier};

/// The longest text that is read as one.
const LONGEST: usize = 4096;

/// One clause, `>=3.9`, that admits pre-releases as `packaging` does for markers.
#[derive(Debug, Clone)]
pub(super) enum Specifier {
    /// `===`: the same text but for case, whether or not it is a version.
    Identical(String),
    /// Every other operator.
    Version(VersionSpecifier),
}

impl Specifier {
    /// Reads a clause, if it is one.
    pub fn parse(text: &str) -> Option<Specifier> {
        let text = text.trim();
        if text.len() > LONGEST {
            return None;
        }
        if let Some(identical) = text.strip_prefix("===") {
            let identical = identical.trim_start();
            let is_one_word = !identical.contains(|c: char| c.is_whitespace() || c == ';' || c == ')');
            return is_one_word.then(|| Specifier::Identical(identical.to_owned()));
        }
        text.parse().ok().map(Specifier::Version)
    }

    /// Whether this version fulfils it; what is no version fulfils only `===`.
    pub fn contains(&self, version: &str) -> bool {
        match self {
            Specifier::Identical(text) => text.eq_ignore_ascii_case(version),
            Specifier::Version(specifier) => {
                version.parse().is_ok_and(|version| contains(*specifier.operator(), specifier.version(), &version))
            }
        }
    }
}

/// Reads clauses with commas between them; none at all admit every version.
///
/// # Errors
///
/// The first clause that is none.
pub(super) fn parse_all(text: &str) -> Result<Vec<Specifier>, String> {
    let clauses = text.split(',').map(str::trim).filter(|clause| !clause.is_empty());
    clauses.map(|clause| Specifier::parse(clause).ok_or_else(|| clause.to_owned())).collect()
}

// `VersionSpecifier::contains` deviates from `packaging`: it takes `3.12` for one of `3.12.8.*`, and `3.13rc1` for none before
// `3.13rc2`.
fn contains(operator: Operator, bound: &Version, version: &Version) -> bool {
    let public = || version.clone().without_local();
    // Missing numbers are zeros.
    let begins_with = |numbers: &[u64]| {
        let mut release = version.release().iter().copied().chain(std::iter::repeat(0));
        version.epoch() == bound.epoch() && numbers.iter().all(|&number| release.next() == Some(number))
    };
    match operator {
        Operator::EqualStar => begins_with(bound.release()),
        Operator::NotEqualStar => !begins_with(bound.release()),
        Operator::NotEqual => !contains(Operator::Equal, bound, version),
        Operator::LessThanEqual => public() <= *bound,
        Operator::GreaterThanEqual => version >= bound,
        // `<3.13` leaves out the pre-releases of 3.13, unless it names one.
        Operator::LessThan if bound.any_prerelease() => version < bound,
        Operator::LessThan => *version < bound.clone().with_dev(Some(0)),
        // `>3.12` leaves out its post-releases, unless it names one.
        Operator::GreaterThan if bound.is_post() || bound.is_dev() => public() > *bound,
        Operator::GreaterThan => version > bound && public().with_post(None).with_dev(None) != *bound,
        Operator::TildeEqual => {
            let prefix = bound.release().split_last().map_or(&[][..], |(_, prefix)| prefix);
            version >= bound && begins_with(prefix)
        }
        // `===` is no comparison of versions, so what is left is `==`.
        _ if bound.is_local() => version == bound,
        _ => public() == *bound,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Recorded from `Specifier(...).contains(..., prereleases=True)` of packaging 26.3.
    #[test]
    fn clauses_admit_what_packaging_lets_them() {
        for line in include_str!("specifier/recorded.txt").lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split(' ').collect();
            let [clause, answers @ ..] = fields.as_slice() else { panic!("{line}") };
            let specifier = Specifier::parse(clause);
            for answer in answers {
                let (version, expected) = answer.split_at(answer.len() - 1);
                let found = specifier.as_ref().map_or("!", |clause| if clause.contains(version) { "+" } else { "-" });
                assert_eq!(found, expected, "{clause} {version}");
            }
        }
    }

    #[test]
    fn clauses_stand_between_commas() {
        let all = |text: &str, version: &str| parse_all(text).map(|all| all.iter().all(|each| each.contains(version)));
        assert_eq!(all(">=3.9, !=3.9.1 ,<4", "3.9.2"), Ok(true));
        assert_eq!(all(">=3.9,!=3.9.1", "3.9.1"), Ok(false));
        assert_eq!(all("", "3.9.1"), Ok(true));
        assert_eq!(all(" , >=3,", "3.9.1"), Ok(true));
        assert_eq!(all(">=3.9,>=3.6.*", "3.9.1"), Err(">=3.6.*".to_owned()));
        assert_eq!(all("3.9", "3.9.1"), Err("3.9".to_owned()));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in any::<String>(), near in "[=<>!~]{1,3} ?[v0-9.!*+a-z_-]{0,12}", version in "[0-9.a-z+!]{0,12}") {
            for text in [text, near] {
                if let Some(clause) = Specifier::parse(&text) {
                    clause.contains(&version);
                }
            }
        }
    }
}
