//! What classifies an error type.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

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
            Class::Transparent => of_source(variant, &quote!(kind)),
        };
        arm(variant, &kind)
    });
    let codes = variants.iter().map(|variant| {
        let code = match &variant.class {
            Class::Business(code) => {
                quote!(::core::option::Option::Some(#library::__private::Cow::Borrowed(#code)))
            }
            Class::Transparent => of_source(variant, &quote!(code)),
            Class::Transient | Class::Permanent | Class::InDoubt => quote!(::core::option::Option::None),
        };
        arm(variant, &code)
    });
    let sources = classified_source(error);
    let (kinds, codes) = if variants.is_empty() {
        (quote!(match *self {}), quote!(match *self {}))
    } else {
        (quote!(match self { #(#kinds)* }), quote!(match self { #(#codes)* }))
    };
    quote! {
        const _: () = {
        #sources

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
                #library::__private::into_step_error(error)
            }
        }
        };
    }
}

/// What a transparent failure asks its source: behind a trait of our words, which a source that is no `Failure` is
/// refused with.
fn classified_source(error: &ErrorType) -> TokenStream {
    let library = &error.library;
    if error.variants.iter().all(|variant| variant.source.is_none()) {
        return TokenStream::new();
    }
    let message = format!("`{}` is transparent, but its source `{{Self}}` is not classified", error.ident);
    quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "the source of a transparent failure must be a `Failure` itself",
        )]
        trait ClassifiedSource {
            fn kind(&self) -> #library::__private::FailureKind;
            fn code(&self) -> ::core::option::Option<#library::__private::Cow<'static, str>>;
        }
        #[diagnostic::do_not_recommend]
        impl<T: #library::__private::Failure> ClassifiedSource for T {
            fn kind(&self) -> #library::__private::FailureKind {
                #library::__private::Failure::kind(self)
            }
            fn code(&self) -> ::core::option::Option<#library::__private::Cow<'static, str>> {
                #library::__private::Failure::code(self)
            }
        }
    }
}

fn of_source(variant: &Variant, question: &TokenStream) -> TokenStream {
    let Some((_, ty)) = &variant.source else { return TokenStream::new() };
    let ask = quote_spanned!(ty.span()=> <#ty as ClassifiedSource>::#question);
    quote!(#ask(source))
}

fn arm(variant: &Variant, answer: &TokenStream) -> TokenStream {
    let name = variant.ident.as_ref().map(|ident| quote!(::#ident));
    let fields =
        if let Some((source, _)) = &variant.source { quote!({ #source: source }) } else { quote!({ .. }) };
    quote!(Self #name #fields => #answer,)
}
