//! Token: a registry's password, shared by all who need it, fetched by one of them.
//!
//! It is renewed a while before its end. A clock may lie: a token whose end was over when it came is used all the
//! same, for as long as the registry takes it. One that the registry refuses is replaced, but not every minute: if the
//! next is no better, more of them will not help.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::interface::{Failed, Service, Token};

/// How long tokens live
/// ([GetAuthorizationToken](https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html)):
/// 12 hours. A longer life is not believed.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// How long before its end a token is replaced: an upload that begins then may take a while.
const MARGIN: Duration = Duration::from_secs(15 * 60);
/// How long a replacement of a refused token has to last.
const RENEWAL: Duration = Duration::from_secs(60);

/// A token, and how long it is used without a word from the registry.
struct Kept {
    token: Token,
    /// `None` if its end says nothing.
    until: Option<Instant>,
}

impl Kept {
    fn new(token: Token, now: SystemTime, clock: Instant) -> Kept {
        let left = token.expires.and_then(|expires| expires.duration_since(now).ok()).filter(|left| !left.is_zero());
        let until = left.map(|left| {
            let left = left.min(LIFETIME);
            clock + (left - MARGIN.min(left / 4))
        });
        Kept { token, until }
    }

    fn is_fresh(&self, clock: Instant) -> bool {
        self.until.is_none_or(|until| clock < until)
    }
}

/// One service's token. Whoever holds the lock fetches it for all who wait.
#[derive(Default)]
struct Slot {
    kept: Option<Kept>,
    /// The last failure to get one, for those who were waiting then.
    failed: Option<(Instant, Failed)>,
    /// When a refused token was last thrown away.
    renewed: Option<Instant>,
}

impl Slot {
    /// Throws the token away if it is the one that was refused.
    fn refused(&mut self, password: &str, clock: Instant) {
        let current = self.kept.as_ref().is_some_and(|kept| kept.token.password == password);
        if current && self.renewed.is_none_or(|last| clock.saturating_duration_since(last) >= RENEWAL) {
            self.renewed = Some(clock);
            self.kept = None;
        }
    }
}

/// The tokens of a run.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<Service, Arc<tokio::sync::Mutex<Slot>>>>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl Tokens {
    fn slot(&self, service: &Service) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(service.clone()).or_default().clone()
    }

    /// The service's password; `fetch` is called if there is none that is still good.
    pub(super) async fn get<F>(&self, service: &Service, fetch: impl Fn() -> F) -> Result<String, Failed>
    where
        F: Future<Output = Result<Token, Failed>>,
    {
        let asked = Instant::now();
        let slot = self.slot(service);
        let mut slot = slot.lock().await;
        if let Some(kept) = slot.kept.as_ref().filter(|kept| kept.is_fresh(Instant::now())) {
            return Ok(kept.token.password.clone());
        }
        if let Some((_, failed)) = slot.failed.as_ref().filter(|(when, _)| *when >= asked) {
            return Err(failed.clone());
        }
        match fetch().await {
            Ok(token) => {
                let password = token.password.clone();
                slot.kept = Some(Kept::new(token, SystemTime::now(), Instant::now()));
                slot.failed = None;
                Ok(password)
            }
            Err(failed) => {
                slot.kept = None;
                slot.failed = Some((Instant::now(), failed.clone()));
                Err(failed)
            }
        }
    }

    /// Notes that a registry of the service did not take a password.
    pub(super) async fn refused(&self, service: &Service, password: &str) {
        self.slot(service).lock().await.refused(password, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::registry::ecr::interface::Reason;

    fn token(password: &str, expires: Option<SystemTime>) -> Token {
        Token { password: password.to_owned(), expires }
    }

    #[test]
    fn tokens_are_renewed_before_their_end_unless_a_clock_lies() {
        let (now, clock) = (SystemTime::now(), Instant::now());
        let used_for = |expires: Option<SystemTime>| {
            Kept::new(token("x", expires), now, clock).until.map(|until| until.duration_since(clock).as_secs())
        };
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!(used_for(Some(now + hours(12))), Some(12 * 3600 - 15 * 60));
        assert_eq!(used_for(Some(now + hours(1000))), Some(12 * 3600 - 15 * 60));
        assert_eq!(used_for(Some(now + Duration::from_secs(60))), Some(45));
        // 2015 is over, and so is this very moment.
        assert_eq!(used_for(Some(SystemTime::UNIX_EPOCH + hours(24 * 365 * 45))), None);
        assert_eq!(used_for(Some(now)), None);
        assert_eq!(used_for(None), None);
        assert!(Kept::new(token("x", None), now, clock).is_fresh(clock + hours(100)));
        let kept = Kept::new(token("x", Some(now + hours(12))), now, clock);
        assert!(kept.is_fresh(clock + hours(11)) && !kept.is_fresh(clock + hours(12)));
    }

    #[test]
    fn a_refused_token_is_replaced_once_a_minute_at_most() {
        let clock = Instant::now();
        let keep = |password: &str| Some(Kept::new(token(password, None), SystemTime::now(), clock));
        let mut slot = Slot { kept: keep("a"), ..Slot::default() };
        slot.refused("b", clock);
        assert!(slot.kept.is_some(), "another one was refused");
        slot.refused("a", clock);
        assert!(slot.kept.is_none());
        slot.kept = keep("c");
        slot.refused("c", clock + Duration::from_secs(59));
        assert!(slot.kept.is_some());
        slot.refused("c", clock + Duration::from_secs(60));
        assert!(slot.kept.is_none());
    }

    #[tokio::test]
    async fn whoever_is_first_fetches_for_all() {
        let tokens = Tokens::default();
        let fetched = AtomicU32::new(0);
        let fetch = || async {
            let number = fetched.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            // An end that is over, as moto tells it, makes nobody fetch again.
            Ok(token(&format!("p{number}"), Some(SystemTime::UNIX_EPOCH)))
        };
        let service = Service::Public;
        let all = futures_util::future::join_all((0..20).map(|_| tokens.get(&service, fetch))).await;
        assert!(all.into_iter().all(|password| password == Ok("p0".to_owned())));
        // Parallel requests are refused with the same token: that is one refusal.
        for _ in 0..20 {
            tokens.refused(&service, "p0").await;
            assert_eq!(tokens.get(&service, fetch).await.unwrap(), "p1");
        }
        tokens.refused(&service, "p1").await;
        assert_eq!(tokens.get(&service, fetch).await.unwrap(), "p1");
        assert_eq!(fetched.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_who_wait_and_forgotten() {
        let tokens = Tokens::default();
        let fetched = AtomicU32::new(0);
        let fetch = || async {
            fetched.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Err(Failed { reason: Reason::NoCredentials, code: String::new(), message: String::new() })
        };
        let all = futures_util::future::join_all((0..20).map(|_| tokens.get(&Service::Public, fetch))).await;
        assert!(all.iter().all(Result::is_err));
        assert_eq!(fetched.load(Ordering::SeqCst), 1);
        tokens.get(&Service::Public, fetch).await.unwrap_err();
        assert_eq!(fetched.load(Ordering::SeqCst), 2);
    }
}
