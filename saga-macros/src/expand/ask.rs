//! Where traits with words of ours are asked for.
//!
//! Of a type that lacks a trait, the compiler also says "the trait `ChargeFedByReserve` is not implemented for
//! `Order`", which names what is nobody's business. Of a type parameter it says nothing more than our words, and
//! `Self` in a provided method is one. So what is compared are parameters of the trait, everything implements it where
//! they fit, and the one who asks is the `Self` of a trait of its own.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

/// A function of one parameter, whose body may ask `Self`.
pub(super) struct Function<'a> {
    /// Where the function stands.
    pub(super) span: Span,
    pub(super) name: &'a Ident,
    pub(super) generics: &'a TokenStream,
    pub(super) parameter: &'a Ident,
    pub(super) takes: &'a TokenStream,
    pub(super) returns: &'a TokenStream,
    pub(super) where_clause: &'a TokenStream,
    /// The traits that it asks for.
    pub(super) words: &'a TokenStream,
    pub(super) body: &'a TokenStream,
}

impl Function<'_> {
    /// The function.
    pub(super) fn expand(&self) -> TokenStream {
        let Self { span, name, generics, parameter, takes, returns, where_clause, words, body } = self;
        let asks = format_ident!("Asks", span = Span::mixed_site());
        let head = |name: &Ident| quote_spanned!(*span=> fn #name #generics(#parameter: #takes) -> #returns);
        let (outer, inner) = (head(name), head(&format_ident!("ask", span = *span)));
        let call = quote_spanned!(*span=> <() as #asks>::ask(#parameter));
        let body = quote_spanned!(*span=> { #body });
        quote! {
            #[inline]
            #[allow(non_snake_case, unused_variables, clippy::all, clippy::pedantic, clippy::nursery)]
            #outer #where_clause {
                #words
                trait #asks {
                    #[inline]
                    #inner #where_clause #body
                }
                impl #asks for () {}
                #call
            }
        }
    }
}
