//! What stands beside a saga for its users: its outputs so far, and the names of its steps.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use super::{links, local};
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
    let self_type: syn::Type = syn::parse_quote!(#ident #ty_generics);
    let fields = saga.steps.iter().map(|step| {
        let (name, output) = (&step.name, links::output_type(saga, step, &self_type));
        let documentation = format!("What `{}` made, if it is done.", step.text());
        let documentation = quote!(#[doc = #documentation]);
        quote_spanned!(step.span()=> #documentation pub #name: ::core::option::Option<#output>)
    });
    let documentation = format!("What the steps of [`{ident}`] have made so far.");
    let text = outputs.to_string();
    let receiver = local(saga, "self", ident.span());
    let shown = saga.steps.iter().map(|step| {
        let (name, text) = (&step.name, step.text());
        let receiver = local(saga, "self", step.span());
        quote_spanned!(step.span()=> .field(#text, Shown::of(&#receiver.#name).show()))
    });
    quote! {
        #[doc = #documentation]
        #[allow(dead_code, private_interfaces, private_bounds, clippy::type_complexity)]
        #visibility struct #outputs #impl_generics #where_clause { #(#fields,)* }

        #[automatically_derived]
        impl #impl_generics ::core::fmt::Debug for #outputs #ty_generics #where_clause {
            fn fmt(&#receiver, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #[allow(unused_imports)]
                use #library::__private::{Shown, Unshown};
                f.debug_struct(#text) #(#shown)* .finish()
            }
        }
    }
}

/// `<Saga>Step`: an enum of the step names.
pub(super) fn steps(saga: &Saga) -> TokenStream {
    let Saga { library, visibility, ident, .. } = saga;
    let steps = step_ident(ident);
    let documentation = format!("The steps of [`{ident}`], by name.");
    let variants: Vec<_> = saga.steps.iter().map(|step| &step.variant).collect();
    let declared = saga.steps.iter().zip(&variants).map(|(step, variant)| {
        let documentation = format!("`{}`", step.text());
        quote! { #[doc = #documentation] #variant }
    });
    let texts = saga.steps.iter().map(|step| {
        let name = step.text();
        if step.is_renamed {
            quote!(#name)
        } else {
            let outline = links::outline(saga, step);
            quote_spanned!(step.span()=> #outline.name)
        }
    });
    let indexes = 0..saga.steps.len();
    quote! {
        #[doc = #documentation]
        #[allow(non_camel_case_types)]
        #[derive(
            ::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy, ::core::cmp::PartialEq,
            ::core::cmp::Eq, ::core::hash::Hash
        )]
        #visibility enum #steps { #(#declared,)* }

        #[automatically_derived]
        impl ::core::convert::AsRef<::core::primitive::str> for #steps {
            fn as_ref(&self) -> &::core::primitive::str {
                match self { #(Self::#variants => #texts,)* }
            }
        }

        #[automatically_derived]
        impl #library::__private::StepName for #steps {
            const ALL: &'static [Self] = &[#(Self::#variants),*];

            fn index(self) -> ::core::primitive::usize {
                match self { #(Self::#variants => #indexes,)* }
            }
        }
    }
}
