//! How large the world is, and which rules hold in it.

/// How much of the world is gone through. Each number is a budget: what it counts happens at every moment, up to so
/// often.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Workers; one of them starts the saga.
    pub workers: u8,
    /// Up to this tick time passes whatever anybody does: a worker that does nothing meanwhile is a stopped one.
    /// From then on it passes only where nobody can go on without.
    pub ticks: u8,
    /// How often a clock gains or loses a tick.
    pub drifts: u8,
    /// How many workers die.
    pub crashes: u8,
    /// How many answers of the store, or calls to it, are lost or late.
    pub losses: u8,
    /// How many attempts don't simply succeed.
    pub failures: u8,
}

/// For how many ticks a lease runs.
pub(crate) const LEASE: i8 = 2;

/// At this tick a saga that has not come to rest never will.
pub(crate) const NEVER: u8 = 12;

/// The rules of the protocol. Each is there to be taken out.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is taken out on its own")]
pub struct Rules {
    /// The store refuses an append that doesn't name the next number.
    pub fence: bool,
    /// A claim appends a record, so that it moves the fence.
    pub claim_is_recorded: bool,
    /// A worker drives what it claimed only if the journal that it then read says that it still owns it.
    pub owner_is_checked: bool,
    /// A number that is taken is read back: it is its own append, whose answer was lost, or another's.
    pub taken_is_read_back: bool,
    /// What the store took is found out before anything goes on: an append without an answer is sent again.
    pub unanswered_is_asked_again: bool,
    /// Nothing begins before the records of what was done are durable.
    pub record_comes_first: bool,
    /// A claim without an answer is looked for.
    pub lost_claim_is_looked_for: bool,
}

impl Rules {
    /// All of them.
    pub const ALL: Self = Self {
        fence: true,
        claim_is_recorded: true,
        owner_is_checked: true,
        taken_is_read_back: true,
        unanswered_is_asked_again: true,
        record_comes_first: true,
        lost_claim_is_looked_for: true,
    };
}
