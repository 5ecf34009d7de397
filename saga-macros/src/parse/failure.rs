//! `#[failure(..)]`: how an error, or a variant of one, is classified.

use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, LitStr, Path, Token};

use crate::diagnostics::Mistakes;

/// What an error says about its step's effect.
pub(crate) enum Class {
    Transient,
    Permanent,
    InDoubt,
    /// With its code.
    Business(LitStr),
    /// As its source says.
    Transparent,
}

/// What one `#[failure(..)]` may hold.
enum Item {
    Class(Ident, Class),
    Library(Path),
}

/// The class in the `#[failure(..)]` attributes of one item, and the path of the library, if one is given.
pub(crate) fn classes(attributes: &[Attribute], mistakes: &mut Mistakes) -> (Option<Class>, Option<Path>) {
    let (mut class, mut library) = (None, None);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("failure")) {
        let items =
            attribute.parse_args_with(syn::punctuated::Punctuated::<Item, Token![,]>::parse_terminated);
        for item in mistakes.keep(items).into_iter().flatten() {
            match item {
                Item::Library(path) => library = Some(path),
                Item::Class(key, _) if class.is_some() => {
                    mistakes.at(key, "an error is of one kind: this is the second");
                }
                Item::Class(_, found) => class = Some(found),
            }
        }
    }
    (class, library)
}

const KINDS: &str = "expected `transient`, `permanent`, `in_doubt`, `business = \"CODE\"` or `transparent`";

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Token![crate]) {
            input.parse::<Token![crate]>()?;
            input.parse::<Token![=]>()?;
            return Ok(Self::Library(input.call(Path::parse_mod_style)?));
        }
        if !input.peek(Ident) {
            return Err(input.error(KINDS));
        }
        let key: Ident = input.parse()?;
        let class = match key.to_string().as_str() {
            "transient" => Class::Transient,
            "permanent" => Class::Permanent,
            "in_doubt" => Class::InDoubt,
            "transparent" => Class::Transparent,
            "business" => {
                let missing = "a business failure has a code that callers match on: `business = \"CODE\"`";
                if !input.peek(Token![=]) {
                    return Err(syn::Error::new_spanned(key, missing));
                }
                input.parse::<Token![=]>()?;
                if !input.peek(LitStr) {
                    return Err(
                        input.error("the code of a business failure is a text: `business = \"CODE\"`")
                    );
                }
                Class::Business(input.parse()?)
            }
            other => {
                let message = format!("unknown kind `{other}`; {KINDS}");
                return Err(syn::Error::new_spanned(key, message));
            }
        };
        Ok(Self::Class(key, class))
    }
}
