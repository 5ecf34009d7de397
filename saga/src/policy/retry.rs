//! Retry policies: how many attempts follow a failed one, and after which delays.

use std::time::Duration;

/// How failed attempts are retried: at most so many times, after growing delays with a jitter.
///
/// ```
/// use saga::policy::*;
///
/// let policy = exponential(3, secs(1), secs(10)).jitter(0.0);
/// let delays: Vec<_> = (0..4).map(|k| policy.delay(k, 0.5)).collect();
/// assert_eq!(delays, [secs(1), secs(2), secs(4), secs(8)]);
/// assert_eq!(policy.retries_max(), 3); // so 4 attempts
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    retries_max: u32,
    growth: Growth,
    delay_max: Duration,
    jitter: f64,
    seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Growth {
    Fixed(Duration),
    Linear { base: Duration, increment: Duration },
    Exponential { base: Duration },
}

/// ±25 %: what a policy's jitter is where nothing else is set.
const JITTER: f64 = 0.25;

/// At most `retries` retries, each after `delay`.
#[must_use]
pub const fn fixed(retries: u32, delay: Duration) -> RetryPolicy {
    RetryPolicy::new(retries, Growth::Fixed(delay), Duration::MAX)
}

/// At most `retries` retries; the k-th delay, from 0, is `base + k * increment`, up to `delay_max`.
#[must_use]
pub const fn linear(retries: u32, base: Duration, increment: Duration, delay_max: Duration) -> RetryPolicy {
    RetryPolicy::new(retries, Growth::Linear { base, increment }, delay_max)
}

/// At most `retries` retries; the k-th delay, from 0, is `base * 2^k`, up to `delay_max`.
#[must_use]
pub const fn exponential(retries: u32, base: Duration, delay_max: Duration) -> RetryPolicy {
    RetryPolicy::new(retries, Growth::Exponential { base }, delay_max)
}

/// One attempt, and no other.
#[must_use]
pub const fn no_retry() -> RetryPolicy {
    RetryPolicy::new(0, Growth::Fixed(Duration::ZERO), Duration::ZERO)
}

impl RetryPolicy {
    const fn new(retries_max: u32, growth: Growth, delay_max: Duration) -> Self {
        Self { retries_max, growth, delay_max, jitter: JITTER, seed: None }
    }

    /// Each delay is shortened or lengthened by at most this fraction of itself, 0 to 1; never past the maximum.
    /// Without a call it is 0.25.
    #[must_use]
    pub const fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction.clamp(0.0, 1.0);
        self
    }

    /// Draws the jitter from this seed, so that a test sees the same delays each time.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// How many retries follow the first attempt.
    #[must_use]
    pub const fn retries_max(&self) -> u32 {
        self.retries_max
    }

    /// The delay before retry `k`, from 0. `random` in 0..1 places it in the range of the jitter.
    #[must_use]
    pub fn delay(&self, k: u32, random: f64) -> Duration {
        let delay = match self.growth {
            Growth::Fixed(delay) => delay,
            Growth::Linear { base, increment } => base.saturating_add(increment.saturating_mul(k)),
            Growth::Exponential { base } => base.saturating_mul(1_u32.checked_shl(k).unwrap_or(u32::MAX)),
        };
        let delay = delay.min(self.delay_max);
        let factor = 1.0 + self.jitter * (2.0 * random.clamp(0.0, 1.0) - 1.0);
        Duration::try_from_secs_f64(delay.as_secs_f64() * factor).unwrap_or(Duration::MAX).min(self.delay_max)
    }

    /// The delay before retry `k`, from 0, with a jitter of its own, or of the policy's seed.
    #[must_use]
    pub fn delay_jittered(&self, k: u32) -> Duration {
        let random = match self.seed {
            Some(seed) => fastrand::Rng::with_seed(seed.wrapping_add(u64::from(k))).f64(),
            None => fastrand::f64(),
        };
        self.delay(k, random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{days, millis, secs};

    #[test]
    fn the_first_delay_is_the_base_and_none_passes_the_maximum() {
        let policies = [
            (fixed(9, secs(2)), [secs(2), secs(2), secs(2)]),
            (linear(9, secs(1), secs(2), secs(4)), [secs(1), secs(3), secs(4)]),
            (exponential(9, secs(1), secs(3)), [secs(1), secs(2), secs(3)]),
        ];
        for (policy, expected) in policies {
            let delays = [0, 1, 2].map(|k| policy.jitter(0.0).delay(k, 0.9));
            assert_eq!(delays, expected);
        }
    }

    #[test]
    fn the_jitter_stays_inside_its_range_and_the_maximum() {
        let policy = exponential(9, secs(1), millis(1_100));
        for seed in 0..1_000 {
            let delay = policy.seed(seed).delay_jittered(0);
            assert!((millis(750)..=millis(1_100)).contains(&delay), "{delay:?}");
        }
        assert_eq!(policy.seed(7).delay_jittered(3), policy.seed(7).delay_jittered(3));
    }

    #[test]
    fn delays_saturate() {
        for k in [31, 32, 63, 64, u32::MAX] {
            assert_eq!(exponential(9, days(1), days(2)).jitter(0.0).delay(k, 0.0), days(2));
            assert!(exponential(9, secs(1), Duration::MAX).delay(k, 1.0) >= secs(1 << 30));
            assert!(linear(9, secs(1), Duration::MAX, Duration::MAX).delay(k, 1.0) >= days(9));
        }
    }
}
