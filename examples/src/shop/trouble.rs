//! What goes wrong, as the order stream scripts it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

/// Something that goes wrong with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The bank says no.
    CardDeclined,
    /// The gateway refuses the first two calls, for now.
    GatewayBusyTwice,
    /// The gateway refuses every call, for now.
    GatewayBusy,
    /// The gateway charges, but its answer comes too late, each time.
    AnswerLate,
    /// The line breaks before the gateway sees the call, each time; who calls can't tell.
    CallLost,
    /// The warehouse fails to release the stock at the first call.
    ReleaseFailsOnce,
    /// The warehouse never releases the stock.
    ReleaseFails,
    /// The mail server refuses the first call.
    MailFailsOnce,
}

/// All that goes wrong, by order. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Troubles(Arc<HashMap<String, Vec<Trouble>>>);

impl Troubles {
    /// Whether this goes wrong with the order.
    #[must_use]
    pub fn has(&self, order: &str, trouble: Trouble) -> bool {
        self.0.get(order).is_some_and(|troubles| troubles.contains(&trouble))
    }
}

impl FromIterator<(String, Vec<Trouble>)> for Troubles {
    fn from_iter<I: IntoIterator<Item = (String, Vec<Trouble>)>>(troubles: I) -> Self {
        Self(Arc::new(troubles.into_iter().collect()))
    }
}
