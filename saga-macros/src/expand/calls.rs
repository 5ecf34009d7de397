//! The calls of the steps: a function for each, so that what the compiler says of a future is said at its step.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Ident, Lifetime, Type};

use super::{links, local};
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
    let (library, function) = (&saga.library, context_ident(step));
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let generics = links::with_lifetime(&quote!(#impl_generics));
    let own = links::step_type(saga, step, self_type, "Saga");
    let self_type = links::at(step.span(), self_type);
    let message = format!("step `{}` is of `{{Self}}`, and not of the saga `{{Given}}`", step.text());
    let name = format_ident!("{}IsOf", step.variant.unraw(), span = Span::mixed_site());
    let head = quote_spanned! {step.span()=>
        fn #function #generics(
            __cx: &'saga #library::__private::StepContext<#self_type>,
        ) -> &'saga #library::__private::StepContext<#own>
    };
    let words = quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "its first parameter is neither `&{Given}` nor `&StepContext<{Given}>`",
        )]
        trait #name<Given> {
            type Fit<Right>;
        }
        #[diagnostic::do_not_recommend]
        impl<T> #name<T> for T {
            type Fit<Right> = Right;
        }
    };
    let fit = quote_spanned!(step.span()=> <#own as #name<#self_type>>::Fit<#library::__private::Fit>);
    let body = quote_spanned! {step.span()=> {
        #words
        <#fit as #library::__private::Pass<_, _>>::pass(__cx)
    }};
    quote! {
        #[allow(non_snake_case, unused_variables, clippy::all, clippy::pedantic, clippy::nursery)]
        #head #where_clause #body
    }
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
        let call = local(saga, "__call", step.span());
        let execute = quote_spanned! {step.span()=>
            let output = #execute(#context(#call.cx), #gather(&#call)?).await?;
            #call.keep.output(&#call.slots.#name, output, &#record)
        };
        let verify = quote_spanned! {step.span()=>
            let found = #verify(#context(#call.cx), #gather(&#call)?).await?;
            found.map(|output| #call.keep.output(&#call.slots.#name, output, &#record)).transpose()
        };
        let compensate = quote_spanned! {step.span()=>
            #compensate(#context(#call.cx), #call.slots.#name.get(), #gather(&#call)?).await
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
    let (library, name) = (&saga.library, ident(kind, step));
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let generics = links::with_lifetime(&quote!(#impl_generics));
    let lifetime = Lifetime::new("'saga", Span::call_site());
    let call = local(saga, "__call", step.span());
    let future = quote_spanned! {step.span()=>
        impl #library::__private::Future<
            Output = ::core::result::Result<#answer, #library::__private::StepError>
        > + ::core::marker::Send + #lifetime
    };
    let body = quote_spanned!(step.span()=> { async move { #body } });
    quote! {
        #[allow(non_snake_case, clippy::all, clippy::pedantic, clippy::nursery)]
        fn #name #generics(#call: #library::__private::Call<'saga, #self_type>) -> #future
        #assumed, for<'any> #library::__private::Call<'any, #self_type>: ::core::marker::Send
        #body
    }
}
