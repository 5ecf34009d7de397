//! `a -> b(a, input) -> (c & d as e)`: the flow of a saga, as it is written.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, Path, Token, token};

/// Stages, one after the other.
pub(crate) struct Flow {
    pub(crate) stages: Vec<Vec<Branch>>,
}

/// One step in its place.
pub(crate) struct Branch {
    /// The path of the `#[step]` function.
    pub(crate) path: Path,
    /// Its name in the flow.
    pub(crate) name: Ident,
    /// Where its data comes from, if that is written.
    pub(crate) sources: Option<Vec<SourceName>>,
}

/// `input`, or the name of a step.
pub(crate) struct SourceName(pub(crate) Ident);

/// Reads the tokens in `steps(..)`; `at` is where an empty flow is reported.
pub(crate) fn parse_flow(tokens: TokenStream, at: Span) -> syn::Result<Flow> {
    if tokens.is_empty() {
        return Err(syn::Error::new(at, "the flow is empty: name the steps, `steps(first -> second)`"));
    }
    let stages = Punctuated::<Stage, Token![->]>::parse_separated_nonempty;
    let parser = |input: ParseStream<'_>| {
        let stages = stages(input)?;
        if input.is_empty() {
            return Ok(stages);
        }
        let help = if input.peek(Token![&]) {
            "parallel steps stand in parentheses: `(first & second)`"
        } else {
            "expected `->` and the next step"
        };
        Err(input.error(help))
    };
    let stages = parser.parse2(tokens)?.into_iter().map(|stage| stage.0).collect();
    Ok(Flow { stages })
}

struct Stage(Vec<Branch>);

impl Parse for Stage {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !input.peek(token::Paren) {
            return Ok(Self(vec![input.parse()?]));
        }
        let content;
        syn::parenthesized!(content in input);
        let mut branches = vec![content.parse()?];
        while !content.is_empty() {
            if content.peek(Token![->]) {
                let message = "a parallel branch is one step: a saga's stages run one after the other";
                return Err(content.error(message));
            }
            content.parse::<Token![&]>()?;
            branches.push(content.parse()?);
        }
        Ok(Self(branches))
    }
}

impl Parse for Branch {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let path = input.call(Path::parse_mod_style)?;
        let mut sources = parse_sources(input)?;
        let mut name = path.segments.last().map(|segment| segment.ident.clone());
        if input.peek(Token![as]) {
            input.parse::<Token![as]>()?;
            name = Some(input.parse()?);
            if sources.is_none() {
                sources = parse_sources(input)?;
            }
        }
        let name = name.ok_or_else(|| input.error("expected the path of a step"))?;
        Ok(Self { path, name, sources })
    }
}

fn parse_sources(input: ParseStream<'_>) -> syn::Result<Option<Vec<SourceName>>> {
    if !input.peek(token::Paren) {
        return Ok(None);
    }
    let content;
    syn::parenthesized!(content in input);
    let names = content.parse_terminated(Ident::parse, Token![,])?;
    Ok(Some(names.into_iter().map(SourceName).collect()))
}
