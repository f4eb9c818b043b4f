//! Retry: what is tried again, how often, and how long to wait in between.

use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::cause::Cause;
use super::date::http_date;

/// How often and how patiently failed requests are repeated.
///
/// Repeated are 408, 429, 500, 502, 503 and 504, failed connects, resets and truncated bodies; never another 4xx.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// The wait after the first failure; it doubles with each further one.
    pub first_delay: Duration,
    /// The longest wait that the doubling reaches.
    pub longest_delay: Duration,
    /// Attempts altogether when connections break or the registry throttles.
    pub tries: u32,
    /// Attempts altogether when the registry answers with a server error or cannot be reached at all.
    pub server_error_tries: u32,
    /// How long throttling (429) is sat out at least, however many attempts that takes: quotas are counted by the
    /// minute, and shorter retries do not survive them (containerd/containerd#10447).
    pub throttle_patience: Duration,
    /// The longest wait that a `Retry-After` header can impose.
    pub longest_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            first_delay: Duration::from_millis(100),
            longest_delay: Duration::from_secs(10),
            tries: 8,
            server_error_tries: 4,
            throttle_patience: Duration::from_secs(75),
            longest_retry_after: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// As many attempts in a fraction of a second: for tests against a server in the same process.
    pub fn quick() -> RetryPolicy {
        RetryPolicy {
            first_delay: Duration::from_millis(1),
            longest_delay: Duration::from_millis(10),
            throttle_patience: Duration::ZERO,
            longest_retry_after: Duration::from_millis(1500),
            ..RetryPolicy::default()
        }
    }
}

/// Why an attempt failed, as far as repeating it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// 429
    Throttled,
    /// 408 and the 5xx that pass, and an upload session that is gone
    Server,
    /// no connection came about
    Unreachable,
    /// a connection broke
    Broken,
}

impl Failure {
    /// The failure behind a status; `None` if repeating cannot help.
    pub(super) fn of_status(status: StatusCode) -> Option<Failure> {
        match status.as_u16() {
            429 => Some(Failure::Throttled),
            408 | 500 | 502 | 503 | 504 => Some(Failure::Server),
            _ => None,
        }
    }

    /// The failure behind a broken exchange; `None` if repeating cannot help.
    pub(super) fn of_cause(cause: &Cause) -> Option<Failure> {
        match cause {
            Cause::Dns | Cause::Connect(_) | Cause::ConnectTimeout => Some(Failure::Unreachable),
            Cause::Idle | Cause::Broken(_) | Cause::Truncated { .. } => Some(Failure::Broken),
            Cause::UnknownAuthority(_) | Cause::Tls(_) | Cause::PlainHttp | Cause::Request(_) => None,
        }
    }
}

/// The attempts of one piece of work.
#[derive(Debug)]
pub(super) struct Tries {
    policy: RetryPolicy,
    made: u32,
    /// How many of them, up to now, were the server's.
    in_a_row: u32,
    /// When the first of these failures happened.
    since: Option<Instant>,
}

impl Tries {
    pub(super) fn new(policy: &RetryPolicy) -> Tries {
        Tries { policy: policy.clone(), made: 0, in_a_row: 0, since: None }
    }

    /// Attempts that failed so far.
    pub(super) fn made(&self) -> u32 {
        self.made
    }

    /// Forgets the failures so far: work has gone on since.
    pub(super) fn reset(&mut self) {
        self.made = 0;
        self.in_a_row = 0;
        self.since = None;
    }

    /// Notes a failed attempt; the time to wait before the next, or `None` to give up.
    pub(super) fn failed(&mut self, failure: Failure, retry_after: Option<Duration>) -> Option<Duration> {
        self.made += 1;
        // A server that is in trouble is given up soon, but only for its own failures: a throttle or a broken connection
        // among them says that it is alive.
        self.in_a_row = match failure {
            Failure::Server | Failure::Unreachable => self.in_a_row + 1,
            Failure::Throttled | Failure::Broken => 0,
        };
        let since = *self.since.get_or_insert_with(Instant::now);
        let policy = &self.policy;
        let give_up = match failure {
            Failure::Throttled => self.made >= policy.tries && since.elapsed() >= policy.throttle_patience,
            Failure::Broken => self.made >= policy.tries,
            Failure::Server | Failure::Unreachable => {
                self.in_a_row >= policy.server_error_tries || self.made >= policy.tries
            }
        };
        if give_up {
            return None;
        }
        let doubled = policy.first_delay.saturating_mul(1 << (self.made - 1).min(16));
        let delay = jittered(doubled.min(policy.longest_delay));
        Some(match retry_after {
            Some(asked) => delay.max(asked.min(policy.longest_retry_after)),
            None => delay,
        })
    }
}

/// Between half of `delay` and all of it, so that clients who failed together do not come back together.
fn jittered(delay: Duration) -> Duration {
    // A new `RandomState` is seeded anew; that is all the randomness needed here.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish() as u32;
    delay.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
}

/// How long the registry asks to wait: seconds, or a date, which is read against the registry's own clock if it says
/// what time it has.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let then = http_date(text)?;
    let now = match headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?)) {
        Some(now) => now,
        None => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs(),
    };
    Some(Duration::from_secs(then.saturating_sub(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(policy: &RetryPolicy, failure: Failure) -> Vec<Duration> {
        let mut tries = Tries::new(policy);
        std::iter::from_fn(|| tries.failed(failure, None)).take(100).collect()
    }

    #[test]
    fn delays_grow_and_end() {
        let policy = RetryPolicy::default();
        let broken = waits(&policy, Failure::Broken);
        assert_eq!(broken.len(), 7);
        assert!(broken.iter().all(|wait| *wait <= policy.longest_delay));
        assert!(broken[6] > broken[0]);
        assert_eq!(waits(&policy, Failure::Server).len(), 3);
        assert_eq!(waits(&RetryPolicy::quick(), Failure::Throttled).len(), 7);
    }

    #[test]
    fn throttling_is_outlasted_for_a_minute() {
        // No time passes here, so patience never runs out; the waits of the attempts made by then must be bearable.
        let throttled = waits(&RetryPolicy::default(), Failure::Throttled);
        assert_eq!(throttled.len(), 100);
        assert!(throttled.iter().all(|wait| *wait <= Duration::from_secs(10)));
        let minute = throttled.iter().take(25).sum::<Duration>();
        assert!(minute > Duration::from_secs(75), "{minute:?}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let headers = |after: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            retry_after(&headers)
        };
        assert_eq!(headers("7", None), Some(Duration::from_secs(7)));
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(headers("Sun, 06 Nov 1994 08:49:42 GMT", date), Some(Duration::from_secs(5)));
        assert_eq!(headers("Sun, 06 Nov 1994 08:49:30 GMT", date), Some(Duration::ZERO));
        assert_eq!(headers("Sun, 06 Nov 1994 08:49:42 GMT", None), Some(Duration::ZERO));
        assert_eq!(headers("soon", None), None);
        assert_eq!(headers("-1", None), None);

        let mut tries = Tries::new(&RetryPolicy::default());
        let wait = tries.failed(Failure::Throttled, Some(Duration::from_secs(1_000_000)));
        assert_eq!(wait, Some(Duration::from_secs(60)));
    }

    #[test]
    fn only_what_passes_is_repeated() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(Failure::of_status(StatusCode::from_u16(status).unwrap()).is_some(), "{status}");
        }
        for status in [200, 400, 401, 403, 404, 405, 413, 416, 501, 505] {
            assert!(Failure::of_status(StatusCode::from_u16(status).unwrap()).is_none(), "{status}");
        }
    }
}
