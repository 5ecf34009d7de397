//! What classifies an error type.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{ErrorType, Variant};
use crate::parse::Class;

/// `Failure`, and the way to a `StepError` by `?`.
pub(super) fn expand(error: &ErrorType) -> TokenStream {
    let ErrorType { library, ident, generics, variants } = error;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let kinds = variants.iter().map(|variant| {
        let kind = match &variant.class {
            Class::Transient => quote!(#library::__private::FailureKind::Transient),
            Class::Permanent => quote!(#library::__private::FailureKind::Permanent),
            Class::InDoubt => quote!(#library::__private::FailureKind::InDoubt),
            Class::Business(_) => quote!(#library::__private::FailureKind::Business),
            Class::Transparent => quote!(#library::__private::Failure::kind(source)),
        };
        arm(variant, &kind)
    });
    let codes = variants.iter().map(|variant| {
        let code = match &variant.class {
            Class::Business(code) => {
                quote!(::core::option::Option::Some(#library::__private::Cow::Borrowed(#code)))
            }
            Class::Transparent => quote!(#library::__private::Failure::code(source)),
            Class::Transient | Class::Permanent | Class::InDoubt => quote!(::core::option::Option::None),
        };
        arm(variant, &code)
    });
    let (kinds, codes) = if variants.is_empty() {
        (quote!(match *self {}), quote!(match *self {}))
    } else {
        (quote!(match self { #(#kinds)* }), quote!(match self { #(#codes)* }))
    };
    quote! {
        #[automatically_derived]
        #[allow(clippy::pedantic, clippy::match_single_binding)]
        impl #impl_generics #library::__private::Failure for #ident #ty_generics #where_clause {
            fn kind(&self) -> #library::__private::FailureKind {
                #kinds
            }

            fn code(&self) -> ::core::option::Option<#library::__private::Cow<'static, str>> {
                #codes
            }
        }

        #[automatically_derived]
        impl #impl_generics ::core::convert::From<#ident #ty_generics> for #library::__private::StepError
        #where_clause
        {
            fn from(error: #ident #ty_generics) -> Self {
                #library::__private::Failure::into_step_error(error)
            }
        }
    }
}

fn arm(variant: &Variant, answer: &TokenStream) -> TokenStream {
    let name = variant.ident.as_ref().map(|ident| quote!(::#ident));
    let fields =
        if let Some(source) = &variant.source { quote!({ #source: source }) } else { quote!({ .. }) };
    quote!(Self #name #fields => #answer,)
}
