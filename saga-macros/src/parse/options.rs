//! `key`, `key = value`, `key(..)`: the options of an attribute.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, Ident, Token, token};

use crate::diagnostics::Mistakes;

/// The options of one attribute, in the order in which they were written.
pub(crate) struct Options(Vec<OptionItem>);

struct OptionItem {
    key: Ident,
    value: OptionValue,
}

/// What stands behind an option's key.
enum OptionValue {
    /// Nothing.
    Flag,
    /// `= value`.
    Value(Box<Expr>),
    /// `(..)`.
    List(TokenStream),
}

impl Options {
    /// Reads the options of a `#[step(..)]`, a `#[saga(..)]`, or another `owner`; reports keys that are not among
    /// `known`, and doubled ones.
    pub(crate) fn read(
        owner: &'static str,
        known: &[&str],
        tokens: TokenStream,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut items: Vec<OptionItem> = Vec::new();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let item: OptionItem = input.parse()?;
                if !known.iter().any(|known| item.key == known) {
                    let list: Vec<_> = known.iter().map(|known| format!("`{known}`")).collect();
                    let message = format!("unknown option `{}`; {owner} has: {}", item.key, list.join(", "));
                    mistakes.at(&item.key, message);
                } else if items.iter().any(|earlier| earlier.key == item.key) {
                    mistakes.at(&item.key, format!("`{}` is given twice", item.key));
                } else {
                    items.push(item);
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        let parsed = parser.parse2(tokens);
        mistakes.keep(parsed);
        Self(items)
    }

    /// Whether an option of this key was written, whatever is wrong with it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|item| item.key == key)
    }

    /// Takes out the option of this key.
    fn take(&mut self, key: &str) -> Option<OptionItem> {
        let at = self.0.iter().position(|item| item.key == key)?;
        Some(self.0.remove(at))
    }

    /// The key of a flag.
    pub(crate) fn flag(&mut self, key: &str, mistakes: &mut Mistakes) -> Option<Ident> {
        let item = self.take(key)?;
        if !matches!(item.value, OptionValue::Flag) {
            mistakes.at(&item.key, format!("`{key}` takes no value"));
        }
        Some(item.key)
    }

    /// The value of `key = value`.
    pub(crate) fn value(&mut self, key: &str, mistakes: &mut Mistakes) -> Option<Expr> {
        let item = self.take(key)?;
        match item.value {
            OptionValue::Value(value) => Some(*value),
            OptionValue::Flag | OptionValue::List(_) => {
                mistakes.at(&item.key, format!("write `{key} = ..`"));
                None
            }
        }
    }

    /// The value of `key = value`, parsed again as a `T`.
    pub(crate) fn parsed<T: Parse>(&mut self, key: &str, what: &str, mistakes: &mut Mistakes) -> Option<T> {
        let value = self.value(key, mistakes)?;
        let parsed = syn::parse2(value.to_token_stream());
        if parsed.is_err() {
            mistakes.at(&value, format!("`{key}` is {what}"));
        }
        parsed.ok()
    }

    /// The tokens of `key(..)`.
    pub(crate) fn list(&mut self, key: &str, mistakes: &mut Mistakes) -> Option<(Ident, TokenStream)> {
        let item = self.take(key)?;
        match item.value {
            OptionValue::List(tokens) => Some((item.key, tokens)),
            OptionValue::Flag | OptionValue::Value(_) => {
                mistakes.at(&item.key, format!("write `{key}(..)`"));
                None
            }
        }
    }

    /// Where the library is found: `crate = path`, else `::saga`.
    pub(crate) fn library(&mut self, mistakes: &mut Mistakes) -> syn::Path {
        let what = "the path of the library, such as `crate = my_saga`";
        self.parsed("crate", what, mistakes).unwrap_or_else(|| syn::parse_quote!(::saga))
    }
}

impl Parse for OptionItem {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            OptionValue::Value(input.parse()?)
        } else if input.peek(token::Paren) {
            let content;
            syn::parenthesized!(content in input);
            OptionValue::List(content.parse()?)
        } else {
            OptionValue::Flag
        };
        Ok(Self { key, value })
    }
}
