//! What classifies an error type.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use super::type_span;
use crate::model::{ErrorType, Variant};
use crate::parse::Class;

/// `Failure`, and the way to a `StepError` by `?`.
pub(super) fn expand(error: &ErrorType) -> TokenStream {
    let ErrorType { library, ident, generics, variants } = error;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let of_source = |what: &str, index: usize| {
        let question = question(what, index);
        quote!(<() as Asks #ty_generics>::#question(source))
    };
    let kinds = variants.iter().enumerate().map(|(index, variant)| {
        let kind = match &variant.class {
            Class::Transient => quote!(#library::__private::FailureKind::Transient),
            Class::Permanent => quote!(#library::__private::FailureKind::Permanent),
            Class::InDoubt => quote!(#library::__private::FailureKind::InDoubt),
            Class::Business(_) => quote!(#library::__private::FailureKind::Business),
            Class::Transparent => of_source("kind", index),
        };
        arm(variant, &kind)
    });
    let codes = variants.iter().enumerate().map(|(index, variant)| {
        let code = match &variant.class {
            Class::Business(code) => {
                quote!(::core::option::Option::Some(#library::__private::Cow::Borrowed(#code)))
            }
            Class::Transparent => of_source("code", index),
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
/// refused with. See [`super::ask`] for who asks.
fn classified_source(error: &ErrorType) -> TokenStream {
    let ErrorType { library, ident, generics, variants } = error;
    if variants.iter().all(|variant| variant.source.is_none()) {
        return TokenStream::new();
    }
    let message = format!("`{ident}` is transparent, but its source `{{Source}}` is not classified");
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let questions = variants.iter().enumerate().filter_map(|(index, variant)| {
        let (_, ty) = variant.source.as_ref()?;
        let (kind, code) = (question("kind", index), question("code", index));
        let ask = quote_spanned!(type_span(ty)=> <Self as ClassifiedSource<#ty>>);
        Some(quote! {
            fn #kind(source: &#ty) -> #library::__private::FailureKind {
                #ask::kind(source)
            }
            fn #code(source: &#ty) -> ::core::option::Option<#library::__private::Cow<'static, str>> {
                #ask::code(source)
            }
        })
    });
    quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "the source of a transparent failure must be a `Failure` itself",
        )]
        trait ClassifiedSource<Source> {
            fn kind(source: &Source) -> #library::__private::FailureKind;
            fn code(source: &Source) -> ::core::option::Option<#library::__private::Cow<'static, str>>;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Source> ClassifiedSource<Source> for Asks
        where
            Source: #library::__private::Failure,
        {
            fn kind(source: &Source) -> #library::__private::FailureKind {
                #library::__private::Failure::kind(source)
            }
            fn code(source: &Source) -> ::core::option::Option<#library::__private::Cow<'static, str>> {
                #library::__private::Failure::code(source)
            }
        }
        #[allow(private_interfaces, private_bounds, clippy::all, clippy::pedantic, clippy::nursery)]
        trait Asks #impl_generics #where_clause {
            #(#questions)*
        }
        impl #impl_generics Asks #ty_generics for () #where_clause {}
    }
}

/// `kind_0`: what the variant of this index asks its source.
fn question(what: &str, index: usize) -> Ident {
    format_ident!("{what}_{index}", span = Span::mixed_site())
}

fn arm(variant: &Variant, answer: &TokenStream) -> TokenStream {
    let name = variant.ident.as_ref().map(|ident| quote!(::#ident));
    let fields =
        if let Some((source, _)) = &variant.source { quote!({ #source: source }) } else { quote!({ .. }) };
    quote!(Self #name #fields => #answer,)
}
