//! The macros of the crate `saga`: parse → model → check → expand.
//!
//! `parse` turns tokens into what was written, `check` into a model of what is meant, and reports all mistakes at
//! once; `expand` turns a model into code, and cannot fail.

mod diagnostics;

mod model;

mod parse;

mod check;

mod expand;

use proc_macro::TokenStream;

/// Makes an `async fn` a step of a saga.
///
/// Its first parameter is the saga, `&Saga` or `&StepContext<Saga>`; then comes its data. It says how it is undone:
/// `compensate = f`, `compensate = f(output, parameter)`, `compensate = none`, `pivot` or `retriable`. Other options:
/// `timeout`, `retry`, `retry_if`, `verify`, `compensation(timeout, retry)`, `at_most_once`, `name`, `metadata(key =
/// "value")`, `crate = path`.
#[proc_macro_attribute]
pub fn step(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::step(options.into(), &item.into()).into()
}

/// Makes a struct a saga, and the struct's fields its services.
///
/// Options: `steps(a -> b(a, input) -> (c & d))`, `name`, `version`, `timeout`, `retry`, `compensation`, `crate = path`.
#[proc_macro_attribute]
pub fn saga(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::saga(options.into(), &item.into()).into()
}

/// Classifies an error type: `#[failure(transient)]`, `#[failure(permanent)]`, `#[failure(in_doubt)]`,
/// `#[failure(business = "CODE")]` or `#[failure(transparent)]` on each variant, or on the struct.
#[proc_macro_derive(Failure, attributes(failure))]
pub fn failure(item: TokenStream) -> TokenStream {
    expand::failure(item.into()).into()
}
