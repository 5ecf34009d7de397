//! A saga and its options.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Field, GenericParam, Generics, Ident, ItemStruct, LitInt, LitStr, Member, Path, Type, Visibility};

use super::flow::flow;
use super::item::{description, kebab_case};
use super::step::is_saga;
use crate::diagnostics::Mistakes;
use crate::model::Saga;
use crate::parse::{Options, parse_flow};

/// A saga, or what is left of one whose flow cannot be read.
pub(crate) enum CheckedSaga {
    Known(Box<Saga>),
    Stub { library: Path, visibility: Visibility, ident: Ident, generics: Generics },
}

const KNOWN: [&str; 7] = ["steps", "name", "version", "timeout", "retry", "compensation", "crate"];

/// What a `#[saga(..)]` struct means.
pub(crate) fn saga(options: TokenStream, item: &ItemStruct, mistakes: &mut Mistakes) -> CheckedSaga {
    let mut options = Options::read("a saga", &KNOWN, options, mistakes);
    for attribute in item.attrs.iter().filter(|attribute| is_saga(attribute)) {
        mistakes
            .at(attribute, format!("`{}` is marked as a saga twice: give it one `#[saga(..)]`", item.ident));
    }
    let library = options.library(mistakes);
    let ItemStruct { ident, generics, vis: visibility, .. } = item;
    for parameter in &generics.params {
        if let GenericParam::Lifetime(lifetime) = parameter {
            mistakes
                .at(lifetime, format!("saga `{ident}` outlives whoever starts it: it must own its services"));
        }
    }
    let name = options.parsed::<LitStr>("name", "a text, such as `name = \"order\"`", mistakes);
    if let Some(empty) = name.as_ref().filter(|name| name.value().is_empty()) {
        mistakes.at(empty, "the name of a saga is not empty: it is found by it");
    }
    let version = options.parsed::<LitInt>("version", "a number from 1, such as `version = 2`", mistakes);
    let version = version.map_or(1, |version| match version.base10_parse::<u32>() {
        Ok(number) if number > 0 => number,
        _ => {
            mistakes.at(version, "a version is a number from 1");
            1
        }
    });
    let timeout = options.value("timeout", mistakes);
    let retry = options.value("retry", mistakes);
    let compensation = options.value("compensation", mistakes);
    let has_flow = options.has("steps");
    let parsed = if let Some((key, tokens)) = options.list("steps", mistakes) {
        parse_flow(tokens, key.span(), mistakes)
    } else if has_flow {
        None
    } else {
        mistakes.at(ident, format!("saga `{ident}` has no steps: `#[saga(steps(first -> second))]`"));
        None
    };
    let borrows = generics.lifetimes().next().is_some();
    let Some(parsed) = parsed.filter(|_| !borrows) else {
        return CheckedSaga::Stub {
            library,
            visibility: visibility.clone(),
            ident: ident.clone(),
            generics: generics.clone(),
        };
    };
    let (steps, stages) = flow(parsed, mistakes);
    CheckedSaga::Known(Box::new(Saga {
        library,
        visibility: visibility.clone(),
        generics: generics.clone(),
        description: description(&item.attrs),
        name: name.map_or_else(|| kebab_case(&ident.to_string()), |name| name.value()),
        ident: ident.clone(),
        version,
        timeout,
        retry,
        compensation,
        steps,
        stages,
        services: item.fields.members().zip(&item.fields).map(service).collect(),
    }))
}

fn service((member, field): (Member, &Field)) -> (String, Type) {
    (member.to_token_stream().to_string(), field.ty.clone())
}
