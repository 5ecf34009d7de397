//! What stands for a step or a saga that has a mistake, so that no second, false error appears where it is used.
//!
//! One mistake is reported where a type is expected: that type is then unknown, and the compiler says nothing more
//! of what is made of it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Generics, Ident, Path, Visibility};

use super::names;
use super::saga::{no_methods, unreachable};
use crate::diagnostics::Mistakes;

/// A step of any saga, that takes and makes what nobody knows.
pub(super) fn step(
    library: &Path,
    visibility: &Visibility,
    ident: &Ident,
    mistakes: &mut Mistakes,
) -> TokenStream {
    let unknown = mistakes.take_type();
    let name = ident.to_string();
    let unreachable = unreachable();
    quote! {
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #visibility struct #ident {}

        const _: () = {
            type Unknown = #unknown;

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
                type Data = Unknown;
            }

            impl<S> #library::__private::Step<S> for #ident {
                type Args<'step> = Unknown where S: 'step;
                type Data = Unknown;
                type Output = Unknown;

                const RECORD: #library::__private::Record<Unknown> = #unreachable;

                async fn execute<'step>(
                    _: &'step #library::__private::StepContext<'step, S>,
                    _: Self::Args<'step>,
                ) -> ::core::result::Result<Self::Output, #library::__private::StepError> {
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
    mistakes: &mut Mistakes,
) -> TokenStream {
    let unknown = mistakes.take_type();
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let (outputs, steps) = (names::outputs_ident(ident), names::step_ident(ident));
    let (methods, unreachable) = (no_methods(library), unreachable());
    quote! {
        #[doc(hidden)]
        #visibility type #outputs = #unknown;

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

            impl #impl_generics #library::__private::Saga for #ident #ty_generics #where_clause {
                type Input = #outputs;
                type Output = #outputs;
                type Outputs = #outputs;
                type Step = #steps;
                type Slots = ();

                fn definition() -> &'static #library::__private::Definition {
                    #unreachable
                }

                #methods
            }
        };
    }
}
