//! Which partition a saga is in, and what its keys are called.

use saga::SagaId;

/// The most partitions: the position of an event has room for no more.
pub(crate) const PARTITIONS_MAX: u16 = 256;

pub(crate) struct Partitions {
    prefixes: Vec<String>,
    clocks: Vec<String>,
}

impl Partitions {
    pub(crate) fn new(namespace: &str, count: u16) -> Self {
        let prefixes: Vec<String> = (0..count).map(|number| format!("{{{namespace}:{number}}}:")).collect();
        let clocks = prefixes.iter().map(|prefix| format!("{prefix}clock")).collect();
        Self { prefixes, clocks }
    }

    pub(crate) fn all(&self) -> std::ops::Range<u16> {
        0..self.count()
    }

    pub(crate) fn count(&self) -> u16 {
        u16::try_from(self.prefixes.len()).unwrap_or(u16::MAX)
    }

    pub(crate) fn of(&self, saga: SagaId) -> u16 {
        self.of_bytes(saga.as_bytes())
    }

    pub(crate) fn of_bytes(&self, bytes: &[u8]) -> u16 {
        u16::try_from(fnv1a(bytes) % u64::from(self.count())).unwrap_or(0)
    }

    pub(crate) fn prefix(&self, partition: u16) -> &str {
        &self.prefixes[usize::from(partition)]
    }

    pub(crate) fn clock(&self, partition: u16) -> &str {
        &self.clocks[usize::from(partition)]
    }

    /// The channel for wake-ups, in the slot of the first partition.
    pub(crate) fn channel(&self) -> String {
        format!("{}wake", self.prefix(0))
    }

    /// The name of a saga's key of this kind.
    pub(crate) fn key(&self, kind: &str, saga: SagaId) -> String {
        format!("{}{kind}:{saga}", self.prefix(self.of(saga)))
    }
}

/// FNV-1a of 64 bits, by its published constants: what is stored depends on it, so it never changes.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saga_is_always_in_the_same_partition() {
        let partitions = Partitions::new("saga", 16);
        let id: SagaId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        assert_eq!(partitions.key("head", id), "{saga:6}:head:0190163d-8694-739b-aea5-966c26f8ad91");
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn sagas_are_spread_over_all_partitions() {
        let partitions = Partitions::new("saga", 16);
        let mut sagas = [0; 16];
        for _ in 0..1_600 {
            sagas[usize::from(partitions.of(SagaId::new()))] += 1;
        }
        assert!(sagas.iter().all(|count| (40..200).contains(count)), "{sagas:?}");
    }
}
