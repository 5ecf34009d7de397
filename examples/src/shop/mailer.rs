//! The mail server.

use rusqlite::params;
use saga::Failure;

use super::ledger::note_call;
use super::{Ledger, LedgerError, Trouble, Troubles, latency};

/// What the mail server may answer instead.
#[derive(Debug, thiserror::Error, Failure)]
pub enum MailError {
    /// Nothing was sent; later it may.
    #[error("the mail server is in a bad mood")]
    #[failure(transient)]
    Refused,
    /// Nothing was sent; later it may.
    #[error(transparent)]
    #[failure(transient)]
    Ledger(#[from] LedgerError),
}

/// A saga that can send mail: steps that want no more of it can be shared by all such sagas.
pub trait HasMailer: Send + Sync + 'static {
    /// The way to the mail server.
    fn mailer(&self) -> &Mailer;
}

/// Sends mail: one for each order, however often it is asked.
#[derive(Debug, Clone)]
pub struct Mailer {
    ledger: Ledger,
    troubles: Troubles,
}

impl Mailer {
    /// The service over these books, with these troubles.
    #[must_use]
    pub fn new(ledger: &Ledger, troubles: &Troubles) -> Self {
        Self { ledger: ledger.clone(), troubles: troubles.clone() }
    }

    /// Sends `text` to whoever placed the order.
    pub async fn send(&self, order: &str, text: String) -> Result<(), MailError> {
        latency().await;
        let fails_once = self.troubles.has(order, Trouble::MailFailsOnce);
        let order = order.to_owned();
        let is_sent = self
            .ledger
            .write(move |writing| {
                let number = note_call(writing, "send mail", &order)?;
                let is_sent = !fails_once || number > 1;
                if is_sent {
                    let send = "INSERT OR IGNORE INTO notifications (order_id, text) VALUES (?1, ?2)";
                    writing.execute(send, params![order, text])?;
                }
                Ok::<_, MailError>(is_sent)
            })
            .await?;
        if is_sent { Ok(()) } else { Err(MailError::Refused) }
    }
}
