//! What stands beside a saga for its users: its outputs so far, and the names of its steps.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;

use crate::check::item::camel_case;
use crate::model::Saga;

pub(super) fn outputs_ident(saga: &Ident) -> Ident {
    format_ident!("{saga}Outputs")
}

pub(super) fn step_ident(saga: &Ident) -> Ident {
    format_ident!("{saga}Step")
}

/// `<Saga>Outputs`: an `Option` for each step.
pub(super) fn outputs(saga: &Saga, where_clause: &TokenStream) -> TokenStream {
    let Saga { library, visibility, ident, generics, .. } = saga;
    let outputs = outputs_ident(ident);
    let (impl_generics, ty_generics, _) = generics.split_for_impl();
    let fields = saga.steps.iter().map(|step| {
        let (name, path) = (&step.name, &step.path);
        let documentation = format!("What `{name}` made, if it is done.");
        quote! {
            #[doc = #documentation]
            pub #name: ::core::option::Option<<#path as #library::__private::Step<#ident #ty_generics>>::Output>
        }
    });
    let documentation = format!("What the steps of [`{ident}`] have made so far.");
    quote! {
        #[doc = #documentation]
        #[allow(dead_code, private_interfaces, private_bounds, clippy::type_complexity)]
        #visibility struct #outputs #impl_generics #where_clause { #(#fields,)* }
    }
}

/// `<Saga>Step`: an enum of the step names.
pub(super) fn steps(saga: &Saga) -> TokenStream {
    let Saga { library, visibility, ident, .. } = saga;
    let steps = step_ident(ident);
    let documentation = format!("The steps of [`{ident}`], by name.");
    let variants: Vec<Ident> = saga
        .steps
        .iter()
        .map(|step| Ident::new(&camel_case(&step.name.to_string()), step.name.span()))
        .collect();
    let declared = saga.steps.iter().zip(&variants).map(|(step, variant)| {
        let documentation = format!("`{}`", step.name);
        quote! { #[doc = #documentation] #variant }
    });
    let texts = saga.steps.iter().map(|step| {
        let path = &step.path;
        let name = step.name.to_string();
        if step.is_renamed {
            quote!(#name)
        } else {
            quote!(<#path as #library::__private::StepInfo>::OUTLINE.name)
        }
    });
    let indexes = 0..saga.steps.len();
    quote! {
        #[doc = #documentation]
        #[derive(
            ::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy, ::core::cmp::PartialEq,
            ::core::cmp::Eq, ::core::hash::Hash
        )]
        #visibility enum #steps { #(#declared,)* }

        #[automatically_derived]
        impl ::core::convert::AsRef<str> for #steps {
            fn as_ref(&self) -> &str {
                match self { #(Self::#variants => #texts,)* }
            }
        }

        #[automatically_derived]
        impl #library::__private::StepName for #steps {
            const ALL: &'static [Self] = &[#(Self::#variants),*];

            fn index(self) -> usize {
                match self { #(Self::#variants => #indexes,)* }
            }
        }
    }
}
