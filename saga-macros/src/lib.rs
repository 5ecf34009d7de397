//! The macros of the crate `saga`.

use proc_macro::TokenStream;

/// Makes an `async fn` a step.
#[proc_macro_attribute]
pub fn step(_options: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Makes a struct a saga.
#[proc_macro_attribute]
pub fn saga(_options: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Classifies an error type.
#[proc_macro_derive(Failure, attributes(failure))]
pub fn failure(_item: TokenStream) -> TokenStream {
    TokenStream::new()
}
