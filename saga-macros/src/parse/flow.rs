//! `a -> b(a, input) -> (c & d as e)`: the flow of a saga, as it is written.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Ident, Path, Token, token};

use crate::diagnostics::Mistakes;

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

/// Reads the tokens in `steps(..)`; `at` is where a missing step is reported. Where it is clear what was meant, a
/// mistake is reported and reading goes on, so that the rest of the flow is checked too.
pub(crate) fn parse_flow(tokens: TokenStream, at: Span, mistakes: &mut Mistakes) -> Option<Flow> {
    if tokens.is_empty() {
        mistakes.add(syn::Error::new(at, "the flow is empty: name the steps, `steps(first -> second)`"));
        return None;
    }
    let parsed = (|input: ParseStream<'_>| stages(input, mistakes)).parse2(tokens);
    mistakes.keep(parsed).map(|stages| Flow { stages })
}

fn stages(input: ParseStream<'_>, mistakes: &mut Mistakes) -> syn::Result<Vec<Vec<Branch>>> {
    let mut stages = vec![stage(input)?];
    while !input.is_empty() {
        if input.peek(Token![->]) {
            let arrow: Token![->] = input.parse()?;
            if input.is_empty() {
                mistakes.at(arrow, "expected a step after `->`");
                break;
            }
            stages.push(stage(input)?);
        } else if input.peek(Token![&]) {
            let and: Token![&] = input.parse()?;
            mistakes.at(and, "parallel steps stand in parentheses: `(first & second)`");
            if let Some(last) = stages.last_mut() {
                last.extend(stage(input)?);
            }
        } else if input.peek(Token![,]) {
            let comma: Token![,] = input.parse()?;
            mistakes.at(comma, "expected `->` between two steps, or `&` between parallel ones");
            if !input.is_empty() {
                stages.push(stage(input)?);
            }
        } else {
            mistakes.add(input.error("expected `->` and the next step"));
            // What has been read is checked.
            input.parse::<TokenStream>()?;
        }
    }
    Ok(stages)
}

/// A step, or parallel ones in parentheses.
fn stage(input: ParseStream<'_>) -> syn::Result<Vec<Branch>> {
    if !input.peek(token::Paren) {
        return Ok(vec![input.parse()?]);
    }
    let content;
    syn::parenthesized!(content in input);
    let mut branches = vec![content.parse()?];
    while !content.is_empty() {
        if content.peek(Token![->]) {
            let message = "a parallel branch is one step: a saga's stages run one after the other";
            return Err(content.error(message));
        }
        if !content.peek(Token![&]) {
            return Err(content.error("expected `&` between two parallel steps"));
        }
        content.parse::<Token![&]>()?;
        branches.push(content.parse()?);
    }
    Ok(branches)
}

impl Parse for Branch {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let starts_path = input.peek(Token![::]) || input.peek(Ident::peek_any);
        if !starts_path {
            return Err(input.error("expected the path of a step"));
        }
        let path = input.call(Path::parse_mod_style)?;
        let mut sources = parse_sources(input)?;
        let mut name = path.segments.last().map(|segment| segment.ident.clone());
        if input.peek(Token![as]) {
            input.parse::<Token![as]>()?;
            name = Some(ident(input, "expected a new name for the step after `as`")?);
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
    let expected = "a source is `input` or the name of an earlier step: a step takes all of an output";
    let mut names = Vec::new();
    while !content.is_empty() {
        names.push(SourceName(ident(&content, expected)?));
        if content.is_empty() {
            break;
        }
        if !content.peek(Token![,]) {
            return Err(content.error(expected));
        }
        content.parse::<Token![,]>()?;
    }
    Ok(Some(names))
}

fn ident(input: ParseStream<'_>, expected: &str) -> syn::Result<Ident> {
    if input.peek(Ident) { input.parse() } else { Err(input.error(expected)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flow as it was read, written again, and how many mistakes were reported.
    fn read(text: &str) -> (Option<String>, usize) {
        let mut mistakes = Mistakes::default();
        let tokens = text.parse().expect("the texts of these tests are tokens");
        let flow = parse_flow(tokens, Span::call_site(), &mut mistakes);
        (flow.map(|flow| write(&flow)), mistakes.count())
    }

    fn write(flow: &Flow) -> String {
        let stage = |stage: &Vec<Branch>| match &stage[..] {
            [one] => branch(one),
            many => format!("({})", many.iter().map(branch).collect::<Vec<_>>().join(" & ")),
        };
        flow.stages.iter().map(stage).collect::<Vec<_>>().join(" -> ")
    }

    fn branch(branch: &Branch) -> String {
        let path: Vec<_> = branch.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let sources = branch.sources.as_ref().map_or_else(String::new, |sources| {
            let names: Vec<_> = sources.iter().map(|SourceName(name)| name.to_string()).collect();
            format!("({})", names.join(", "))
        });
        let renamed = if path.last().is_some_and(|last| branch.name == last) {
            String::new()
        } else {
            format!(" as {}", branch.name)
        };
        format!("{}{sources}{renamed}", path.join("::"))
    }

    #[test]
    fn a_flow_is_read_as_it_is_written() {
        let flows = [
            "a",
            "a -> b -> c",
            "a -> (b & c) -> d(b, c)",
            "(a & b(input)) -> c",
            "shop::steps::a -> b(a, input) as again -> c()",
            "a -> (b(a) as left & b(a) as right)",
        ];
        for flow in flows {
            assert_eq!(read(flow), (Some(flow.to_owned()), 0));
        }
    }

    #[test]
    fn sources_may_stand_behind_the_new_name() {
        assert_eq!(read("a -> b as again(a, input)"), (Some("a -> b(a, input) as again".to_owned()), 0));
    }

    #[test]
    fn where_it_is_clear_what_was_meant_the_rest_is_read_too() {
        let mistaken = [
            ("a, b", "a -> b", 1),
            ("a -> b & c -> d", "a -> (b & c) -> d", 1),
            ("a ->", "a", 1),
            ("a, b, c & d ->", "a -> b -> (c & d)", 4),
            ("a b -> c", "a", 1),
        ];
        for (flow, meant, mistakes) in mistaken {
            assert_eq!(read(flow), (Some(meant.to_owned()), mistakes), "{flow}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_in_words_about_flows() {
        let told = [
            ("\"a\" -> b", "expected the path of a step"),
            ("a -> &b", "expected the path of a step"),
            ("(a & (b & c))", "expected the path of a step"),
            ("a -> (b && c)", "expected the path of a step"),
            ("a -> ()", "expected the path of a step"),
            ("a -> (b, c)", "expected `&` between two parallel steps"),
            ("a -> (b | c)", "expected `&` between two parallel steps"),
            ("a -> b(&a)", "a source is `input` or the name"),
            ("a -> b(a.id)", "a source is `input` or the name"),
            ("a -> b(self::a)", "a source is `input` or the name"),
            ("a(input.clone())", "a source is `input` or the name"),
            ("a as \"b\"", "expected a new name"),
            ("a as type", "expected a new name"),
        ];
        for (flow, told) in told {
            let mut mistakes = Mistakes::default();
            let tokens = flow.parse().expect("the texts of these tests are tokens");
            parse_flow(tokens, Span::call_site(), &mut mistakes);
            let texts = mistakes.texts();
            assert!(matches!(&texts[..], [one] if one.contains(told)), "{flow}: {texts:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_one_mistake() {
        for flow in ["", "-> a", "(a -> b)", "a -> (b c)", "a(1)", "()", "a as", "a -> ()"] {
            assert_eq!(read(flow), (None, 1), "{flow}");
        }
    }
}
