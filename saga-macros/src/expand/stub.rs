//! What stands for a step or a saga that has a mistake, so that no second, false error appears where it is used.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Generics, Ident, Path, Visibility};

use super::names;
use super::saga::{no_methods, unreachable};

/// A step of any saga, that takes and makes what nobody knows.
pub(super) fn step(library: &Path, visibility: &Visibility, ident: &Ident) -> TokenStream {
    let name = ident.to_string();
    let unreachable = unreachable();
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #visibility struct #ident {}

        const _: () = {
            impl #library::__private::StepInfo for #ident {
                const OUTLINE: #library::__private::StepOutline = #library::__private::StepOutline {
                    name: #name,
                    kind: #library::__private::StepKind::NothingToUndo,
                    timeout: ::core::option::Option::None,
                    has_retry: true,
                };

                fn definition() -> #library::__private::StepDefinition {
                    #unreachable
                }
            }

            impl<S, const I: usize> #library::__private::Arg<S, I> for #ident {
                type Data = ();
            }

            impl<S> #library::__private::Step<S> for #ident {
                type Saga = S;
                type Args<'step> = () where S: 'step;
                type Data = ();
                type Certainty = #library::__private::Unsure;
                type Output = ();

                const RECORD: #library::__private::Record<()> = #library::__private::Record::unsound();

                async fn execute<'step>(
                    _: &'step #library::__private::StepContext<S>,
                    _: Self::Args<'step>,
                ) -> ::core::result::Result<Self::Output, #library::__private::StepError>
                where
                    S: ::core::marker::Send + ::core::marker::Sync + 'static,
                {
                    #unreachable
                }
            }
        };
    }
}

/// A saga whose flow nobody knows.
pub(super) fn saga(
    library: &Path,
    visibility: &Visibility,
    ident: &Ident,
    generics: &Generics,
) -> TokenStream {
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let (outputs, steps) = (names::outputs_ident(ident), names::step_ident(ident));
    let (methods, unreachable) = (no_methods(library, &quote!(())), unreachable());
    // A struct that borrows can be no saga at all.
    let is_saga = generics.lifetimes().next().is_none();
    let implementation = is_saga.then(|| {
        quote! {
                impl #impl_generics #library::__private::Saga for #ident #ty_generics #where_clause {
                    type Input = ();
                    type Output = ();
                    type Outputs = #outputs;
                    type Step = #steps;
                    type Slots = ();

                    const INPUT: #library::__private::InputRecord<Self> =
                        #library::__private::InputRecord::new(#library::__private::Record::unsound());

                    fn definition() -> &'static #library::__private::Definition {
                        #unreachable
                    }

                    #methods
                }
        }
    });
    quote! {
        #[doc(hidden)]
        #visibility struct #outputs {}

        #[doc(hidden)]
        #[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::marker::Copy)]
        #visibility enum #steps {}

        const _: () = {
            impl ::core::convert::AsRef<str> for #steps {
                fn as_ref(&self) -> &str {
                    match *self {}
                }
            }

            impl #library::__private::StepName for #steps {
                const ALL: &'static [Self] = &[];

                fn index(self) -> usize {
                    match self {}
                }
            }

            #implementation
        };
    }
}
