//! What makes a struct a saga.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use super::checks::checks;
use super::definition::saga_definition;
use super::{links, names};
use crate::model::Saga;

/// Outputs, step names, and the implementation of `Saga`. Of a saga with mistakes there is all that others may
/// name, and nothing that could be said to be wrong because of them.
pub(super) fn expand(saga: &Saga, is_sound: bool) -> TokenStream {
    let Saga { library, ident, generics, .. } = saga;
    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let self_type: Type = syn::parse_quote!(#ident #ty_generics);
    let where_clause = bounded(saga, &self_type);
    let outputs = names::outputs(saga, &where_clause);
    let steps = names::steps(saga);
    let (outputs_ident, step_ident) = (names::outputs_ident(ident), names::step_ident(ident));
    let input = match saga.input() {
        Some((step, at)) => {
            let path = &step.path;
            quote!(<#path as #library::__private::Arg<Self, #at>>::Data)
        }
        None => quote!(()),
    };
    let output = last_stage(saga, |path| quote!(<#path as #library::__private::Step<Self>>::Output));
    let checks = is_sound.then(|| checks(saga));
    let links = (0..saga.steps.len()).map(|index| links::gather(saga, index, &self_type, &where_clause));
    let links = is_sound.then(|| quote!(#(#links)*));
    let slots = slots(saga, &self_type, &where_clause);
    let methods = if is_sound { methods(saga) } else { no_methods(library) };
    let definition = if is_sound { saga_definition(saga) } else { unreachable() };
    quote! {
        #outputs
        #steps

        const _: () = {
            #checks
            #links
            #slots

            #[automatically_derived]
            #[allow(clippy::pedantic, clippy::manual_async_fn)]
            impl #impl_generics #library::__private::Saga for #self_type #where_clause {
                type Input = #input;
                type Output = #output;
                type Outputs = #outputs_ident #ty_generics;
                type Step = #step_ident;
                type Slots = __SagaSlots #ty_generics;

                fn definition() -> &'static #library::__private::Definition {
                    #definition
                }

                #methods
            }
        };
    }
}

/// The bounds of the struct, and those that a generic saga must keep to be driven.
fn bounded(saga: &Saga, self_type: &Type) -> TokenStream {
    let own = &saga.generics.where_clause;
    if saga.generics.params.is_empty() {
        return quote!(#own);
    }
    let predicates = own.iter().flat_map(|own| &own.predicates);
    quote! {
        where #(#predicates,)*
            #self_type: ::core::marker::Send + ::core::marker::Sync + 'static
    }
}

/// One item for each step of the last stage, a tuple where there are more.
fn last_stage(saga: &Saga, item: impl Fn(&syn::Path) -> TokenStream) -> TokenStream {
    let last = saga.stages.last().into_iter().flatten();
    let items: Vec<TokenStream> = last.map(|&index| item(&saga.steps[index].path)).collect();
    match &items[..] {
        [one] => quote!(#one),
        items => quote!((#(#items),*)),
    }
}

/// Where a saga in flight keeps its outputs.
fn slots(saga: &Saga, self_type: &Type, where_clause: &TokenStream) -> TokenStream {
    let library = &saga.library;
    let (impl_generics, ty_generics, _) = saga.generics.split_for_impl();
    let names: Vec<_> = saga.steps.iter().map(|step| &step.name).collect();
    let paths = saga.steps.iter().map(|step| &step.path);
    quote! {
        #[doc(hidden)]
        #[allow(private_interfaces, private_bounds, clippy::type_complexity, unreachable_pub)]
        pub struct __SagaSlots #impl_generics #where_clause {
            #(#names: #library::__private::OnceLock<<#paths as #library::__private::Step<#self_type>>::Output>,)*
        }

        #[automatically_derived]
        impl #impl_generics ::core::default::Default for __SagaSlots #ty_generics #where_clause {
            fn default() -> Self {
                Self { #(#names: #library::__private::OnceLock::new(),)* }
            }
        }
    }
}

/// The ways from an index to a typed step.
fn methods(saga: &Saga) -> TokenStream {
    let library = &saga.library;
    let indexes: Vec<usize> = (0..saga.steps.len()).collect();
    let names: Vec<_> = saga.steps.iter().map(|step| &step.name).collect();
    let paths: Vec<_> = saga.steps.iter().map(|step| &step.path).collect();
    let gather: Vec<_> = indexes.iter().map(|&index| links::ident(index)).collect();
    let last: Vec<_> =
        saga.stages.last().into_iter().flatten().map(|&index| &saga.steps[index].name).collect();
    let output = match &last[..] {
        [one] => quote!(slots.#one.take()),
        many => quote!(::core::option::Option::Some((#(slots.#many.take()?),*))),
    };
    let outputs_ident = names::outputs_ident(&saga.ident);
    quote! {
        async fn execute<'saga>(
            call: #library::__private::Call<'saga, Self>,
        ) -> ::core::result::Result<#library::__private::Payload, #library::__private::StepError> {
            match call.step {
                #(#indexes => {
                    let args = #gather(call.input, call.slots)?;
                    let output = <#paths as #library::__private::Step<Self>>::execute(call.cx, args).await?;
                    let record = &<#paths as #library::__private::Step<Self>>::RECORD;
                    call.keep.output(&call.slots.#names, output, record)
                })*
                _ => ::core::result::Result::Err(#library::__private::no_such_step()),
            }
        }

        async fn verify<'saga>(
            call: #library::__private::Call<'saga, Self>,
        ) -> ::core::result::Result<
            ::core::option::Option<#library::__private::Payload>,
            #library::__private::StepError,
        > {
            match call.step {
                #(#indexes => {
                    let args = #gather(call.input, call.slots)?;
                    let found = <#paths as #library::__private::Step<Self>>::verify(call.cx, args).await?;
                    let record = &<#paths as #library::__private::Step<Self>>::RECORD;
                    found.map(|output| call.keep.output(&call.slots.#names, output, record)).transpose()
                })*
                _ => ::core::result::Result::Err(#library::__private::no_such_step()),
            }
        }

        async fn compensate<'saga>(
            call: #library::__private::Call<'saga, Self>,
        ) -> ::core::result::Result<(), #library::__private::StepError> {
            match call.step {
                #(#indexes => {
                    let args = #gather(call.input, call.slots)?;
                    let output = call.slots.#names.get();
                    <#paths as #library::__private::Step<Self>>::compensate(call.cx, output, args).await
                })*
                _ => ::core::result::Result::Err(#library::__private::no_such_step()),
            }
        }

        fn restore(
            slots: &Self::Slots,
            step: usize,
            payload: &#library::__private::Payload,
            codec: &#library::__private::Codec,
        ) -> ::core::result::Result<(), #library::__private::PayloadError> {
            match step {
                #(#indexes => {
                    let record = &<#paths as #library::__private::Step<Self>>::RECORD;
                    record.restore(&slots.#names, payload, codec)
                })*
                _ => ::core::result::Result::Ok(()),
            }
        }

        fn outputs(slots: Self::Slots) -> Self::Outputs {
            #outputs_ident { #(#names: slots.#names.into_inner(),)* }
        }

        fn output(slots: &mut Self::Slots) -> ::core::option::Option<Self::Output> {
            #output
        }
    }
}

/// The same of a saga that doesn't compile.
pub(super) fn no_methods(library: &syn::Path) -> TokenStream {
    let unreachable = unreachable();
    quote! {
        async fn execute<'saga>(
            _: #library::__private::Call<'saga, Self>,
        ) -> ::core::result::Result<#library::__private::Payload, #library::__private::StepError> {
            #unreachable
        }

        async fn verify<'saga>(
            _: #library::__private::Call<'saga, Self>,
        ) -> ::core::result::Result<
            ::core::option::Option<#library::__private::Payload>,
            #library::__private::StepError,
        > {
            #unreachable
        }

        async fn compensate<'saga>(
            _: #library::__private::Call<'saga, Self>,
        ) -> ::core::result::Result<(), #library::__private::StepError> {
            #unreachable
        }

        fn restore(
            _: &Self::Slots,
            _: usize,
            _: &#library::__private::Payload,
            _: &#library::__private::Codec,
        ) -> ::core::result::Result<(), #library::__private::PayloadError> {
            #unreachable
        }

        fn outputs(_: Self::Slots) -> Self::Outputs {
            #unreachable
        }

        fn output(_: &mut Self::Slots) -> ::core::option::Option<Self::Output> {
            #unreachable
        }
    }
}

pub(super) fn unreachable() -> TokenStream {
    quote!(::core::unreachable!("this saga does not compile"))
}
