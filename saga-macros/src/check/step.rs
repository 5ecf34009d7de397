//! A step and its options.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, ExprPath, Ident, ItemFn, LitStr, Path, Visibility};

use super::item::description;
use super::signature::signature;
use crate::diagnostics::Mistakes;
use crate::model::{Compensation, Signature, Step, Taken, Undo};
use crate::parse::Options;

/// A step, or what is left of one that has a mistake in its signature.
pub(crate) enum CheckedStep {
    /// What it takes and makes is known.
    Known(Box<Step>),
    /// It is no free function.
    Method,
    Stub {
        library: Path,
        visibility: Visibility,
        ident: Ident,
    },
}

const KNOWN: [&str; 12] = [
    "compensate",
    "pivot",
    "retriable",
    "timeout",
    "retry",
    "retry_if",
    "verify",
    "compensation",
    "at_most_once",
    "name",
    "metadata",
    "crate",
];

/// What a `#[step(..)]` function means.
pub(crate) fn step(options: TokenStream, function: &ItemFn, mistakes: &mut Mistakes) -> CheckedStep {
    let mut options = Options::read("a step", &KNOWN, options, mistakes);
    for attribute in function.attrs.iter().filter(|attribute| is_step(attribute)) {
        let message =
            format!("`{}` is marked as a step twice: give it one `#[step(..)]`", function.sig.ident);
        mistakes.at(attribute, message);
    }
    let library = options.library(mistakes);
    let ident = function.sig.ident.clone();
    let visibility = function.vis.clone();
    let signature = signature(function, mistakes);
    let undo = undo(&mut options, &ident, signature.as_ref().map(|(signature, _)| signature), mistakes);
    let (undo_timeout, undo_retry) = compensation(&mut options, &undo, &ident, mistakes);
    let retry = options.value("retry", mistakes);
    if let (Undo::Retriable, Some(retry)) = (&undo, &retry)
        && calls(retry, "no_retry")
    {
        let message =
            format!("step `{ident}` is retriable, driven until it succeeds: it cannot have `no_retry`");
        mistakes.at(retry, message);
    }
    let name = options.parsed::<LitStr>("name", "a text, such as `name = \"charge\"`", mistakes);
    if let Some(empty) = name.as_ref().filter(|name| name.value().is_empty()) {
        mistakes.at(empty, "the name of a step is not empty: it is found by it");
    }
    let verify = options.parsed::<ExprPath>("verify", "the path of an `async fn`", mistakes);
    let at_most_once = options.flag("at_most_once", mistakes).is_some();
    let timeout = options.value("timeout", mistakes);
    let retry_if = options.value("retry_if", mistakes);
    let metadata = metadata(&mut options, mistakes);
    let Some((signature, is_callable)) = signature else {
        if function.sig.receiver().is_some() {
            return CheckedStep::Method;
        }
        return CheckedStep::Stub { library, visibility, ident };
    };
    CheckedStep::Known(Box::new(Step {
        library,
        visibility,
        description: description(&function.attrs),
        name: name.map_or_else(|| ident.unraw().to_string(), |name| name.value()),
        ident,
        signature,
        undo,
        verify,
        at_most_once,
        timeout,
        retry,
        retry_if,
        undo_timeout,
        undo_retry,
        metadata,
        is_callable,
    }))
}

/// Whether the function is marked again. Only the first mark is looked into: two would make two types of one name.
pub(crate) fn is_step(attribute: &Attribute) -> bool {
    is_named(attribute, "step")
}

/// The same of a struct.
pub(crate) fn is_saga(attribute: &Attribute) -> bool {
    is_named(attribute, "saga")
}

fn is_named(attribute: &Attribute, name: &str) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == name)
}

/// Exactly one of `compensate`, `pivot` and `retriable`.
fn undo(options: &mut Options, step: &Ident, signature: Option<&Signature>, mistakes: &mut Mistakes) -> Undo {
    let says_nothing = !options.has("compensate");
    let compensate = options.value("compensate", mistakes);
    let pivot = options.flag("pivot", mistakes);
    let retriable = options.flag("retriable", mistakes);
    let given: Vec<TokenStream> =
        [compensate.to_token_stream(), pivot.to_token_stream(), retriable.to_token_stream()]
            .into_iter()
            .filter(|tokens| !tokens.is_empty())
            .collect();
    if let [_, second, ..] = &given[..] {
        let message =
            format!("step `{step}` has one of `compensate`, `pivot` and `retriable`: this is the second");
        mistakes.at(second, message);
    }
    match (compensate, pivot, retriable) {
        (Some(compensate), _, _) => compensated_by(compensate, step, signature, mistakes),
        (None, Some(_), _) => Undo::Pivot,
        (None, None, Some(_)) => Undo::Retriable,
        (None, None, None) if says_nothing => {
            let message = format!(
                "step `{step}` doesn't say how it is undone: `compensate = ..`, `compensate = none`, `pivot` or `retriable`"
            );
            mistakes.at(step, message);
            Undo::Nothing
        }
        // What was wrong with the option has been said.
        (None, None, None) => Undo::Nothing,
    }
}

fn compensated_by(
    compensate: Expr,
    step: &Ident,
    signature: Option<&Signature>,
    mistakes: &mut Mistakes,
) -> Undo {
    match compensate {
        Expr::Path(path) if path.path.is_ident("none") => Undo::Nothing,
        Expr::Path(path) => {
            let span = path.path.segments.last().map_or_else(|| step.span(), |last| last.ident.span());
            Undo::Compensate(Compensation { path, taken: vec![(Taken::Output, span)], parentheses: None })
        }
        Expr::Call(call) => {
            let Expr::Path(path) = *call.func else {
                mistakes.at(call.func, "`compensate` names an `async fn`");
                return Undo::Nothing;
            };
            // All are looked up, so that all mistakes are reported.
            let taken: Vec<_> =
                call.args.iter().map(|argument| taken(argument, step, signature, mistakes)).collect();
            let parentheses = Some(call.paren_token);
            taken
                .into_iter()
                .collect::<Option<_>>()
                .map_or(Undo::Nothing, |taken| Undo::Compensate(Compensation { path, taken, parentheses }))
        }
        other => {
            let message = "`compensate` is the path of an `async fn`, such a path with what it takes, `cancel(output, order)`, or `none`";
            mistakes.at(other, message);
            Undo::Nothing
        }
    }
}

fn taken(
    argument: &Expr,
    step: &Ident,
    signature: Option<&Signature>,
    mistakes: &mut Mistakes,
) -> Option<(Taken, proc_macro2::Span)> {
    let ident = match argument {
        Expr::Path(path) => path.path.get_ident(),
        _ => None,
    };
    if let Some(ident) = ident.filter(|ident| *ident == "output") {
        return Some((Taken::Output, ident.span()));
    }
    let data = &signature?.data;
    let at = ident.and_then(|ident| data.iter().position(|datum| datum.name.as_ref() == Some(ident)));
    if let (Some(ident), Some(at)) = (ident, at) {
        return Some((Taken::Datum(at), ident.span()));
    }
    let names: Vec<String> = std::iter::once("`output`".to_owned())
        .chain(data.iter().filter_map(|datum| datum.name.as_ref()).map(|name| format!("`{name}`")))
        .collect();
    let (given, names) = (argument.to_token_stream(), names.join(", "));
    let message = format!("step `{step}` has no parameter `{given}`; its compensation can take: {names}");
    mistakes.at(argument, message);
    None
}

/// `compensation(timeout = .., retry = ..)`.
fn compensation(
    options: &mut Options,
    undo: &Undo,
    step: &Ident,
    mistakes: &mut Mistakes,
) -> (Option<Expr>, Option<Expr>) {
    let Some((key, tokens)) = options.list("compensation", mistakes) else { return (None, None) };
    if !matches!(undo, Undo::Compensate(..)) {
        mistakes.at(key, format!("step `{step}` has no compensation that this could be about"));
    }
    let mut options = Options::read("`compensation`", &["timeout", "retry"], tokens, mistakes);
    (options.value("timeout", mistakes), options.value("retry", mistakes))
}

/// `metadata(key = "value", ..)`.
fn metadata(options: &mut Options, mistakes: &mut Mistakes) -> Vec<(String, TokenStream)> {
    let Some((_, tokens)) = options.list("metadata", mistakes) else { return Vec::new() };
    let parser = syn::punctuated::Punctuated::<syn::MetaNameValue, syn::Token![,]>::parse_terminated;
    let pairs = syn::parse::Parser::parse2(parser, tokens.clone()).unwrap_or_else(|_| {
        mistakes.at(tokens, "metadata is pairs of a name and a text: `metadata(service = \"orders\")`");
        syn::punctuated::Punctuated::new()
    });
    let pair = |pair: syn::MetaNameValue| {
        let key: Vec<String> = pair.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        (key.join("."), pair.value.into_token_stream())
    };
    pairs.into_iter().map(pair).collect()
}

/// Whether `value` is a call of a function of this name.
pub(crate) fn calls(value: &Expr, name: &str) -> bool {
    let Expr::Call(call) = value else { return false };
    let Expr::Path(path) = &*call.func else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == name)
}
