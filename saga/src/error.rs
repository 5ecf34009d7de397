//! Errors of steps, classified.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What an error says about its step's effect, and so what is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// No effect, and it may go better soon: retried by the step's policy.
    Transient,
    /// No effect, and it will not go better: never retried.
    Permanent,
    /// No effect, by a rule of the business, with a code that callers match on: never retried.
    Business,
    /// Nobody knows whether it took effect: retried, then verified.
    InDoubt,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::Business => "business",
            Self::InDoubt => "in doubt",
        })
    }
}

/// An error that says of which [kind](FailureKind) it is. Derive it, or write it by hand.
///
/// ```
/// #[derive(Debug, thiserror::Error, saga::Failure)]
/// enum PaymentError {
///     #[error("gateway busy")]
///     #[failure(transient)]
///     Busy,
///     #[error("card declined: {0}")]
///     #[failure(business = "CARD_DECLINED")]
///     Declined(String),
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` doesn't say whether it is transient, permanent, business or in doubt",
    label = "an error that is not classified",
    note = "derive `saga::Failure` for it, or return `StepError` and classify with `.transient()?`, `.permanent()?`, `.business(\"CODE\")?` or `.in_doubt()?`"
)]
pub trait Failure: std::error::Error + Send + Sync + 'static {
    /// The kind of this error.
    fn kind(&self) -> FailureKind;

    /// The code that callers match on; business errors have one.
    fn code(&self) -> Option<Cow<'static, str>> {
        None
    }

    /// The error as the runtime carries it.
    fn into_step_error(self) -> StepError
    where
        Self: Sized,
    {
        StepError(Box::new(Parts {
            kind: self.kind(),
            code: self.code(),
            type_name: Cow::Borrowed(std::any::type_name::<Self>()),
            source: Box::new(self),
        }))
    }
}

/// A classified error of a step: its kind, its code, and the error itself.
///
/// It is as small as a pointer, so that a step that goes well carries no room for an error about.
#[derive(Debug)]
pub struct StepError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: FailureKind,
    code: Option<Cow<'static, str>>,
    type_name: Cow<'static, str>,
    source: BoxError,
}

impl StepError {
    /// An error that may go better soon.
    pub fn transient(error: impl Into<BoxError>) -> Self {
        Self::new(FailureKind::Transient, error)
    }

    /// An error that will not go better.
    pub fn permanent(error: impl Into<BoxError>) -> Self {
        Self::new(FailureKind::Permanent, error)
    }

    /// A refusal by a rule of the business.
    pub fn business(code: impl Into<Cow<'static, str>>, error: impl Into<BoxError>) -> Self {
        Self::new(FailureKind::Business, error).with_code(code)
    }

    /// An end of which nobody knows whether it took effect.
    pub fn in_doubt(error: impl Into<BoxError>) -> Self {
        Self::new(FailureKind::InDoubt, error)
    }

    /// An error of this kind.
    pub fn new(kind: FailureKind, error: impl Into<BoxError>) -> Self {
        Self(Box::new(Parts {
            kind,
            code: None,
            type_name: Cow::Borrowed("StepError"),
            source: error.into(),
        }))
    }

    /// The same error with a code that callers match on.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// The same error, said to be of this Rust type.
    #[must_use]
    pub fn with_type(mut self, type_name: impl Into<Cow<'static, str>>) -> Self {
        self.0.type_name = type_name.into();
        self
    }

    /// The kind of this error.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        self.0.kind
    }

    /// The code that callers match on.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The Rust type of the error as the step returned it.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.0.type_name
    }

    /// The error as the step returned it, where it still is of type `E`.
    #[must_use]
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        self.0.source.downcast_ref()
    }

    /// The error and all that caused it, in one line.
    #[must_use]
    pub fn message(&self) -> String {
        let mut message = self.0.source.to_string();
        let mut cause = self.0.source.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many errors print their source in their own text.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        message
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source.fmt(f)
    }
}

impl std::error::Error for StepError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.source()
    }
}

impl Failure for StepError {
    fn kind(&self) -> FailureKind {
        self.0.kind
    }

    fn code(&self) -> Option<Cow<'static, str>> {
        self.0.code.clone()
    }

    fn into_step_error(self) -> StepError {
        self
    }
}

impl Failure for std::convert::Infallible {
    fn kind(&self) -> FailureKind {
        match *self {}
    }
}

/// Classifies the error of a `Result`, so that `?` makes it a [`StepError`].
///
/// ```
/// use saga::{Classify, StepError};
///
/// fn read(path: &str) -> Result<String, StepError> {
///     Ok(std::fs::read_to_string(path).permanent()?)
/// }
/// assert!(read("/nowhere").is_err());
/// ```
pub trait Classify<T>: Sized {
    /// The error may go better soon.
    fn transient(self) -> Result<T, StepError>;
    /// The error will not go better.
    fn permanent(self) -> Result<T, StepError>;
    /// The error is a refusal by a rule of the business.
    fn business(self, code: impl Into<Cow<'static, str>>) -> Result<T, StepError>;
    /// Nobody knows whether it took effect.
    fn in_doubt(self) -> Result<T, StepError>;
}

impl<T, E: Into<BoxError>> Classify<T> for Result<T, E> {
    fn transient(self) -> Result<T, StepError> {
        self.map_err(|error| classified(FailureKind::Transient, error))
    }

    fn permanent(self) -> Result<T, StepError> {
        self.map_err(|error| classified(FailureKind::Permanent, error))
    }

    fn business(self, code: impl Into<Cow<'static, str>>) -> Result<T, StepError> {
        self.map_err(|error| classified(FailureKind::Business, error).with_code(code))
    }

    fn in_doubt(self) -> Result<T, StepError> {
        self.map_err(|error| classified(FailureKind::InDoubt, error))
    }
}

fn classified<E: Into<BoxError>>(kind: FailureKind, error: E) -> StepError {
    StepError::new(kind, error).with_type(std::any::type_name::<E>())
}
