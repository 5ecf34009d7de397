//! The type that stands for a step.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Index;
use syn::spanned::Spanned;

use super::definition::{step_definition, step_outline};
use crate::model::{Datum, Passes, Returns, Step, Taken, Undo};

/// The type of the function's name, and what it implements.
pub(super) fn expand(step: &Step) -> TokenStream {
    let Step { library, ident, signature, .. } = step;
    let visibility = visibility(step);
    let saga = &signature.saga;
    let (impl_generics, _, where_clause) = signature.generics.split_for_impl();
    let where_clause = bounded(step, where_clause);
    let documentation = format!("The step `{}`.", step.name);
    let outline = step_outline(step);
    let definition = step_definition(step);
    let output = output(step);
    let record = record(step);
    let args = signature.data.iter().map(|Datum { ty, .. }| quote!(&'step #ty));
    let data = data(step);
    let positions = signature.data.iter().enumerate().map(|(index, Datum { ty, .. })| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #library::__private::Arg<#saga, #index> for #ident #where_clause {
                type Data = #ty;
            }
        }
    });
    let execute = execute(step);
    let verify = verify(step);
    let compensate = compensate(step);
    quote! {
        #[doc(hidden)]
        #[doc = #documentation]
        #[allow(non_camel_case_types, dead_code, unreachable_pub)]
        #visibility struct #ident {}

        const _: () = {
            #[automatically_derived]
            impl #library::__private::StepInfo for #ident {
                const OUTLINE: #library::__private::StepOutline = #outline;

                fn definition() -> #library::__private::StepDefinition {
                    #definition
                }
            }

            #(#positions)*

            #[automatically_derived]
            #[allow(clippy::pedantic, clippy::used_underscore_binding, clippy::manual_async_fn)]
            impl #impl_generics #library::__private::Step<#saga> for #ident #where_clause {
                type Args<'step> = (#(#args,)*) where #saga: 'step;
                type Data = #data;
                type Output = #output;

                const RECORD: #library::__private::Record<#output> = #record;

                #execute
                #verify
                #compensate
            }
        };
    }
}

/// How far the type is seen. A saga names it in its own types, so a private step of a public saga needs a public type;
/// what the step makes is then as public as its saga. A generic step is for any saga: it is as public as its function.
fn visibility(step: &Step) -> TokenStream {
    let visibility = &step.visibility;
    if step.signature.generics.params.is_empty() { quote!(pub) } else { quote!(#visibility) }
}

/// The bounds of the function, and those that a generic saga must keep to be driven.
fn bounded(step: &Step, own: Option<&syn::WhereClause>) -> TokenStream {
    let saga = &step.signature.saga;
    if step.signature.generics.params.is_empty() {
        return quote!(#own);
    }
    let predicates = own.map(|own| own.predicates.iter()).into_iter().flatten();
    quote! {
        where #(#predicates,)*
            #saga: ::core::marker::Send + ::core::marker::Sync + 'static
    }
}

fn output(step: &Step) -> TokenStream {
    let library = &step.library;
    match &step.signature.returns {
        Returns::Result { output, .. } => quote!(#output),
        Returns::Alias(ty) => quote!(<#ty as #library::__private::StepResult>::Output),
    }
}

/// What the step takes: a type, or a tuple of them.
fn data(step: &Step) -> TokenStream {
    let types = step.signature.data.iter().map(|Datum { ty, .. }| ty);
    match &step.signature.data[..] {
        [Datum { ty, .. }] => quote!(#ty),
        _ => quote!((#(#types),*)),
    }
}

/// How the output is recorded: behind a trait that is named for the step, so that the compiler's words are about it.
fn record(step: &Step) -> TokenStream {
    let Step { library, name, .. } = step;
    let output = output(step);
    let span = match &step.signature.returns {
        Returns::Result { output, .. } => output.span(),
        Returns::Alias(ty) => ty.span(),
    };
    let message = format!("the output of step `{name}`, `{{Self}}`, cannot be recorded");
    // Named at the user's token: whatever the compiler says of it is said there.
    let demand = quote_spanned!(span=> <#output as Recorded>::RECORD);
    quote! {{
        #[diagnostic::on_unimplemented(
            message = #message,
            label = "an output must be `Serialize` and `DeserializeOwned`",
            note = "derive them: `#[derive(serde::Serialize, serde::Deserialize)]`",
        )]
        trait Recorded: ::core::marker::Sized {
            const RECORD: #library::__private::Record<Self>;
        }
        #[diagnostic::do_not_recommend]
        impl<T: #library::__private::Serialize + #library::__private::DeserializeOwned> Recorded for T {
            const RECORD: #library::__private::Record<Self> = #library::__private::Record::new();
        }
        #demand
    }}
}

/// The first argument of a call of a user's function.
fn context(step: &Step) -> TokenStream {
    match step.signature.passes {
        Passes::Context => quote_spanned!(Span::mixed_site()=> cx),
        Passes::Saga => quote_spanned!(Span::mixed_site()=> cx.saga()),
    }
}

/// The data arguments, as the function takes them.
fn arguments(step: &Step) -> Vec<TokenStream> {
    let library = &step.library;
    let argument = |(index, Datum { ty, by_value, .. }): (usize, &Datum)| {
        let index = Index::from(index);
        if *by_value {
            quote_spanned!(located(ty.span())=> <#ty as #library::__private::ByValue>::copy(args.#index))
        } else {
            quote_spanned!(Span::mixed_site()=> args.#index)
        }
    };
    step.signature.data.iter().enumerate().map(argument).collect()
}

fn execute(step: &Step) -> TokenStream {
    let Step { library, ident, signature, .. } = step;
    let (context, arguments) = (context(step), arguments(step));
    let call = quote_spanned!(located(ident.span())=> #ident(#context, #(#arguments),*).await);
    let (output, error) = match &signature.returns {
        Returns::Result { error, .. } => {
            let classify =
                quote_spanned!(error.span()=> <#error as #library::__private::Failure>::into_step_error);
            (quote!(#call), classify)
        }
        Returns::Alias(ty) => {
            let call = quote_spanned!(ty.span()=> #library::__private::StepResult::into_result(#call));
            (call, quote_spanned!(ty.span()=> #library::__private::Failure::into_step_error))
        }
    };
    let signature = method(step, &quote!(execute), &quote!(), &quote!(Self::Output));
    let future = quote_spanned! {located(ident.span())=>
        async move {
            match #output {
                ::core::result::Result::Ok(output) => ::core::result::Result::Ok(output),
                ::core::result::Result::Err(error) => ::core::result::Result::Err(#error(error)),
            }
        }
    };
    quote! { #signature { #future } }
}

fn verify(step: &Step) -> TokenStream {
    let Some(verify) = &step.verify else { return TokenStream::new() };
    let library = &step.library;
    let (context, arguments) = (context(step), arguments(step));
    let output = output(step);
    let span = located(verify.span());
    let result = quote_spanned! {span=>
        let result: ::core::result::Result<::core::option::Option<#output>, _> =
            #verify(#context, #(#arguments),*).await;
        match result {
            ::core::result::Result::Ok(found) => ::core::result::Result::Ok(found),
            ::core::result::Result::Err(error) => {
                ::core::result::Result::Err(#library::__private::Failure::into_step_error(error))
            }
        }
    };
    let answer = quote!(::core::option::Option<Self::Output>);
    let signature = method(step, &quote!(verify), &quote!(), &answer);
    quote! { #signature { async move { #result } } }
}

fn compensate(step: &Step) -> TokenStream {
    let Undo::Compensate(path, taken) = &step.undo else { return TokenStream::new() };
    let library = &step.library;
    let context = context(step);
    let arguments = taken.iter().map(|(taken, span)| match taken {
        Taken::Output => quote_spanned!(located(*span)=> output),
        Taken::Datum(index) => {
            let index = Index::from(*index);
            quote_spanned!(located(*span)=> args.#index)
        }
    });
    let takes_output = taken.iter().any(|(taken, _)| *taken == Taken::Output);
    let here = Span::mixed_site();
    let open =
        takes_output.then(|| quote_spanned!(here=> let output = #library::__private::undoable(output)?;));
    let result = quote_spanned! {located(path.span())=>
        let result: ::core::result::Result<(), _> = #path(#context, #(#arguments),*).await;
        match result {
            ::core::result::Result::Ok(()) => ::core::result::Result::Ok(()),
            ::core::result::Result::Err(error) => {
                ::core::result::Result::Err(#library::__private::Failure::into_step_error(error))
            }
        }
    };
    let output = quote_spanned!(here=> output: ::core::option::Option<&'step Self::Output>,);
    let signature = method(step, &quote!(compensate), &output, &quote!(()));
    quote! { #signature { async move { #open #result } } }
}

/// `fn name<'step>(cx, output, args) -> impl Future<..>`.
fn method(step: &Step, name: &TokenStream, output: &TokenStream, answer: &TokenStream) -> TokenStream {
    let (library, saga) = (&step.library, &step.signature.saga);
    // Locals of ours: a user's function called `args` is not shadowed.
    quote_spanned! {Span::mixed_site()=>
        #[allow(unused_variables)]
        fn #name<'step>(
            cx: &'step #library::__private::StepContext<'step, #saga>,
            #output
            args: Self::Args<'step>,
        ) -> impl #library::__private::Future<
            Output = ::core::result::Result<#answer, #library::__private::StepError>
        > + ::core::marker::Send + 'step
    }
}

/// Generated code at the user's token, whose names the user's cannot meet.
fn located(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
