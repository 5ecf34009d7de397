//! Maps by saga id, without a second hash: an id's last half is random already.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::SagaId;

/// A map by saga id.
pub(crate) type IdMap<V> = HashMap<SagaId, V, BuildHasherDefault<IdHasher>>;

/// A set of saga ids.
pub(crate) type IdSet = HashSet<SagaId, BuildHasherDefault<IdHasher>>;

/// Equal ids have equal last halves, and different ones hardly ever: 62 of its bits are random.
impl Hash for SagaId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.random_half());
    }
}

impl SagaId {
    /// The place of the id among `count` shards. Other bits than those that a map looks at first.
    pub(crate) fn shard(&self, count: usize) -> usize {
        usize::try_from(self.random_half() >> 32).unwrap_or_default() % count
    }

    fn random_half(&self) -> u64 {
        self.as_bytes().last_chunk().map_or(0, |half| u64::from_be_bytes(*half))
    }
}

/// Spreads the bits of one `u64` over the whole hash: a map looks at its first bits and at its last.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    /// Multiplies by 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming, 6.4).
    fn write_u64(&mut self, half: u64) {
        self.0 = (self.0.rotate_left(5) ^ half).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
