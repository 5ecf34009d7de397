//! The laws that every store keeps: one a function, each over a fresh store.
//!
//! [`store_tests!`](crate::testing::store_tests) makes a test of each, and of those that only a store that survives
//! its process can keep, [`durable_store_tests!`](crate::testing::durable_store_tests).

mod append;
mod claim;
mod durable;
mod fence;
mod list;
mod outbox;
mod query;
mod request;
mod sample;
mod tools;
mod unknown;

pub use append::*;
pub use claim::*;
pub use durable::*;
pub use fence::*;
pub use list::*;
pub use outbox::*;
pub use query::*;
pub use request::*;
pub use tools::*;
pub use unknown::*;

use super::StorePlace;
use crate::store::BoxFuture;

/// A law over a store of its own, for a harness of the caller's.
pub struct Law {
    /// Its name, a sentence.
    pub name: &'static str,
    /// Nothing happens before it is polled; it panics where the law is broken.
    pub check: BoxFuture<'static, ()>,
}

/// All laws of a store that survives its process, for a harness that can say at run time that a server is missing;
/// else the macros are simpler. `place` is called once for each law, when that is checked.
pub fn all<P, F>(place: F) -> Vec<Law>
where
    P: StorePlace + 'static,
    F: Fn() -> P + Clone + Send + 'static,
{
    let mut laws = Vec::new();
    crate::__store_laws! { list laws place }
    crate::__durable_store_laws! { list laws place }
    laws
}

/// Makes one `#[tokio::test]` for each law of a store.
///
/// It takes the [`StorePlace`](crate::testing::StorePlace) where a test's store lives, evaluated once for each test.
/// The crate needs `tokio` with its features `macros` and `rt-multi-thread`.
///
/// ```
/// use saga::MemoryStore;
///
/// saga::testing::store_tests!(|| async { MemoryStore::new() });
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __store_tests {
    ($place:expr) => {
        $crate::__store_laws! { tests $place }
    };
}

/// Makes one `#[tokio::test]` for each law of a store that survives its process.
///
/// It takes the [`StorePlace`](crate::testing::StorePlace) where a test's store lives and can be opened again.
#[doc(hidden)]
#[macro_export]
macro_rules! __durable_store_tests {
    ($place:expr) => {
        $crate::__durable_store_laws! { tests $place }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_laws {
    ($($how:tt)+) => {
        $crate::__each_law! { open $($how)+;
            a_created_saga_is_there
            an_append_follows_in_order
            events_of_all_kinds_are_read_back_unchanged
            payloads_are_kept_byte_for_byte
            a_payload_of_a_mebibyte_is_kept
            an_append_without_a_head_leaves_the_head
            a_head_change_is_shown
            appends_to_one_saga_in_one_batch_follow_each_other
            times_are_those_of_the_answers_and_never_go_back
            a_dropped_append_is_there_in_whole_or_not_at_all
            an_append_at_another_number_changes_nothing
            a_saga_is_not_created_twice
            a_refused_append_hinders_no_other_of_its_batch
            a_key_is_taken_once_for_each_definition
            a_refused_create_takes_no_key
            one_of_many_concurrent_appends_wins
            one_of_many_concurrent_creates_of_a_key_wins
            a_free_saga_is_claimed_once
            a_claim_fences_the_owner_before
            a_running_lease_holds_a_saga
            an_owner_without_a_lease_holds_nothing
            a_retired_worker_frees_its_sagas_at_once
            a_released_saga_is_free_at_once
            a_saga_is_not_claimed_before_its_wake_up_time
            a_stuck_saga_is_claimed_only_for_a_request
            a_request_wakes_a_sleeping_saga
            a_request_takes_no_saga_from_its_owner
            an_ended_saga_is_never_claimed
            a_claim_takes_only_definitions_that_match
            a_claim_takes_the_longest_waiting_up_to_its_limit
            concurrent_claims_share_no_saga
            requests_are_kept_in_order_until_they_are_answered
            requests_of_all_kinds_are_read_back_unchanged
            a_request_for_no_saga_or_an_ended_one_is_refused
            a_refused_append_answers_nothing
            the_end_of_a_saga_ends_its_requests
            a_heartbeat_tells_of_the_workers_requested_sagas
            an_unknown_saga_is_nowhere
            counts_follow_every_change
            events_come_in_the_order_of_their_commits
            a_publisher_misses_nothing
            a_purge_takes_only_what_ended_in_its_states_before_its_time
            a_purge_takes_no_more_than_its_limit
            a_purged_saga_leaves_nothing_behind
            positions_are_not_used_again_after_a_purge
            time_never_goes_back
            a_list_shows_what_matches_every_filter
            a_list_is_sorted_by_time_then_id
            pages_show_each_saga_once_however_many_come_meanwhile
            a_full_last_page_is_the_last
            a_described_shape_is_read_back
            the_latest_description_of_a_shape_counts
            workers_are_those_whose_lease_runs
            a_definition_is_unknown_until_a_live_worker_knows_it
            an_unknown_saga_counts_until_it_ends_and_while_no_live_worker_owns_it
            the_oldest_free_saga_is_the_one_that_a_claim_takes_first
            odd_labels_and_keys_are_told_apart
            a_cursor_is_held_by_one_worker_at_a_time
            a_cursor_whose_lease_ran_out_goes_to_another
            one_of_many_concurrent_leases_of_a_cursor_wins
            a_cursor_moves_only_from_where_it_is_and_by_its_holder
            what_is_refused_is_recorded_with_the_move_or_not_at_all
            dead_letters_are_read_in_order_and_changed_one_by_one
            odd_letters_are_kept_unchanged
            cursors_tell_how_far_behind_they_are
            a_purge_takes_nothing_that_a_publisher_has_not_read
            a_removed_cursor_leaves_nothing_behind
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __durable_store_laws {
    ($($how:tt)+) => {
        $crate::__each_law! { as_is $($how)+;
            everything_is_there_after_it_is_opened_again
            an_exclusive_store_frees_every_saga_as_it_opens
            positions_grow_across_openings
            cursors_and_dead_letters_are_there_after_opening_again
            an_abandoned_append_is_there_in_whole_or_not_at_all_after_opening_again
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __each_law {
    ($opened:ident tests $place:expr; $($law:ident)+) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $law() {
                let place = $place;
                $crate::__each_law!(@$opened $law place);
            }
        )+
    };
    ($opened:ident list $laws:ident $place:ident; $($law:ident)+) => {
        $(
            let place = $place.clone();
            let check = Box::pin(async move {
                let place = place();
                $crate::__each_law!(@$opened $law place);
            });
            $laws.push(Law { name: stringify!($law), check });
        )+
    };
    (@open $law:ident $place:ident) => {
        $crate::testing::laws::$law($crate::testing::StorePlace::open(&$place).await).await
    };
    (@as_is $law:ident $place:ident) => {
        $crate::testing::laws::$law(&$place).await
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_is_in_a_macro() {
        let here = include_str!("mod.rs");
        let laws = [
            include_str!("append.rs"),
            include_str!("claim.rs"),
            include_str!("durable.rs"),
            include_str!("fence.rs"),
            include_str!("list.rs"),
            include_str!("outbox.rs"),
            include_str!("query.rs"),
            include_str!("request.rs"),
            include_str!("tools.rs"),
            include_str!("unknown.rs"),
        ];
        for line in laws.iter().flat_map(|file| file.lines()) {
            if let Some(law) = line.strip_prefix("pub async fn ") {
                let name = &law[..law.find('(').unwrap()];
                assert!(here.lines().any(|line| line.trim() == name), "`{name}` is in no macro");
            }
        }
    }
}
