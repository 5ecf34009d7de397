//! The links of a flow: each step takes what it is given, or the compiler says what does not fit.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Type};

use super::local;
use crate::model::{FlowStep, Saga, Source};

/// The name of the function that gathers a step's arguments.
pub(super) fn ident(step: &FlowStep) -> Ident {
    format_ident!("given_to_{}", step.text(), span = step.span())
}

/// The function that gathers the arguments of the step with this index from the input and the outputs so far.
///
/// What the step takes and what it is given meet in a trait that is named for the link and has one implementation:
/// for two equal types. Where they differ, its projection fails, with words of ours and at the user's token; and
/// what is made of a failed projection is never held against anything again, so there is just this one error.
pub(super) fn gather(saga: &Saga, index: usize, self_type: &Type, where_clause: &TokenStream) -> TokenStream {
    let step = &saga.steps[index];
    // A mistake in its sources has been reported.
    let Some(sources) = &step.sources else { return TokenStream::new() };
    let (library, function) = (&saga.library, ident(step));
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let generics = with_lifetime(&quote!(#impl_generics));
    let given: Vec<TokenStream> = sources.iter().map(|source| given_type(saga, *source, self_type)).collect();
    let values = sources.iter().map(|source| match source {
        Source::Input => {
            let span = saga.input().map_or_else(|| step.span(), |(step, _)| step.span());
            let call = local(saga, "__call", span);
            quote_spanned!(span=> #call.input)
        }
        Source::Step(index) => {
            let (name, span) = (&saga.steps[*index].name, saga.steps[*index].span());
            let call = local(saga, "__call", span);
            quote_spanned!(span=> #library::__private::given(&#call.slots.#name)?)
        }
    });
    let passed = quote_spanned!(step.span()=> (#(&'saga #given,)*));
    let given = match &given[..] {
        [one] => quote!(#one),
        many => quote!((#(#many),*)),
    };
    let link = link_ident(saga, step, sources);
    let (message, label) = words(saga, step, sources);
    let taken = step_type(saga, step, self_type, "Data");
    let certainty = certainty(saga, step, sources, self_type);
    let certainty =
        quote_spanned!(step.span()=> <#certainty as #library::__private::Certainty<#taken, #given>>);
    let arguments = arguments_type(saga, step, self_type);
    let pass = quote_spanned! {step.span()=>
        <<#taken as #link<#certainty::Given>>::Fit<#certainty::Fit> as #library::__private::Pass<#passed, #arguments>>::pass
    };
    let call = local(saga, "__call", step.span());
    let head = quote_spanned! {step.span()=>
        fn #function #generics(
            #call: &#library::__private::Call<'saga, #self_type>,
        ) -> ::core::result::Result<#arguments, #library::__private::StepError>
    };
    let words = quote! {
        #[diagnostic::on_unimplemented(message = #message, label = #label)]
        trait #link<Given> {
            type Fit<Right>;
        }
        #[diagnostic::do_not_recommend]
        impl<T> #link<T> for T {
            type Fit<Right> = Right;
        }
    };
    let body = quote_spanned! {step.span()=> {
        #words
        let __given = (#(#values,)*);
        ::core::result::Result::Ok(#pass(__given))
    }};
    quote! {
        #[allow(non_snake_case, unused_variables, clippy::all, clippy::pedantic, clippy::nursery)]
        #head #where_clause #body
    }
}

/// A type, function or constant of a step in this saga. All tokens stand at the step's place in the flow, here and below: what
/// the compiler says of one of them at several places is then one and the same, and said once.
pub(super) fn step_type(saga: &Saga, step: &FlowStep, self_type: &Type, name: &str) -> TokenStream {
    let (library, path) = (&saga.library, at(step.span(), &step.path));
    let (self_type, name) = (at(step.span(), self_type), Ident::new(name, step.span()));
    quote_spanned!(step.span()=> <#path as #library::__private::Step<#self_type>>::#name)
}

pub(super) fn output_type(saga: &Saga, step: &FlowStep, self_type: &Type) -> TokenStream {
    step_type(saga, step, self_type, "Output")
}

fn arguments_type(saga: &Saga, step: &FlowStep, self_type: &Type) -> TokenStream {
    let arguments = step_type(saga, step, self_type, "Args");
    quote_spanned!(step.span()=> #arguments<'saga>)
}

/// A constant or function that is the step's in any saga. It is asked of the step in this saga where that can be:
/// what is no step is then refused by the same words as elsewhere.
pub(super) fn outline(saga: &Saga, step: &FlowStep) -> TokenStream {
    let (library, ident) = (&saga.library, &saga.ident);
    if saga.generics.params.is_empty() {
        return step_type(saga, step, &syn::parse_quote!(#ident), "OUTLINE");
    }
    let path = at(step.span(), &step.path);
    quote_spanned!(step.span()=> <#path as #library::__private::StepInfo>::OUTLINE)
}

/// The type of the saga's input: that of the first parameter which takes it.
pub(super) fn input_type(saga: &Saga, self_type: &Type) -> TokenStream {
    let Some((step, index)) = saga.input() else { return quote!(()) };
    if step.sources.as_ref().is_some_and(|sources| sources.len() == 1) {
        return step_type(saga, step, self_type, "Data");
    }
    let (library, path, self_type) = (&saga.library, at(step.span(), &step.path), at(step.span(), self_type));
    quote_spanned!(step.span()=> <#path as #library::__private::Arg<#self_type, #index>>::Data)
}

/// Whether all is known of both ends.
fn certainty(saga: &Saga, step: &FlowStep, sources: &[Source], self_type: &Type) -> TokenStream {
    let library = &saga.library;
    let ends = sources.iter().filter_map(|source| match source {
        Source::Input => saga.input().map(|(step, _)| step),
        Source::Step(index) => Some(&saga.steps[*index]),
    });
    let own = step_type(saga, step, self_type, "Certainty");
    ends.fold(own, |all, end| {
        let end = step_type(saga, end, self_type, "Certainty");
        quote_spanned!(step.span()=> <#all as #library::__private::And<#end>>::Both)
    })
}

/// The same tokens at another place.
pub(super) fn at(span: Span, tokens: impl ToTokens) -> TokenStream {
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

/// `<'saga, G: Bound>`.
pub(super) fn with_lifetime(impl_generics: &TokenStream) -> TokenStream {
    // Without its own `<` and `>`.
    let parameters: Vec<_> = impl_generics.clone().into_iter().collect();
    let inner: TokenStream =
        parameters.get(1..parameters.len().max(2) - 1).unwrap_or_default().iter().cloned().collect();
    quote!(<'saga, #inner>)
}

fn given_type(saga: &Saga, source: Source, self_type: &Type) -> TokenStream {
    match source {
        Source::Input => input_type(saga, self_type),
        Source::Step(index) => output_type(saga, &saga.steps[index], self_type),
    }
}

/// `ChargeFedByReserve`: the trait's name is all that the compiler may show of it.
fn link_ident(saga: &Saga, step: &FlowStep, sources: &[Source]) -> Ident {
    let names: Vec<String> = sources
        .iter()
        .map(|source| match source {
            Source::Input => "Input".to_owned(),
            Source::Step(index) => saga.steps[*index].variant.unraw().to_string(),
        })
        .collect();
    let names = if names.is_empty() { "Nothing".to_owned() } else { names.join("And") };
    format_ident!("{}FedBy{names}", step.variant.unraw(), span = Span::mixed_site())
}

fn words(saga: &Saga, step: &FlowStep, sources: &[Source]) -> (String, String) {
    let name = step.text();
    let from = |source: &Source| match source {
        Source::Input => "the saga's input".to_owned(),
        Source::Step(index) => format!("the output of `{}`", saga.steps[*index].text()),
    };
    let given = match sources {
        [] => {
            return (
                format!("step `{name}` takes `{{Self}}`, but is given nothing"),
                "name the steps whose output it takes".to_owned(),
            );
        }
        [one] => from(one),
        [all @ .., last] => {
            let all: Vec<String> = all.iter().map(from).collect();
            format!("{} and {}", all.join(", "), from(last))
        }
    };
    (
        format!("step `{name}` takes `{{Self}}`, but is given `{{Given}}`, {given}"),
        "expected a step that takes `{Given}`".to_owned(),
    )
}
