//! The calls of the steps: a function for each, so that what the compiler says of a future is said at its step.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Lifetime, Type};

use super::{ask, at, library_at, links, local};
use crate::model::{FlowStep, Saga};

/// `execute_charge`.
pub(super) fn ident(kind: &str, step: &FlowStep) -> Ident {
    format_ident!("{kind}_{}", step.text(), span = step.span())
}

/// The name of the function that makes the saga's context the step's.
fn context_ident(step: &FlowStep) -> Ident {
    format_ident!("context_of_{}", step.text(), span = step.span())
}

/// The step belongs to this saga: one implementation, for a saga and itself. That a step is of another is said here,
/// once.
pub(super) fn context(
    saga: &Saga,
    step: &FlowStep,
    self_type: &Type,
    where_clause: &TokenStream,
) -> TokenStream {
    let library = links::library(saga, step);
    let own = links::step_type(saga, step, self_type, "Saga");
    let self_type = at(step.span(), self_type);
    let message = format!("step `{}` is of `{{Own}}`, and not of the saga `{{Given}}`", step.text());
    let is_of = format_ident!("{}IsOf", step.variant.unraw(), span = Span::mixed_site());
    let words = quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "its first parameter is neither `&{Given}` nor `&StepContext<{Given}>`",
        )]
        trait #is_of<Own, Given> {
            type Fit<Right>;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, T> #is_of<T, T> for Asks {
            type Fit<Right> = Right;
        }
    };
    let fit = quote_spanned! {step.span()=>
        <Self as #is_of<#own, #self_type>>::Fit<#library::__private::Fit>
    };
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let cx = local(saga, "__cx", step.span());
    ask::Function {
        span: step.span(),
        name: &context_ident(step),
        generics: &links::with_lifetime(&quote!(#impl_generics)),
        parameter: &cx,
        takes: &quote_spanned!(step.span()=> &'saga #library::__private::StepContext<#self_type>),
        returns: &quote_spanned!(step.span()=> &'saga #library::__private::StepContext<#own>),
        where_clause,
        words: &words,
        body: &quote_spanned!(step.span()=> <#fit as #library::__private::Pass<_, _>>::pass(#cx)),
    }
    .expand()
}

/// Three functions a step, each of a call.
pub(super) fn functions(saga: &Saga, self_type: &Type, assumed: &TokenStream) -> TokenStream {
    let library = &saga.library;
    let payload = quote!(#library::__private::Payload);
    let each = saga.steps.iter().map(|step| {
        let (gather, context, name) = (links::ident(step), context_ident(step), &step.name);
        let of = |name| links::step_type(saga, step, self_type, name);
        let (execute, verify, compensate, record) =
            (of("execute"), of("verify"), of("compensate"), of("RECORD"));
        // A statement of its own: what is made on the way to it is gone when the step is awaited.
        let (call, given) = (local(saga, "__call", step.span()), local(saga, "__given", step.span()));
        let execute = quote_spanned! {step.span()=>
            let #given = #gather(&#call)?;
            let output = #execute(#context(#call.cx), #given).await?;
            #call.keep.output(&#call.slots.#name, output, &#record)
        };
        let verify = quote_spanned! {step.span()=>
            let #given = #gather(&#call)?;
            let found = #verify(#context(#call.cx), #given).await?;
            found.map(|output| #call.keep.output(&#call.slots.#name, output, &#record)).transpose()
        };
        let compensate = quote_spanned! {step.span()=>
            let #given = #gather(&#call)?;
            #compensate(#context(#call.cx), #call.slots.#name.get(), #given).await
        };
        let function = |kind, answer, body| function(saga, step, (kind, answer, body), self_type, assumed);
        let execute = function("execute", payload.clone(), execute);
        let verify = function("verify", quote!(::core::option::Option<#payload>), verify);
        let compensate = function("compensate", quote!(()), compensate);
        quote!(#execute #verify #compensate)
    });
    quote!(#(#each)*)
}

fn function(
    saga: &Saga,
    step: &FlowStep,
    (kind, answer, body): (&str, TokenStream, TokenStream),
    self_type: &Type,
    assumed: &TokenStream,
) -> TokenStream {
    let (library, name) = (links::library(saga, step), ident(kind, step));
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let generics = links::with_lifetime(&quote!(#impl_generics));
    let lifetime = Lifetime::new("'saga", Span::call_site());
    let call = local(saga, "__call", step.span());
    let future = quote_spanned! {step.span()=>
        impl #library::__private::Future<
            Output = ::core::result::Result<#answer, #library::__private::StepError>
        > + ::core::marker::Send + #lifetime
    };
    let self_type = at(step.span(), self_type);
    let head = quote_spanned! {step.span()=>
        fn #name #generics(#call: #library::__private::Call<'saga, #self_type>) -> #future
    };
    let body = quote_spanned!(step.span()=> { async move { #body } });
    let goes_anywhere = goes_anywhere(saga, &quote!(#self_type));
    quote! {
        #[allow(non_snake_case, unit_bindings, clippy::all, clippy::pedantic, clippy::nursery)]
        #head
        #assumed, #goes_anywhere
        #body
    }
}

/// A call of this saga. What is said of it is about the saga's input, and is said at the step that takes it.
pub(super) fn call_type(saga: &Saga, lifetime: &TokenStream, self_type: &TokenStream) -> TokenStream {
    let span = saga.input().map_or_else(Span::call_site, |(step, _)| step.span());
    let (library, lifetime, self_type) =
        (library_at(&saga.library, span), at(span, lifetime), at(span, self_type));
    quote_spanned!(span=> #library::__private::Call<#lifetime, #self_type>)
}

/// A call can go from thread to thread: a bound of what is generated.
pub(super) fn goes_anywhere(saga: &Saga, self_type: &TokenStream) -> TokenStream {
    let call = call_type(saga, &quote!('any), self_type);
    quote!(for<'any> #call: ::core::marker::Send)
}
