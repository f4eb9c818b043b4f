//! Pace: how many requests a host gets at a time, and how fast after one another.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// The distance kept between two requests after a host has first said that it is asked too often.
const FIRST_SPACING: Duration = Duration::from_millis(25);
/// The longest distance: one request a second.
const LONGEST_SPACING: Duration = Duration::from_secs(1);
/// A distance that is not worth keeping.
const NO_SPACING: Duration = Duration::from_millis(5);
/// Requests in flight fail together; that counts as one complaint.
const ONE_COMPLAINT: Duration = Duration::from_millis(500);
/// How long a complaint without a time of its own stops all requests, at most.
const LONGEST_STOP: Duration = Duration::from_secs(1);

/// The right to one of the parallel requests that a host gets.
#[derive(Debug)]
pub(super) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

/// How fast one host may be asked: as fast as it likes until it complains (429), then slower by half each time, and
/// slowly faster again with every answer.
#[derive(Debug)]
pub(super) struct Pace {
    slots: Arc<Semaphore>,
    clock: Mutex<Clock>,
}

#[derive(Debug, Default)]
struct Clock {
    /// The distance between two requests.
    spacing: Duration,
    /// No request starts before this.
    next: Option<Instant>,
    complained: Option<Instant>,
}

impl Pace {
    pub(super) fn new(concurrency: usize) -> Pace {
        Pace { slots: Arc::new(Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS))), clock: Mutex::default() }
    }

    /// A pace for a kind of request that a host takes only so often: `spacing` apart, whatever it answers.
    pub(super) fn steady(spacing: Duration) -> Pace {
        let pace = Pace::new(Semaphore::MAX_PERMITS);
        pace.clock().spacing = spacing;
        pace
    }

    fn clock(&self) -> std::sync::MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for one of the parallel requests.
    pub(super) async fn turn(&self) -> Turn {
        // The semaphore is never closed.
        Turn { _permit: self.slots.clone().acquire_owned().await.ok() }
    }

    /// Waits until a request may start.
    pub(super) async fn start(&self) {
        loop {
            let wait = {
                let mut clock = self.clock();
                let now = Instant::now();
                match clock.next.filter(|next| *next > now) {
                    Some(next) => next - now,
                    None => {
                        clock.next = (!clock.spacing.is_zero()).then(|| now + clock.spacing);
                        return;
                    }
                }
            };
            sleep(wait).await;
        }
    }

    /// Notes an answer that is no complaint.
    pub(super) fn answered(&self) {
        let mut clock = self.clock();
        clock.spacing = clock.spacing.mul_f64(0.98);
        if clock.spacing < NO_SPACING {
            clock.spacing = Duration::ZERO;
        }
    }

    /// Notes a complaint. `asked` is how long the host wants to be left alone, `delay` how long the request waits that
    /// it complained about.
    pub(super) fn complained(&self, asked: bool, delay: Duration) {
        let mut clock = self.clock();
        let now = Instant::now();
        let stop = if asked { delay } else { delay.min(LONGEST_STOP) };
        clock.next = Some(clock.next.map_or(now + stop, |next| next.max(now + stop)));
        if clock.complained.is_none_or(|last| now - last >= ONE_COMPLAINT) {
            clock.complained = Some(now);
            clock.spacing = (clock.spacing * 2).clamp(FIRST_SPACING, LONGEST_SPACING);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_that_complains_is_asked_more_slowly_and_recovers() {
        let pace = Pace::new(8);
        let started = Instant::now();
        for _ in 0..100 {
            pace.start().await;
        }
        assert!(started.elapsed() < FIRST_SPACING);

        // Eight complaints at once are one.
        (0..8).for_each(|_| pace.complained(false, Duration::from_millis(10)));
        assert_eq!(pace.clock().spacing, FIRST_SPACING);
        let started = Instant::now();
        for _ in 0..4 {
            pace.start().await;
        }
        assert!(started.elapsed() >= FIRST_SPACING * 3);
        (0..100).for_each(|_| pace.answered());
        assert_eq!(pace.clock().spacing, Duration::ZERO);
    }

    #[tokio::test]
    async fn a_steady_pace_is_kept() {
        let pace = Pace::steady(Duration::from_millis(10));
        let started = Instant::now();
        for _ in 0..4 {
            pace.start().await;
        }
        assert!(started.elapsed() >= Duration::from_millis(30));
    }

    #[tokio::test]
    async fn only_the_host_itself_can_ask_for_a_long_stop() {
        let pace = Pace::new(8);
        pace.complained(false, Duration::from_secs(10));
        assert!(pace.clock().next.unwrap() <= Instant::now() + LONGEST_STOP);
        pace.complained(true, Duration::from_secs(10));
        assert!(pace.clock().next.unwrap() > Instant::now() + Duration::from_secs(9));
    }
}
