//! Models become code.

mod ask;
mod calls;
mod checks;
mod definition;
mod failure;
mod links;
mod names;
mod policy;
mod saga;
mod step;
mod stub;
mod words;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Ident, ItemFn, ItemStruct, Path, Type};

use crate::check::{self, CheckedSaga, CheckedStep};
use crate::diagnostics::Mistakes;
use crate::model::Saga;

/// The function as it was written, beside it the type that stands for the step, and the mistakes.
pub(crate) fn step(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let mut function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(error) => return beside(item, &error.to_compile_error()),
    };
    let step = match check::step(options, &function, &mut mistakes) {
        CheckedStep::Known(model) => step::expand(&model),
        // Nothing can stand beside a method.
        CheckedStep::Method => TokenStream::new(),
        CheckedStep::Stub { library, visibility, ident } => stub::step(&library, &visibility, &ident),
    };
    let errors = mistakes.to_items();
    let is_marked_again = function.attrs.iter().any(check::is_step);
    function.attrs.retain(|attribute| !check::is_step(attribute));
    let item = if is_marked_again { &function.to_token_stream() } else { item };
    // What a step takes and that it is `async` is the flow's wish, and not the function's.
    quote! {
        #[allow(clippy::ptr_arg, clippy::trivially_copy_pass_by_ref, clippy::unused_async)]
        #item
        #step
        #errors
    }
}

/// The struct as it was written, its outputs and step names, what makes it a saga, and the mistakes.
pub(crate) fn saga(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let mut parsed = match syn::parse2::<ItemStruct>(item.clone()) {
        Ok(parsed) => parsed,
        Err(error) => return beside(item, &error.to_compile_error()),
    };
    let saga = match check::saga(options, &parsed, &mut mistakes) {
        CheckedSaga::Known(model) => saga::expand(&model, mistakes.count() == 0),
        CheckedSaga::Stub { library, visibility, ident, generics } => {
            stub::saga(&library, &visibility, &ident, &generics)
        }
    };
    let errors = mistakes.to_items();
    let is_marked_again = parsed.attrs.iter().any(check::is_saga);
    parsed.attrs.retain(|attribute| !check::is_saga(attribute));
    let item = if is_marked_again { &parsed.to_token_stream() } else { item };
    quote! { #item #saga #errors }
}

/// The classification of an error type, and the mistakes.
pub(crate) fn failure(item: TokenStream) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let input = match syn::parse2::<DeriveInput>(item) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let model = check::failure(&input, &mut mistakes);
    beside(&model.as_ref().map(failure::expand).unwrap_or_default(), &mistakes.to_items())
}

fn beside(item: &TokenStream, errors: &TokenStream) -> TokenStream {
    quote! { #item #errors }
}

/// Generated code at the user's token, whose locals the user's names cannot meet.
fn located(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// A local of ours, shown at the user's token. All of one saga have one scope: where a saga is written by a macro, its
/// struct and its steps may be tokens of several.
fn local(saga: &Saga, name: &str, at: Span) -> Ident {
    Ident::new(name, saga.ident.span().located_at(at))
}

/// The library's path at this place: one token of the attribute among those of a type, and what is said of that type
/// is said of the whole attribute.
fn library_at(written: &Path, span: Span) -> TokenStream {
    // The path that nobody wrote is found from everywhere; another one from where it was written.
    if written.to_token_stream().to_string() == ":: saga" {
        quote_spanned!(span=> ::saga)
    } else {
        at(span, written)
    }
}

/// The same tokens at another place.
fn at(span: Span, tokens: impl ToTokens) -> TokenStream {
    let moved = tokens.to_token_stream().into_iter().map(|token| match token {
        TokenTree::Group(group) => {
            let mut moved = Group::new(group.delimiter(), at(span, group.stream()));
            moved.set_span(span);
            TokenTree::Group(moved)
        }
        mut token => {
            token.set_span(token.span().located_at(span));
            token
        }
    });
    moved.collect()
}

/// Where a type is named. One token of it: more can't be told to the compiler.
fn type_span(ty: &Type) -> Span {
    match ty {
        Type::Path(path) => path.path.segments.last().map_or_else(|| ty.span(), |last| last.ident.span()),
        _ => ty.span(),
    }
}
