//! What makes a struct a saga.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;

use super::definition::saga_definition;
use super::{calls, checks, library_at, links, local, names};
use crate::model::{FlowStep, Saga};

/// Outputs, step names, and the implementation of `Saga`. Of a saga with mistakes there is all that others may
/// name, and nothing that could be said to be wrong because of them.
pub(super) fn expand(saga: &Saga, is_sound: bool) -> TokenStream {
    let Saga { library, ident, generics, .. } = saga;
    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let self_type: Type = syn::parse_quote!(#ident #ty_generics);
    let where_clause = bounded(saga, &self_type);
    let outputs = names::outputs(saga, &where_clause);
    let steps = names::steps(saga);
    let (mut outputs_ident, step_ident) = (names::outputs_ident(ident), names::step_ident(ident));
    // It is as sized as its last field: what is wrong with that one is said of it.
    outputs_ident.set_span(end(saga));
    let taken = links::input_type(saga, &self_type);
    let input_record = format_ident!("RecordedInputOf{ident}", span = Span::mixed_site());
    let record_of_input = checks::input(saga, &input_record, &self_type, &where_clause);
    let made = last_stage(saga, |step| links::output_type(saga, step, &self_type));
    // At their steps: a type that is more private than the saga is refused there.
    let taken_at = saga.input().map_or_else(Span::call_site, |(step, _)| step.span());
    let is_input_shared = links::is_shared(saga, "INPUT", &taken, taken_at);
    let is_output_shared = links::is_shared(saga, "OUTPUT", &made, end(saga));
    let input = links::shared_type(saga, "INPUT", &taken, taken_at);
    let output_type = links::shared_type(saga, "OUTPUT", &made, end(saga));
    let methods = if is_sound {
        methods(saga, &self_type, (&made, &output_type))
    } else {
        no_methods(library, &output_type)
    };
    let input = quote_spanned!(taken_at=> type Input = #input;);
    let output = quote_spanned!(end(saga)=> type Output = #output_type;);
    let our = library_at(library, taken_at);
    let record = quote_spanned! {taken_at=>
        const INPUT: #our::__private::InputRecord<Self> =
            #our::__private::InputRecord::new(<() as #input_record #ty_generics>::RECORD);
    };
    let assumed = assumed(saga, &self_type, &where_clause);
    let flow = checks::flow(saga);
    let types = checks::types(saga, &self_type, &where_clause);
    let links = (0..saga.steps.len()).map(|index| links::gather(saga, index, &self_type, &assumed));
    let contexts = saga.steps.iter().map(|step| calls::context(saga, step, &self_type, &assumed));
    let calls = is_sound.then(|| calls::functions(saga, &self_type, &assumed));
    let slots = slots(saga, &self_type, &where_clause);
    let definition = if is_sound { saga_definition(saga) } else { unreachable() };
    let (documented, not_run) = (no_methods(library, &made), unreachable());
    quote! {
        #outputs
        #steps
        #flow

        const _: () = {
            #is_input_shared
            #is_output_shared
            #record_of_input
            #types
            #(#links)*
            #(#contexts)*
            #calls
            #slots

            #[cfg(not(doc))]
            #[automatically_derived]
            #[allow(private_interfaces, private_bounds, clippy::all, clippy::pedantic, clippy::nursery)]
            impl #impl_generics #library::__private::Saga for #self_type #assumed {
                #input
                #output
                type Outputs = #outputs_ident #ty_generics;
                type Step = #step_ident;
                type Slots = __SagaSlots #ty_generics;

                #record

                fn definition() -> &'static #library::__private::Definition {
                    #definition
                }

                #methods
            }

            // What is assumed above is nobody's business who reads the saga's documentation.
            #[cfg(doc)]
            #[automatically_derived]
            impl #impl_generics #library::__private::Saga for #self_type #where_clause {
                type Input = #taken;
                type Output = #made;
                type Outputs = #outputs_ident #ty_generics;
                type Step = #step_ident;
                type Slots = ();

                const INPUT: #library::__private::InputRecord<Self> =
                    #library::__private::InputRecord::new(#library::__private::Record::unsound());

                fn definition() -> &'static #library::__private::Definition {
                    #not_run
                }

                #documented
            }
        };
    }
}

/// The bounds of the struct, and what the checks demand: assumed here, so that nothing is said twice.
fn assumed(saga: &Saga, self_type: &Type, where_clause: &TokenStream) -> TokenStream {
    let (_, ty_generics, _) = saga.generics.split_for_impl();
    let start = if where_clause.is_empty() { quote!(where) } else { quote!(#where_clause,) };
    // A bound under `for` may be one that doesn't hold.
    quote! {
        #start
            for<'any> #self_type: ::core::marker::Send + ::core::marker::Sync,
            for<'any> __SagaSlots #ty_generics: ::core::marker::Send + ::core::marker::Sync
    }
}

/// The bounds of the struct, and those that a generic saga must keep to be driven.
fn bounded(saga: &Saga, self_type: &Type) -> TokenStream {
    let predicates: Vec<_> =
        saga.generics.where_clause.iter().flat_map(|own| own.predicates.iter()).collect();
    if saga.generics.params.is_empty() {
        return if predicates.is_empty() { TokenStream::new() } else { quote!(where #(#predicates),*) };
    }
    quote! {
        where #(#predicates,)*
            #self_type: ::core::marker::Send + ::core::marker::Sync + 'static
    }
}

/// One item for each step of the last stage, a tuple where there are more.
fn last_stage(saga: &Saga, item: impl Fn(&FlowStep) -> TokenStream) -> TokenStream {
    let last = saga.stages.last().into_iter().flatten();
    let items: Vec<TokenStream> = last.map(|&index| item(&saga.steps[index])).collect();
    match &items[..] {
        [one] => quote!(#one),
        items => quote!((#(#items),*)),
    }
}

/// The place of the last step.
fn end(saga: &Saga) -> Span {
    saga.steps.last().map_or_else(Span::call_site, FlowStep::span)
}

/// Where a saga in flight keeps its outputs.
fn slots(saga: &Saga, self_type: &Type, where_clause: &TokenStream) -> TokenStream {
    let (impl_generics, ty_generics, _) = saga.generics.split_for_impl();
    let fields = saga.steps.iter().map(|step| {
        let (name, output) = (&step.name, links::output_type(saga, step, self_type));
        let library = links::library(saga, step);
        quote_spanned!(step.span()=> #name: #library::__private::Slot<#output>)
    });
    let empty = saga.steps.iter().map(|step| {
        let (name, library) = (&step.name, links::library(saga, step));
        quote_spanned!(step.span()=> #name: #library::__private::Slot::new())
    });
    quote! {
        #[doc(hidden)]
        #[allow(private_interfaces, private_bounds, clippy::type_complexity, unreachable_pub)]
        pub struct __SagaSlots #impl_generics #where_clause { #(#fields,)* }

        #[automatically_derived]
        impl #impl_generics ::core::default::Default for __SagaSlots #ty_generics #where_clause {
            #[inline]
            fn default() -> Self {
                Self { #(#empty,)* }
            }
        }
    }
}

/// The ways from an index to a typed step. What is of one step stands at its place in the flow: see
/// [`links::step_type`].
fn methods(saga: &Saga, self_type: &Type, output: (&TokenStream, &TokenStream)) -> TokenStream {
    let library = &saga.library;
    let arms = |arm: &dyn Fn(&FlowStep) -> TokenStream| -> TokenStream {
        let arms = saga.steps.iter().enumerate().map(|(index, step)| {
            let body = arm(step);
            quote_spanned!(step.span()=> #index => { #body })
        });
        quote!(#(#arms)*)
    };
    let call_of = |kind: &'static str| {
        move |step: &FlowStep| {
            let function = calls::ident(kind, step);
            let call = local(saga, "__call", step.span());
            quote_spanned!(step.span()=> #function(#call).await)
        }
    };
    let (execute, verify) = (arms(&call_of("execute")), arms(&call_of("verify")));
    let compensate = arms(&call_of("compensate"));
    let restore = arms(&|step| {
        let (name, record) = (&step.name, links::step_type(saga, step, self_type, "RECORD"));
        let of = |name| local(saga, name, step.span());
        let (slots, payload, codec) = (of("__slots"), of("__payload"), of("__codec"));
        quote_spanned!(step.span()=> #record.restore(&#slots.#name, #payload, #codec))
    });
    let outputs = saga.steps.iter().map(|step| {
        let (name, slots) = (&step.name, local(saga, "__slots", step.span()));
        quote_spanned!(step.span()=> #name: #slots.#name.into_inner())
    });
    let outputs_ident = names::outputs_ident(&saga.ident);
    let output_of = output_of(saga, output);
    let call_type = calls::call_type(saga, &quote!('saga), &quote!(Self));
    let goes_anywhere = calls::goes_anywhere(saga, &quote!(Self));
    // Parameters are named at the user's tokens, as are their uses.
    let named = |name: &str| local(saga, name, saga.ident.span());
    let (call, slots, payload, codec) =
        (named("__call"), named("__slots"), named("__payload"), named("__codec"));
    quote! {
        async fn execute<'saga>(
            #call: #call_type,
        ) -> ::core::result::Result<#library::__private::Payload, #library::__private::StepError>
        where
            #goes_anywhere,
        {
            match #call.step {
                #execute
                _ => ::core::result::Result::Err(#library::__private::no_such_step()),
            }
        }

        async fn verify<'saga>(
            #call: #call_type,
        ) -> ::core::result::Result<
            ::core::option::Option<#library::__private::Payload>,
            #library::__private::StepError,
        >
        where
            #goes_anywhere,
        {
            match #call.step {
                #verify
                _ => ::core::result::Result::Err(#library::__private::no_such_step()),
            }
        }

        async fn compensate<'saga>(
            #call: #call_type,
        ) -> ::core::result::Result<(), #library::__private::StepError>
        where
            #goes_anywhere,
        {
            match #call.step {
                #compensate
                _ => ::core::result::Result::Err(#library::__private::no_such_step()),
            }
        }

        fn restore(
            #slots: &Self::Slots,
            step: ::core::primitive::usize,
            #payload: &#library::__private::Payload,
            #codec: &#library::__private::Codec,
        ) -> ::core::result::Result<(), #library::__private::PayloadError> {
            match step {
                #restore
                _ => ::core::result::Result::Ok(()),
            }
        }

        fn outputs(#slots: Self::Slots) -> Self::Outputs {
            #outputs_ident { #(#outputs,)* }
        }

        #output_of
    }
}

/// `Saga::output`.
fn output_of(saga: &Saga, (made, output_type): (&TokenStream, &TokenStream)) -> TokenStream {
    let last: Vec<&FlowStep> =
        saga.stages.last().into_iter().flatten().map(|&index| &saga.steps[index]).collect();
    let output = match &last[..] {
        [one] => {
            let (name, slots) = (&one.name, local(saga, "__slots", one.span()));
            quote_spanned!(one.span()=> #slots.#name.take())
        }
        many => {
            let each = many.iter().map(|step| {
                let (name, slots) = (&step.name, local(saga, "__slots", step.span()));
                quote_spanned!(step.span()=> #slots.#name.take()?)
            });
            quote!(::core::option::Option::Some((#(#each),*)))
        }
    };
    // All of it at the last step: what is wrong with that one's output is said of the whole signature.
    let end = end(saga);
    let slots = local(saga, "__slots", end);
    let (library, shared) = (library_at(&saga.library, end), links::shared(saga, "OUTPUT"));
    quote_spanned! {end=>
        fn output(#slots: &mut Self::Slots) -> ::core::option::Option<#output_type> {
            #output.map(<#made as #library::__private::Shared<#shared>>::share)
        }
    }
}

/// The same of a saga that doesn't compile.
pub(super) fn no_methods(library: &syn::Path, output: &TokenStream) -> TokenStream {
    let unreachable = unreachable();
    quote! {
        async fn execute<'saga>(
            _: #library::__private::Call<'saga, Self>,
        ) -> ::core::result::Result<#library::__private::Payload, #library::__private::StepError>
        where
            for<'any> #library::__private::Call<'any, Self>: ::core::marker::Send,
        {
            #unreachable
        }

        async fn verify<'saga>(
            _: #library::__private::Call<'saga, Self>,
        ) -> ::core::result::Result<
            ::core::option::Option<#library::__private::Payload>,
            #library::__private::StepError,
        >
        where
            for<'any> #library::__private::Call<'any, Self>: ::core::marker::Send,
        {
            #unreachable
        }

        async fn compensate<'saga>(
            _: #library::__private::Call<'saga, Self>,
        ) -> ::core::result::Result<(), #library::__private::StepError>
        where
            for<'any> #library::__private::Call<'any, Self>: ::core::marker::Send,
        {
            #unreachable
        }

        fn restore(
            _: &Self::Slots,
            _: ::core::primitive::usize,
            _: &#library::__private::Payload,
            _: &#library::__private::Codec,
        ) -> ::core::result::Result<(), #library::__private::PayloadError> {
            #unreachable
        }

        fn outputs(_: Self::Slots) -> Self::Outputs {
            #unreachable
        }

        fn output(_: &mut Self::Slots) -> ::core::option::Option<#output> {
            #unreachable
        }
    }
}

pub(super) fn unreachable() -> TokenStream {
    quote!(::core::unreachable!("this saga does not compile"))
}
