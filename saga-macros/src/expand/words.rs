//! The traits of one step through which its data goes: each has one implementation, and words of ours for what is
//! refused. Only their names are shown with those words.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};

use super::step::path_span;
use crate::model::{Step, Undo};

/// Those that the step needs.
pub(super) fn of(step: &Step) -> TokenStream {
    if !step.is_callable {
        return TokenStream::new();
    }
    let by_value = step.signature.data.iter().any(|datum| datum.by_value).then(|| by_value(step));
    let (output, error) = (output(step), error(step));
    let (verify, compensation) = (verify(step), compensation(step));
    quote!(#output #error #by_value #verify #compensation)
}

fn output(step: &Step) -> TokenStream {
    let Step { library, ident, .. } = step;
    let message = format!("the output of step `{ident}`, `{{Self}}`, cannot be recorded");
    quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "an output must be `Serialize` and `DeserializeOwned`",
            note = "derive them: `#[derive(serde::Serialize, serde::Deserialize)]`",
        )]
        trait RecordedOutput: ::core::marker::Sized {
            const RECORD: #library::__private::Record<Self>;
        }
        #[diagnostic::do_not_recommend]
        impl<T: #library::__private::Serialize + #library::__private::DeserializeOwned> RecordedOutput for T {
            const RECORD: #library::__private::Record<Self> = #library::__private::Record::new();
        }
    }
}

fn error(step: &Step) -> TokenStream {
    classified(step, &quote!(ClassifiedError), &format!("the error of step `{}`", step.ident))
}

/// `of`, `{Self}`, is not classified.
fn classified(step: &Step, name: &TokenStream, of: &str) -> TokenStream {
    let library = &step.library;
    let message = format!("{of}, `{{Self}}`, is not classified");
    quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "an error says whether it is transient, permanent, business or in doubt",
            note = "derive `saga::Failure` for it, or return `StepError` and say it with `.transient()?`, `.permanent()?`, `.business(\"CODE\")?` or `.in_doubt()?`",
        )]
        trait #name {
            fn classify(self) -> #library::__private::StepError;
        }
        #[diagnostic::do_not_recommend]
        impl<T: #library::__private::Failure> #name for T {
            fn classify(self) -> #library::__private::StepError {
                #library::__private::into_step_error(self)
            }
        }
    }
}

fn by_value(step: &Step) -> TokenStream {
    let message = format!("step `{}` takes `{{Self}}` by value, but `{{Self}}` cannot be cloned", step.ident);
    quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "taken by value, it is cloned for each attempt: take `&{Self}`, or derive `Clone`",
        )]
        trait TakenByValue: ::core::marker::Sized {
            fn copy(data: &Self) -> Self;
        }
        #[diagnostic::do_not_recommend]
        impl<T: ::core::clone::Clone> TakenByValue for T {
            fn copy(data: &Self) -> Self {
                ::core::clone::Clone::clone(data)
            }
        }
    }
}

fn verify(step: &Step) -> Option<TokenStream> {
    let path = step.verify.as_ref()?;
    let who = format!("`{}`, the `verify` of step `{}`,", text(path), step.ident);
    let takes = format!("{who} takes `{{Self}}`, but is given `{{Given}}`");
    let returns = format!("{who} returns `{{Self}}`");
    let classified =
        classified(step, &quote!(ClassifiedByVerify), &format!("the error of {who}").replace(',', ""));
    // At the user's token: the compiler shows where the implementation stands.
    let implementation = quote_spanned! {path_span(path)=>
        impl<T, E> ReturnedByVerify<T> for ::core::result::Result<::core::option::Option<T>, E> {
            type Error = E;
            fn answer(self) -> Self {
                self
            }
        }
    };
    Some(quote! {
        #[diagnostic::on_unimplemented(message = #takes, label = "`verify` takes what its step takes")]
        trait TakenByVerify<Given> {
            fn take(given: Given) -> Self;
        }
        impl<T> TakenByVerify<T> for T {
            fn take(given: T) -> T {
                given
            }
        }
        #[diagnostic::on_unimplemented(
            message = #returns,
            label = "expected `Result<Option<{Output}>, _>`: `None` if it didn't happen",
        )]
        trait ReturnedByVerify<Output> {
            type Error;
            fn answer(self) -> ::core::result::Result<::core::option::Option<Output>, Self::Error>;
        }
        #[diagnostic::do_not_recommend]
        #implementation
        #classified
    })
}

fn compensation(step: &Step) -> Option<TokenStream> {
    let Undo::Compensate(compensation) = &step.undo else { return None };
    let who = format!("the compensation `{}` of step `{}`", text(&compensation.path), step.ident);
    let takes = format!("{who} takes `{{Self}}`, but is given `{{Given}}`");
    let returns = format!("{who} returns `{{Self}}`");
    let classified = classified(step, &quote!(ClassifiedByCompensation), &format!("the error of {who}"));
    Some(quote! {
        #[diagnostic::on_unimplemented(message = #takes, label = "expected a function that takes `{Given}`")]
        trait TakenByCompensation<Given> {
            fn take(given: Given) -> Self;
        }
        impl<T> TakenByCompensation<T> for T {
            fn take(given: T) -> T {
                given
            }
        }
        #[diagnostic::on_unimplemented(message = #returns, label = "a compensation returns `Result<(), _>`")]
        trait ReturnedByCompensation {
            type Error;
            fn result(self) -> ::core::result::Result<(), Self::Error>;
        }
        #[diagnostic::do_not_recommend]
        impl<E> ReturnedByCompensation for ::core::result::Result<(), E> {
            type Error = E;
            fn result(self) -> Self {
                self
            }
        }
        #classified
    })
}

/// A path as it was written.
fn text(path: &syn::ExprPath) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}
