//! Errors are enums, structs, foreign ones with a word that classifies them, or written by hand.

use std::borrow::Cow;

use saga::{Classify, Failure, FailureKind, StepError};

#[derive(Debug, thiserror::Error, Failure)]
#[error("busy")]
#[failure(transient)]
struct Busy;

#[derive(Debug, thiserror::Error, Failure)]
#[error(transparent)]
#[failure(transparent)]
struct Wrapped(#[from] Busy);

#[derive(Debug, thiserror::Error, Failure)]
enum Never {}

#[derive(Debug, thiserror::Error, Failure)]
#[failure(crate = ::saga)]
enum Generic<T: std::fmt::Debug + Send + Sync + 'static> {
    #[error("{0:?}")]
    #[failure(permanent)]
    Odd(T),
    #[error("refused: {reason}")]
    #[failure(business = "REFUSED")]
    Refused { reason: String },
    #[error("who knows")]
    #[failure(in_doubt)]
    Unknown,
    #[error(transparent)]
    #[failure(transparent)]
    Wrapped { source: Wrapped },
}

#[derive(Debug)]
struct ByHand(u16);

impl std::fmt::Display for ByHand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}", self.0)
    }
}

impl std::error::Error for ByHand {}

impl Failure for ByHand {
    fn kind(&self) -> FailureKind {
        if self.0 >= 500 { FailureKind::Transient } else { FailureKind::Business }
    }

    fn code(&self) -> Option<Cow<'static, str>> {
        Some(format!("HTTP_{}", self.0).into())
    }
}

fn foreign() -> Result<u8, StepError> {
    "x".parse::<u8>().business("NO_NUMBER")?;
    Err(Generic::<u8>::Unknown)?
}

fn main() {
    assert_eq!(Generic::Odd(1).kind(), FailureKind::Permanent);
    let refused = Generic::<u8>::Refused { reason: "no".to_owned() };
    assert_eq!((refused.kind(), refused.code().as_deref()), (FailureKind::Business, Some("REFUSED")));
    assert_eq!(Generic::<u8>::Wrapped { source: Wrapped(Busy) }.kind(), FailureKind::Transient);
    let error = StepError::from(Generic::<u8>::Unknown);
    assert_eq!(error.kind(), FailureKind::InDoubt);
    assert_eq!(foreign().unwrap_err().code(), Some("NO_NUMBER"));
    assert_eq!(ByHand(404).into_step_error().code(), Some("HTTP_404"));
    let _: Option<Never> = None;
}
