//! An error type.

use syn::{Generics, Ident, Path};

use crate::parse::Class;

/// A classified error type.
pub(crate) struct ErrorType {
    /// Where the library is found.
    pub(crate) library: Path,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) variants: Vec<Variant>,
}

/// A variant of an enum, or a struct as a whole.
pub(crate) struct Variant {
    /// `Some` for a variant.
    pub(crate) ident: Option<Ident>,
    pub(crate) class: Class,
    /// The member that holds the source of a transparent one, and its type.
    pub(crate) source: Option<(syn::Member, syn::Type)>,
}
