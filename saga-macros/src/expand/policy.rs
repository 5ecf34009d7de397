//! Option values: ordinary expressions with the policies in scope.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Lit, Path};

use crate::check::calls;

/// The value, with `saga::policy::*` in scope.
pub(super) fn value(library: &Path, value: &Expr) -> TokenStream {
    quote! {{
        #[allow(unused_imports, clippy::wildcard_imports)]
        use #library::policy::*;
        #value
    }}
}

/// `Some(value)` where there is a value.
pub(super) fn optional(library: &Path, given: Option<&Expr>) -> TokenStream {
    match given {
        Some(given) => {
            let value = value(library, given);
            quote!(::core::option::Option::Some(#value))
        }
        None => quote!(::core::option::Option::None),
    }
}

/// The duration, as a constant, where it is written so that it surely is one: `secs(5)`.
pub(super) fn constant(library: &Path, given: Option<&Expr>) -> TokenStream {
    optional(library, given.filter(|given| is_constant(given)))
}

fn is_constant(given: &Expr) -> bool {
    let Expr::Call(call) = given else { return false };
    let is_literal =
        |argument: &Expr| matches!(argument, Expr::Lit(literal) if matches!(literal.lit, Lit::Int(_)));
    let units = ["millis", "secs", "minutes", "hours", "days", "from_secs", "from_millis"];
    units.iter().any(|unit| calls(given, unit)) && call.args.len() == 1 && call.args.iter().all(is_literal)
}
