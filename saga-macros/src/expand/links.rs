//! The links of a flow: each step takes what it is given, or the compiler says what does not fit.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Type};

use crate::check::item::camel_case;
use crate::model::{FlowStep, Saga, Source};

/// The name of the function that gathers a step's arguments.
pub(super) fn ident(index: usize) -> Ident {
    format_ident!("__args_{index}")
}

/// The function that gathers the arguments of the step with this index from the input and the outputs so far.
///
/// What the step takes and what it is given meet in a trait that is named for the link and has one implementation:
/// for two equal types. Where they differ, its projection fails, with words of ours and at the user's token; and
/// what is made of a failed projection is never held against anything again, so there is just this one error.
pub(super) fn gather(saga: &Saga, index: usize, self_type: &Type, where_clause: &TokenStream) -> TokenStream {
    let step = &saga.steps[index];
    let (library, path, function) = (&saga.library, &step.path, ident(index));
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let generics = with_lifetime(&quote!(#impl_generics));
    let sources = step.sources.as_deref().unwrap_or_default();
    let given: Vec<TokenStream> = sources.iter().map(|source| given_type(saga, *source, self_type)).collect();
    let values = sources.iter().map(|source| match source {
        Source::Input => quote!(input),
        Source::Step(index) => {
            let name = &saga.steps[*index].name;
            quote!(#library::__private::given(&slots.#name)?)
        }
    });
    let given = match &given[..] {
        [one] => quote!(#one),
        many => quote!((#(#many),*)),
    };
    let link = link_ident(saga, sources);
    let (message, label) = words(saga, step, sources);
    let span = located(step.span());
    let demand = quote_spanned! {span=>
        <<<#path as #library::__private::Step<#self_type>>::Data as #link<#given>>::Fit
            as #library::__private::Pass<_>>::pass
    };
    quote! {
        #[allow(unused_variables, clippy::unnecessary_wraps)]
        fn #function #generics(
            input: &'saga <#self_type as #library::__private::Saga>::Input,
            slots: &'saga <#self_type as #library::__private::Saga>::Slots,
        ) -> ::core::result::Result<
            <#path as #library::__private::Step<#self_type>>::Args<'saga>,
            #library::__private::StepError,
        > #where_clause {
            #[diagnostic::on_unimplemented(message = #message, label = #label)]
            trait #link<Given> {
                type Fit;
            }
            #[diagnostic::do_not_recommend]
            impl<T> #link<T> for T {
                type Fit = #library::__private::Fit;
            }
            ::core::result::Result::Ok(#demand((#(#values,)*)))
        }
    }
}

/// `<'saga, G: Bound>`.
fn with_lifetime(impl_generics: &TokenStream) -> TokenStream {
    // Without its own `<` and `>`.
    let parameters: Vec<_> = impl_generics.clone().into_iter().collect();
    let inner: TokenStream =
        parameters.get(1..parameters.len().max(2) - 1).unwrap_or_default().iter().cloned().collect();
    quote!(<'saga, #inner>)
}

fn given_type(saga: &Saga, source: Source, self_type: &Type) -> TokenStream {
    let library = &saga.library;
    match source {
        Source::Input => quote!(<#self_type as #library::__private::Saga>::Input),
        Source::Step(index) => {
            let path = &saga.steps[index].path;
            quote!(<#path as #library::__private::Step<#self_type>>::Output)
        }
    }
}

/// `FedByReserveStock`: the trait's name is all that the compiler may show of it.
fn link_ident(saga: &Saga, sources: &[Source]) -> Ident {
    let names: Vec<String> = sources
        .iter()
        .map(|source| match source {
            Source::Input => "Input".to_owned(),
            Source::Step(index) => camel_case(&saga.steps[*index].name.to_string()),
        })
        .collect();
    let names = if names.is_empty() { "Nothing".to_owned() } else { names.join("And") };
    format_ident!("FedBy{names}", span = Span::mixed_site())
}

fn words(saga: &Saga, step: &FlowStep, sources: &[Source]) -> (String, String) {
    let name = &step.name;
    let from = |source: &Source| match source {
        Source::Input => "the saga's input".to_owned(),
        Source::Step(index) => format!("the output of `{}`", saga.steps[*index].name),
    };
    let given = match sources {
        [] => {
            return (
                format!("step `{name}` takes `{{Self}}`, but is given nothing"),
                "name where its data comes from".to_owned(),
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

/// Generated code at the user's token.
fn located(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
