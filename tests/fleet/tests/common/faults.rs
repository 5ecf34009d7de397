//! Three processes withstand all that may happen to them, under load.
//!
//! `SAGA_FLEET_SEED=17` lets it happen in another order and at other moments, `SAGA_FLEET_FAULTS=1000` more often.

use std::time::Duration;

use saga_fleet_tests::{Kind, Server, withstand};
use saga_tests::{Folder, setting};

use super::crew;

pub(crate) async fn withstand_all(kind: Kind) {
    let folder = Folder::new();
    let mut options = crew::options(kind, &folder);
    (options.lease, options.poll) = (Duration::from_secs(1), Duration::from_millis(200));
    options.moment = Duration::from_millis(15);
    let faults = usize::try_from(setting("SAGA_FLEET_FAULTS", 204)).unwrap();
    withstand(Server::start(kind), options, setting("SAGA_FLEET_SEED", 1), faults).await;
}
