//! A step.

use proc_macro2::{Span, TokenStream};
use syn::{Expr, ExprPath, Generics, Ident, Path, Type, Visibility, token};

/// A function that is a step, with its options.
pub(crate) struct Step {
    /// Where the library is found.
    pub(crate) library: Path,
    pub(crate) visibility: Visibility,
    pub(crate) ident: Ident,
    /// The doc comment.
    pub(crate) description: String,
    /// Its name in the saga, unless the flow gives another.
    pub(crate) name: String,
    pub(crate) signature: Signature,
    pub(crate) undo: Undo,
    pub(crate) verify: Option<ExprPath>,
    pub(crate) at_most_once: bool,
    pub(crate) timeout: Option<Expr>,
    pub(crate) retry: Option<Expr>,
    pub(crate) retry_if: Option<Expr>,
    pub(crate) undo_timeout: Option<Expr>,
    pub(crate) undo_retry: Option<Expr>,
    pub(crate) metadata: Vec<(String, TokenStream)>,
    /// Whether it can be called; its types are known in any case.
    pub(crate) is_callable: bool,
}

/// What a step takes and returns.
pub(crate) struct Signature {
    /// The type and const parameters, without lifetimes.
    pub(crate) generics: Generics,
    pub(crate) saga: Type,
    pub(crate) passes: Passes,
    /// Whether the saga is a type parameter of the step.
    pub(crate) is_shared: bool,
    pub(crate) data: Vec<Datum>,
    pub(crate) returns: Returns,
}

/// What the function's first parameter gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passes {
    /// The context, which coerces to the saga where that is what is asked for.
    Context,
    /// The saga: the parameter's type is the step's own type parameter, to which nothing coerces.
    Saga,
}

/// A data parameter.
pub(crate) struct Datum {
    /// Its name, where it has one.
    pub(crate) name: Option<Ident>,
    /// Its type, without the reference.
    pub(crate) ty: Type,
    pub(crate) by_value: bool,
}

/// What a step returns.
pub(crate) enum Returns {
    /// `Result<output, error>`.
    Result {
        /// The output.
        output: Box<Type>,
        /// The error.
        error: Box<Type>,
    },
    /// Some other type, most likely an alias of a `Result`.
    Alias {
        /// The type.
        ty: Box<Type>,
        /// What the step most likely makes, if it is none.
        guess: Box<Type>,
        /// Whether the compiler can be asked what it is: the question cannot name a type parameter.
        can_be_asked: bool,
    },
}

/// How a step stands to its undoing.
pub(crate) enum Undo {
    /// It has a compensation, which takes these.
    Compensate(Compensation),
    Nothing,
    Pivot,
    Retriable,
}

/// A compensation, and what it is called with.
pub(crate) struct Compensation {
    pub(crate) path: ExprPath,
    /// With the span of the name that stands for it.
    pub(crate) taken: Vec<(Taken, Span)>,
    /// The parentheses around them, if they are written.
    pub(crate) parentheses: Option<token::Paren>,
}

/// What a compensation takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Output,
    /// The data parameter with this index.
    Datum(usize),
}
