//! The traits of one step through which its data goes: each has one implementation, and words of ours for what is
//! refused. They are asked for by a type parameter: see [`super::ask`].

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use crate::model::{Returns, Step, Undo};

/// Those that the step needs.
pub(super) fn of(step: &Step) -> TokenStream {
    if !step.is_callable {
        return TokenStream::new();
    }
    let by_value = step.signature.data.iter().any(|datum| datum.by_value).then(|| by_value(step));
    let (output, error, returned) = (output(step), error(step), returned(step));
    let (verify, compensation) = (verify(step), compensation(step));
    // A second implementation of what is asked with open types: of a single one the compiler takes the types over, and
    // then says in its own words that they don't fit.
    let nobody = (verify.is_some() || compensation.is_some()).then(|| {
        quote!(
            struct Nobody;
        )
    });
    quote!(#output #error #returned #by_value #nobody #verify #compensation)
}

fn output(step: &Step) -> TokenStream {
    let Step { library, ident, .. } = step;
    let message = format!("the output of step `{ident}`, `{{Output}}`, cannot be recorded");
    quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "an output must be `Serialize` and `DeserializeOwned`",
            note = "derive them: `#[derive(serde::Serialize, serde::Deserialize)]`",
        )]
        trait RecordedOutput<Output> {
            const RECORD: #library::__private::Record<Output>;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Output> RecordedOutput<Output> for Asks
        where
            Output: #library::__private::Serialize + #library::__private::DeserializeOwned,
        {
            const RECORD: #library::__private::Record<Output> = #library::__private::Record::new();
        }
    }
}

fn returned(step: &Step) -> Option<TokenStream> {
    let Returns::Alias { can_be_asked: true, .. } = step.signature.returns else { return None };
    let message =
        format!("step `{}` must return a `Result` of its output and its error, not `{{Type}}`", step.ident);
    Some(quote! {
        #[diagnostic::on_unimplemented(message = #message, label = "expected a `Result`")]
        trait ReturnedByStep<Type> {
            const OK: () = ();
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Output, Error> ReturnedByStep<::core::result::Result<Output, Error>>
            for Asks
        {
        }
    })
}

fn error(step: &Step) -> TokenStream {
    classified(step, &quote!(ClassifiedError), &format!("the error of step `{}`", step.ident))
}

/// `of`, `{Error}`, is not classified.
fn classified(step: &Step, name: &TokenStream, of: &str) -> TokenStream {
    let library = &step.library;
    let message = format!("{of}, `{{Error}}`, is not classified");
    quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "an error says whether it is transient, permanent, business or in doubt",
            note = "derive `saga::Failure` for it, or return `StepError` and say it with `.transient()?`, `.permanent()?`, `.business(\"CODE\")?` or `.in_doubt()?`",
        )]
        trait #name<Error> {
            fn classify(error: Error) -> #library::__private::StepError;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Error> #name<Error> for Asks
        where
            Error: #library::__private::Failure,
        {
            #[inline]
            fn classify(error: Error) -> #library::__private::StepError {
                #library::__private::into_step_error(error)
            }
        }
    }
}

/// What is awaited is a future.
fn awaited(who: &str, name: &TokenStream, library: &syn::Path) -> TokenStream {
    let message = format!("{who} must be an `async fn`");
    quote! {
        #[diagnostic::on_unimplemented(message = #message, label = "it returns `{Answer}`, which is not a future")]
        trait #name<Answer> {
            type Future;
            fn future(answer: Answer) -> Self::Future;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Answer: #library::__private::Future> #name<Answer> for Asks {
            type Future = Answer;
            #[inline]
            fn future(answer: Answer) -> Answer {
                answer
            }
        }
    }
}

fn by_value(step: &Step) -> TokenStream {
    let message = format!("step `{}` takes `{{Data}}` by value, but `{{Data}}` cannot be cloned", step.ident);
    quote! {
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "taken by value, it is cloned for each attempt: take `&{Data}`, or derive `Clone`",
        )]
        trait TakenByValue<Data> {
            fn copy(data: &Data) -> Data;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Data: ::core::clone::Clone> TakenByValue<Data> for Asks {
            #[inline]
            fn copy(data: &Data) -> Data {
                ::core::clone::Clone::clone(data)
            }
        }
    }
}

fn verify(step: &Step) -> Option<TokenStream> {
    let path = step.verify.as_ref()?;
    let who = format!("`{}`, the `verify` of step `{}`,", text(path), step.ident);
    let takes = format!("{who} takes `{{Taken}}`, but is given `{{Given}}`");
    let returns = format!("{who} returns `{{Answer}}`");
    let classified = classified(
        step,
        &quote!(ClassifiedByVerify),
        &format!("the error of the `verify` `{}` of step `{}`", text(path), step.ident),
    );
    let awaited = awaited(&who, &quote!(AwaitedOfVerify), &step.library);
    Some(quote! {
        #[diagnostic::on_unimplemented(message = #takes, label = "`verify` takes what its step takes")]
        trait TakenByVerify<Given, Taken> {
            fn take(given: Given) -> Taken;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, T> TakenByVerify<T, T> for Asks {
            fn take(given: T) -> T {
                given
            }
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, T> TakenByVerify<&T, Nobody> for Asks {
            fn take(_: &T) -> Nobody {
                Nobody
            }
        }
        #[diagnostic::on_unimplemented(
            message = #returns,
            label = "expected `Result<Option<{Output}>, _>`: `None` if it didn't happen",
        )]
        trait ReturnedByVerify<Output, Answer> {
            type Error;
            fn answer(answer: Answer) -> ::core::result::Result<::core::option::Option<Output>, Self::Error>;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Output, Error>
            ReturnedByVerify<Output, ::core::result::Result<::core::option::Option<Output>, Error>> for Asks
        {
            type Error = Error;
            fn answer(
                answer: ::core::result::Result<::core::option::Option<Output>, Error>,
            ) -> ::core::result::Result<::core::option::Option<Output>, Error> {
                answer
            }
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Output> ReturnedByVerify<Output, Nobody> for Asks {
            type Error = Nobody;
            fn answer(answer: Nobody) -> ::core::result::Result<::core::option::Option<Output>, Nobody> {
                ::core::result::Result::Err(answer)
            }
        }
        #classified
        #awaited
    })
}

fn compensation(step: &Step) -> Option<TokenStream> {
    let Undo::Compensate(compensation) = &step.undo else { return None };
    let who = format!("the compensation `{}` of step `{}`", text(&compensation.path), step.ident);
    let takes = format!("{who} takes `{{Taken}}`, but is given `{{Given}}`");
    let returns = format!("{who} returns `{{Answer}}`");
    let classified = classified(step, &quote!(ClassifiedByCompensation), &format!("the error of {who}"));
    let awaited = awaited(&who, &quote!(AwaitedOfCompensation), &step.library);
    Some(quote! {
        #[diagnostic::on_unimplemented(message = #takes, label = "expected a function that takes `{Given}`")]
        trait TakenByCompensation<Given, Taken> {
            fn take(given: Given) -> Taken;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, T> TakenByCompensation<T, T> for Asks {
            fn take(given: T) -> T {
                given
            }
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, T> TakenByCompensation<&T, Nobody> for Asks {
            fn take(_: &T) -> Nobody {
                Nobody
            }
        }
        #[diagnostic::on_unimplemented(message = #returns, label = "a compensation returns `Result<(), _>`")]
        trait ReturnedByCompensation<Answer> {
            type Error;
            fn answer(answer: Answer) -> ::core::result::Result<(), Self::Error>;
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized, Error>
            ReturnedByCompensation<::core::result::Result<(), Error>> for Asks
        {
            type Error = Error;
            fn answer(
                answer: ::core::result::Result<(), Error>,
            ) -> ::core::result::Result<(), Error> {
                answer
            }
        }
        #[diagnostic::do_not_recommend]
        impl<Asks: ?::core::marker::Sized> ReturnedByCompensation<Nobody> for Asks {
            type Error = Nobody;
            fn answer(answer: Nobody) -> ::core::result::Result<(), Nobody> {
                ::core::result::Result::Err(answer)
            }
        }
        #classified
        #awaited
    })
}

/// A path as it was written.
fn text(path: &syn::ExprPath) -> String {
    path.to_token_stream().to_string().replace(' ', "")
}
