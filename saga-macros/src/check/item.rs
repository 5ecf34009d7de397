//! What structs and functions have in common.

use syn::{Attribute, Expr, Lit, Meta};

/// The doc comment, line by line as it was written, without the space that follows `///`.
pub(super) fn description(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> =
        lines.map(|line| line.strip_prefix(' ').map_or(line.clone(), str::to_owned)).collect();
    lines.join("\n").trim().to_owned()
}

/// `OrderProcessing` as `order-processing`.
pub(super) fn kebab_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    let mut rest = name.chars().peekable();
    while let Some(letter) = rest.next() {
        let starts_word = match before {
            None | Some('_') => false,
            Some(before) if before.is_uppercase() => {
                letter.is_uppercase() && rest.peek().is_some_and(|next| next.is_lowercase())
            }
            Some(_) => letter.is_uppercase(),
        };
        if starts_word || letter == '_' {
            text.push('-');
        }
        if letter != '_' {
            text.extend(letter.to_lowercase());
        }
        before = Some(letter);
    }
    text
}

/// `create_order` as `CreateOrder`.
pub(crate) fn camel_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('_').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_their_case() {
        let kebab = [("OrderProcessing", "order-processing"), ("HTTPCall", "http-call"), ("A_b", "a-b")];
        for (name, expected) in kebab {
            assert_eq!(kebab_case(name), expected);
        }
        assert_eq!(camel_case("create_order"), "CreateOrder");
        assert_eq!(camel_case("_x2"), "X2");
    }
}
