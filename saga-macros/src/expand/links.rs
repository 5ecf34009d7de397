//! The links of a flow: each step takes what it is given, or the compiler says what does not fit.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Type};

use super::{ask, at, library_at, local};
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
    let library = library(saga, step);
    let given: Vec<TokenStream> = sources.iter().map(|source| given_type(saga, *source, self_type)).collect();
    let values = sources.iter().map(|source| match source {
        Source::Input => {
            let span = saga.input().map_or_else(|| step.span(), |(step, _)| step.span());
            let call = local(saga, "__call", span);
            let (input, shared) = (input_type(saga, self_type), shared(saga, "INPUT"));
            quote_spanned!(span=> <#input as #library::__private::Shared<#shared>>::lend(#call.input))
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
    let fed = fed_ident(saga, step, sources);
    let apart = format_ident!("Apart{fed}");
    let taken = step_type(saga, step, self_type, "Data");
    let certainty = certainty(saga, step, sources, self_type);
    let certainty =
        quote_spanned!(step.span()=> <#certainty as #library::__private::Certainty<#taken, #given>>);
    let arguments = arguments_type(saga, step, self_type);
    let fit = quote_spanned! {step.span()=>
        <Self as #fed<#taken, #certainty::Given>>::Fit<#certainty::Fit>
    };
    let pass = quote_spanned!(step.span()=> <Self as #apart<#fit, #passed, #arguments>>::pass);
    let self_type = at(step.span(), self_type);
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    ask::Function {
        span: step.span(),
        name: &ident(step),
        generics: &with_lifetime(&quote!(#impl_generics)),
        parameter: &local(saga, "__call", step.span()),
        takes: &quote_spanned!(step.span()=> &#library::__private::Call<'saga, #self_type>),
        returns: &quote_spanned! {step.span()=>
            ::core::result::Result<#arguments, #library::__private::StepError>
        },
        where_clause,
        words: &words(saga, step, sources, (&fed, &apart)),
        body: &quote_spanned! {step.span()=>
            let __given = (#(#values,)*);
            ::core::result::Result::Ok(#pass(__given))
        },
    }
    .expand()
}

/// The traits of a link: the first compares types, the second how they are parted into parameters.
fn words(saga: &Saga, step: &FlowStep, sources: &[Source], (fed, apart): (&Ident, &Ident)) -> TokenStream {
    let library = &saga.library;
    let (message, label) = words_of_types(saga, step, sources);
    let (message_apart, label_apart) = words_of_parts(saga, step, sources);
    quote! {
        #[diagnostic::on_unimplemented(message = #message, label = #label)]
        trait #fed<Taken, Given> {
            type Fit<Right>;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, T> #fed<T, T> for Asks {
            type Fit<Right> = Right;
        }
        #[diagnostic::on_unimplemented(message = #message_apart, label = #label_apart)]
        trait #apart<Right, Given, Taken> {
            fn pass(given: Given) -> Taken;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Right, Given, Taken> #apart<Right, Given, Taken> for Asks
        where
            Right: #library::__private::Pass<Given, Taken>,
        {
            #[inline]
            fn pass(given: Given) -> Taken {
                <Right as #library::__private::Pass<Given, Taken>>::pass(given)
            }
        }
    }
}

/// A type, function or constant of a step in this saga. All tokens stand at the step's place in the flow, here and below: what
/// the compiler says of one of them at several places is then one and the same, and said once.
pub(super) fn step_type(saga: &Saga, step: &FlowStep, self_type: &Type, name: &str) -> TokenStream {
    let (library, path) = (library(saga, step), at(step.span(), &step.path));
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
    let ident = &saga.ident;
    if saga.generics.params.is_empty() {
        return step_type(saga, step, &syn::parse_quote!(#ident), "OUTLINE");
    }
    let (library, path) = (library(saga, step), at(step.span(), &step.path));
    quote_spanned!(step.span()=> <#path as #library::__private::StepInfo>::OUTLINE)
}

/// The type of the saga's input: that of the first parameter which takes it.
pub(super) fn input_type(saga: &Saga, self_type: &Type) -> TokenStream {
    let Some((step, index)) = saga.input() else { return quote!(()) };
    if step.sources.as_ref().is_some_and(|sources| sources.len() == 1) {
        return step_type(saga, step, self_type, "Data");
    }
    let (library, path) = (library(saga, step), at(step.span(), &step.path));
    let self_type = at(step.span(), self_type);
    quote_spanned!(step.span()=> <#path as #library::__private::Arg<#self_type, #index>>::Data)
}

/// The saga's input where it can go from thread to thread, and another type where it cannot, which is said once. The
/// same of what the saga ends with.
pub(super) fn shared_type(saga: &Saga, of: &str, ty: &TokenStream, span: Span) -> TokenStream {
    let (library, shared) = (library_at(&saga.library, span), shared(saga, of));
    quote_spanned!(span=> <#ty as #library::__private::Shared<#shared>>::Type)
}

/// Whether it can, as the parameter of a type. A constant cannot name type parameters: the bounds of a generic saga must
/// say it.
pub(super) fn shared(saga: &Saga, of: &str) -> TokenStream {
    if saga.generics.params.is_empty() {
        let name = shared_ident(of);
        quote!({ #name })
    } else {
        quote!(true)
    }
}

/// The constant that says so.
pub(super) fn is_shared(saga: &Saga, of: &str, ty: &TokenStream, span: Span) -> Option<TokenStream> {
    let (name, library) = (shared_ident(of), &saga.library);
    let asked = library_at(library, span);
    let answer = quote_spanned!(span=> <#asked::__private::AskShared<#ty>>::ANSWER);
    saga.generics.params.is_empty().then(|| {
        quote! {
            const #name: ::core::primitive::bool = {
                #[allow(unused_imports)]
                use #library::__private::IsNotShared as _;
                #answer
            };
        }
    })
}

fn shared_ident(of: &str) -> Ident {
    Ident::new(&format!("IS_{of}_SHARED"), Span::mixed_site())
}

/// Whether all is known of both ends.
fn certainty(saga: &Saga, step: &FlowStep, sources: &[Source], self_type: &Type) -> TokenStream {
    let library = library(saga, step);
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

/// The library's path at the step's place.
pub(super) fn library(saga: &Saga, step: &FlowStep) -> TokenStream {
    library_at(&saga.library, step.span())
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

/// `ChargeFedByReserve`.
fn fed_ident(saga: &Saga, step: &FlowStep, sources: &[Source]) -> Ident {
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

/// What is said where the types differ.
fn words_of_types(saga: &Saga, step: &FlowStep, sources: &[Source]) -> (String, String) {
    let name = step.text();
    if sources.is_empty() {
        return (
            format!("step `{name}` takes `{{Taken}}`, but is given nothing"),
            "name the steps whose output it takes".to_owned(),
        );
    }
    let given = origin(saga, sources);
    (
        format!("step `{name}` takes `{{Taken}}`, but is given `{{Given}}`, {given}"),
        "expected a step that takes `{Given}`".to_owned(),
    )
}

/// What is said where one of them is a tuple, and the other is as many values.
fn words_of_parts(saga: &Saga, step: &FlowStep, sources: &[Source]) -> (String, String) {
    let (name, given) = (step.text(), origin(saga, sources));
    let message = match sources {
        [_] => format!("step `{name}` takes several parameters, but is given one tuple, {given}"),
        _ => format!("step `{name}` takes one tuple, but is given several parameters, {given}"),
    };
    (message, "a tuple is one parameter, and its parts are several".to_owned())
}

/// Where it comes from, in words.
fn origin(saga: &Saga, sources: &[Source]) -> String {
    let from = |source: &Source| match source {
        Source::Input => "the saga's input".to_owned(),
        Source::Step(index) => format!("the output of `{}`", saga.steps[*index].text()),
    };
    match sources {
        [] => "nothing".to_owned(),
        [one] => from(one),
        [all @ .., last] => {
            let all: Vec<String> = all.iter().map(from).collect();
            format!("{} and {}", all.join(", "), from(last))
        }
    }
}
