//! What constants and types can tell of a whole saga: kinds in their places, names, timeouts, and whether what it is
//! made of can be recorded and shared. Each mistake is an error of its own, at its place.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Ident, Type};

use super::{links, names, policy, type_span};
use crate::check::calls;
use crate::model::Saga;

/// The checks of constants: one a step, at its place in the flow.
pub(super) fn flow(saga: &Saga) -> TokenStream {
    let library = &saga.library;
    let outlines = saga.steps.iter().map(|step| {
        let outline = links::outline(saga, step);
        let name = step.text();
        if step.is_renamed { quote!(#outline.renamed(#name)) } else { outline }
    });
    let stages = saga.stages.iter().enumerate().flat_map(|(stage, steps)| steps.iter().map(move |_| stage));
    let timeout = policy::constant(library, saga.timeout.as_ref());
    let never_retries = saga.retry.as_ref().is_some_and(|retry| calls(retry, "no_retry"));
    let steps = names::step_ident(&saga.ident);
    let each = saga.steps.iter().enumerate().map(|(index, step)| {
        let (name, steps) = (&step.name, Ident::new(&steps.to_string(), step.span()));
        quote_spanned!(step.span()=> const #name: () = #steps::THE_FLOW.check(#index);)
    });
    // What stands in the function is called so by the compiler: "evaluation of `ShopStep::the_flow::charge` failed
    // here". It hides what the user calls so, and names nothing of the user's.
    quote! {
        impl #steps {
            #[doc(hidden)]
            #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
            const THE_FLOW: #library::__private::FlowOutline<'static> = #library::__private::FlowOutline {
                steps: &[#(#outlines),*],
                stages: &[#(#stages),*],
                timeout: #timeout,
                never_retries: #never_retries,
            };

            #[doc(hidden)]
            #[allow(dead_code, non_upper_case_globals, clippy::all, clippy::pedantic, clippy::nursery)]
            fn the_flow() {
                #(#each)*
            }
        }
    }
}

/// How the input is recorded, a constant of this name: through a trait whose words are about this saga.
pub(super) fn input(saga: &Saga, name: &Ident, self_type: &Type, where_clause: &TokenStream) -> TokenStream {
    let Saga { library, ident, .. } = saga;
    let message = format!("the input of saga `{ident}`, `{{Input}}`, cannot be recorded");
    let (impl_generics, ty_generics, _) = saga.generics.split_for_impl();
    let taken_at = saga.input().map_or_else(Span::call_site, |(step, _)| step.span());
    let input = links::shared_type(saga, "INPUT", &links::input_type(saga, self_type), taken_at);
    let record = match saga.input() {
        Some((step, _)) => quote_spanned!(step.span()=> <Self as RecordedInput<#input>>::RECORD),
        None => quote!(#library::__private::Record::new()),
    };
    quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "this step takes it: an input must be `Serialize` and `DeserializeOwned`",
            note = "derive them: `#[derive(serde::Serialize, serde::Deserialize)]`",
        )]
        trait RecordedInput<Input> {
            const RECORD: #library::__private::Record<Input>;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Input> RecordedInput<Input> for Asks
        where
            Input: #library::__private::Serialize + #library::__private::DeserializeOwned,
        {
            const RECORD: #library::__private::Record<Input> = #library::__private::Record::new();
        }
        trait #name #impl_generics #where_clause {
            const RECORD: #library::__private::Record<#input> = #record;
        }
        impl #impl_generics #name #ty_generics for () #where_clause {}
    }
}

/// The checks of types. The implementation of `Saga` assumes what is demanded here, so that it is said just here.
pub(super) fn types(saga: &Saga, self_type: &Type, where_clause: &TokenStream) -> TokenStream {
    let ident = &saga.ident;
    let output = format!("an output of saga `{ident}`, `{{Output}}`, cannot be used from several threads");
    let input = format!("the input of saga `{ident}`, `{{Input}}`, cannot be used from several threads");
    let service = format!("a service of saga `{ident}`, `{{Service}}`, cannot be used from several threads");
    let (impl_generics, _, _) = saga.generics.split_for_impl();
    let outputs = saga.steps.iter().map(|step| {
        let output = links::output_type(saga, step, self_type);
        quote_spanned!(step.span()=> let () = <Self as SharedOutput<#output>>::OK;)
    });
    let input_type = saga.input().map(|(step, _)| {
        let input = links::input_type(saga, self_type);
        quote_spanned!(step.span()=> let () = <Self as SharedInput<#input>>::OK;)
    });
    let services = saga
        .services
        .iter()
        .filter(|_| saga.generics.params.is_empty())
        .map(|(_, ty)| quote_spanned!(type_span(ty)=> let () = <Self as SharedService<#ty>>::OK;));
    quote! {
        #[diagnostic::on_unimplemented(
            message = #output,
            label = "the output of this step must be `Send` and `Sync`",
        )]
        trait SharedOutput<Output> {
            const OK: () = ();
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Output> SharedOutput<Output> for Asks
        where
            Output: ::core::marker::Send + ::core::marker::Sync,
        {
        }

        #[diagnostic::on_unimplemented(
            message = #input,
            label = "this step takes it: an input must be `Send` and `Sync`",
        )]
        trait SharedInput<Input> {
            const OK: () = ();
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Input> SharedInput<Input> for Asks
        where
            Input: ::core::marker::Send + ::core::marker::Sync,
        {
        }

        #[diagnostic::on_unimplemented(
            message = #service,
            label = "a field of a saga must be `Send` and `Sync`",
        )]
        trait SharedService<Service> {
            const OK: () = ();
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Service> SharedService<Service> for Asks
        where
            Service: ::core::marker::Send + ::core::marker::Sync,
        {
        }

        #[allow(dead_code, clippy::all, clippy::pedantic, clippy::nursery)]
        trait AsksForTypes {
            fn ask #impl_generics() #where_clause {
                #input_type
                #(#outputs)*
                #(#services)*
            }
        }
    }
}
