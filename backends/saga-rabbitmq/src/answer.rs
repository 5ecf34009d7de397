//! What RabbitMQ answered to a batch.

use lapin::message::BasicReturnMessage;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::{Confirmation, ErrorKind};

/// What RabbitMQ answered to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All queues that it goes to keep it.
    Kept,
    /// No queue is bound for it.
    Unroutable,
    /// This event, or another one of its batch, is one that RabbitMQ never takes: it closed the channel, and says why.
    Invalid(String),
    /// It may be taken another time, and why not now.
    NotKept(String),
}

/// What came for an event before answers are told apart.
#[derive(Debug)]
pub(crate) enum Came {
    Confirmed { is_kept: bool, returned: Option<String> },
    Failed(lapin::Error),
    Nothing,
}

impl Came {
    pub(crate) fn of(confirmation: Confirmation) -> Self {
        let id = |message: BasicReturnMessage| {
            message.delivery.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
        };
        let is_kept = confirmation.is_ack();
        Self::Confirmed { is_kept, returned: confirmation.take_message().map(id) }
    }

    /// Whether it leaves the channel fit for more.
    pub(crate) fn is_confirmed(&self) -> bool {
        matches!(self, Self::Confirmed { .. })
    }
}

/// The answers for the events of these ids.
///
/// RabbitMQ sends a message that no queue wants back, and then confirms it. The driver hands what came back to whichever
/// confirmation it sees next, which may be that of another message, so it is the id that tells. Until all of a batch are
/// confirmed, one that was handed another's may have its own still to come.
pub(crate) fn answers<'a>(ids: impl Iterator<Item = &'a str> + Clone, came: Vec<Came>) -> Vec<Answer> {
    let is_whole = came.iter().all(Came::is_confirmed);
    let mut returned: Vec<String> = Vec::new();
    let mut has_brought = Vec::with_capacity(came.len());
    for came in &came {
        let brought = if let Came::Confirmed { returned, .. } = came { returned.clone() } else { None };
        has_brought.push(brought.is_some());
        returned.extend(brought);
    }
    let answer = |((id, came), has_brought): ((&str, Came), bool)| match came {
        Came::Confirmed { is_kept: false, .. } => {
            Answer::NotKept("a queue did not take it: it is full, or its disk is".to_owned())
        }
        Came::Confirmed { .. } if returned.iter().any(|returned| returned == id) => Answer::Unroutable,
        Came::Confirmed { .. } if is_whole || !has_brought => Answer::Kept,
        Came::Confirmed { .. } => Answer::NotKept("whether a queue took it is not known".to_owned()),
        Came::Failed(error) if is_invalid(&error) => Answer::Invalid(error.to_string()),
        Came::Failed(error) => Answer::NotKept(error.to_string()),
        Came::Nothing => Answer::NotKept("it was not confirmed in time".to_owned()),
    };
    ids.zip(came).zip(has_brought).map(answer).collect()
}

/// Whether the same message would never be taken: it is too large, say.
fn is_invalid(error: &lapin::Error) -> bool {
    let ErrorKind::ProtocolError(error) = error.kind() else {
        return false;
    };
    matches!(
        error.kind(),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::CONTENTTOOLARGE)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(returned: Option<&str>) -> Came {
        Came::Confirmed { is_kept: true, returned: returned.map(str::to_owned) }
    }

    fn told(came: Vec<Came>) -> Vec<Answer> {
        answers(["a", "b", "c"].into_iter(), came)
    }

    #[test]
    fn what_came_back_is_told_by_its_id() {
        let came = vec![kept(Some("b")), kept(None), kept(None)];
        assert_eq!(told(came), [Answer::Kept, Answer::Unroutable, Answer::Kept]);
    }

    #[test]
    fn one_that_was_handed_anothers_is_not_kept_while_its_own_may_come() {
        let came = vec![kept(Some("b")), Came::Nothing, kept(None)];
        let answers = told(came);
        assert!(matches!(answers[0], Answer::NotKept(_)), "{answers:?}");
        assert!(matches!(answers[1], Answer::NotKept(_)), "{answers:?}");
        assert_eq!(answers[2], Answer::Kept);
    }

    #[test]
    fn what_a_queue_did_not_take_is_not_kept() {
        let refused = Came::Confirmed { is_kept: false, returned: None };
        let answers = told(vec![kept(None), refused, kept(None)]);
        assert!(matches!(answers[1], Answer::NotKept(_)), "{answers:?}");
        assert_eq!((&answers[0], &answers[2]), (&Answer::Kept, &Answer::Kept));
    }
}
