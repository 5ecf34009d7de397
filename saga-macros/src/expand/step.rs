//! The type that stands for a step.

use proc_macro2::{Delimiter, Group, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{ExprPath, Ident, Index, Lifetime, Type};

use super::definition::{step_definition, step_outline};
use super::{library_at, located, type_span, words};
use crate::model::{Compensation, Datum, Passes, Returns, Step, Taken, Undo};

/// The type of the function's name, and what it implements.
pub(super) fn expand(step: &Step) -> TokenStream {
    let Step { library, ident, signature, .. } = step;
    let saga = &signature.saga;
    let visibility = visibility(step);
    let (impl_generics, _, where_clause) = signature.generics.split_for_impl();
    let documentation = format!("The step `{}`.", step.name);
    let outline = step_outline(step);
    let definition = step_definition(step);
    let output = output(step);
    // A step that names its saga is known in any: whether it belongs there is said once, by the flow.
    // Its type has what it is about as a parameter, so that it is as private as that.
    let (impl_generics, sees, own, field) = if signature.generics.params.is_empty() {
        let types = signature.data.iter().map(|Datum { ty, .. }| ty);
        let made = made(step);
        let own = quote!(<__Private = (#saga, #made, #(#types,)*)>);
        let field = quote!(private: ::core::marker::PhantomData<fn() -> __Private>);
        (quote!(<SagaOfFlow>), quote!(SagaOfFlow), own, field)
    } else {
        (quote!(#impl_generics), quote!(#saga), TokenStream::new(), TokenStream::new())
    };
    let certainty = certainty(step);
    let is_result = is_result(step);
    let record = record(step);
    let args = signature.data.iter().map(|Datum { ty, .. }| quote!(&'step #ty));
    let data = data(step);
    let positions = signature.data.iter().enumerate().map(|(index, Datum { ty, .. })| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #library::__private::Arg<#sees, #index> for #ident #where_clause {
                type Data = #ty;
            }
        }
    });
    // A step that names its saga is refused as a step of another by words of ours: nobody is told of its neighbours.
    let is_known = signature.generics.params.is_empty().then(|| quote!(#[diagnostic::do_not_recommend]));
    let at_ident = library_at(library, ident.span());
    let header = quote_spanned! {ident.span()=>
        impl #impl_generics #at_ident::__private::Step<#sees> for #ident #where_clause
    };
    let (words, asking) = (words::of(step), asking(step));
    let methods = if step.is_callable {
        let (execute, verify, compensate) = (execute(step), verify(step), compensate(step));
        let (verify, compensate) = (verify.map(|verify| verify.1), compensate.map(|compensate| compensate.1));
        quote!(#execute #verify #compensate)
    } else {
        TokenStream::new()
    };
    let given = where_clause.map(|own| &own.predicates).into_iter().flatten();
    let goes_anywhere = goes_anywhere(step);
    let (is_shared, shared) = (is_shared(step), shared(step));
    let calls = step.is_callable.then(|| {
        quote! {
            #[automatically_derived]
            #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
            impl #impl_generics #library::__private::StepCalls<true, #sees, Self> for #ident
            where
                #(#given,)*
                #goes_anywhere
            {
                #methods
            }
        }
    });
    let by = quote!(<Self as #library::__private::StepCalls<#shared, #sees, Self>>);
    let forwards = forwards(step, &by);
    let mut body = Group::new(
        Delimiter::Brace,
        quote! {
            type Saga = #saga;
            type Args<'step> = (#(#args,)*) where #saga: 'step;
            type Data = #data;
            type Certainty = #certainty;
            type Output = #output;

            const RECORD: #library::__private::Record<#output> = #record;

            #forwards
        },
    );
    // From the header to the brace at its end: where the compiler shows what the step is a step of.
    body.set_span(ident.span());
    quote! {
        #[doc(hidden)]
        #[doc = #documentation]
        #[allow(non_camel_case_types, dead_code, private_interfaces, unreachable_pub)]
        #visibility struct #ident #own { #field }

        const _: () = {
            #is_result
            #is_shared
            #words
            #asking

            #[automatically_derived]
            impl #library::__private::StepInfo for #ident {
                const OUTLINE: #library::__private::StepOutline = #outline;

                fn definition() -> #library::__private::StepDefinition {
                    #definition
                }
            }

            #(#positions)*

            #is_known
            #[automatically_derived]
            #[allow(clippy::all, clippy::pedantic, clippy::nursery)]
            #header #body

            #calls
        };
    }
}

/// A public saga names its steps in its public face, also private ones, so the type is public: nobody can reach it
/// but by the function's name. A step shared between sagas keeps to its own: it may take what is private.
fn visibility(step: &Step) -> TokenStream {
    let own = &step.visibility;
    if step.signature.is_shared { quote!(#own) } else { quote!(pub) }
}

fn output(step: &Step) -> TokenStream {
    match &step.signature.returns {
        Returns::Result { output, .. } => quote!(#output),
        Returns::Alias { .. } => of_alias(step, "Output"),
    }
}

fn certainty(step: &Step) -> TokenStream {
    let library = &step.library;
    match &step.signature.returns {
        Returns::Result { .. } => quote!(#library::__private::Sure),
        Returns::Alias { .. } => of_alias(step, "Certainty"),
    }
}

/// What its type is as private as.
fn made(step: &Step) -> &Type {
    match &step.signature.returns {
        Returns::Result { output, .. } => output,
        // All that an alias names: nobody knows which of it is the output.
        Returns::Alias { ty, .. } => ty,
    }
}

/// A type or function that is known once the alias is resolved.
fn of_alias(step: &Step, name: &str) -> TokenStream {
    let library = &step.library;
    let Returns::Alias { ty, guess, can_be_asked } = &step.signature.returns else {
        return TokenStream::new();
    };
    let is_result = if *can_be_asked {
        let is_result = is_result_ident();
        quote!({ #is_result })
    } else {
        quote!(true)
    };
    let name = Ident::new(name, type_span(ty));
    quote!(<#ty as #library::__private::Returned<#is_result, #guess>>::#name)
}

fn is_result_ident() -> Ident {
    Ident::new("IS_RESULT", Span::mixed_site())
}

/// Whether the alias is one of a `Result`: a constant, so that a type can follow from it.
fn is_result(step: &Step) -> Option<TokenStream> {
    let library = &step.library;
    let Returns::Alias { ty, can_be_asked: true, .. } = &step.signature.returns else { return None };
    let is_result = is_result_ident();
    Some(quote! {
        const #is_result: ::core::primitive::bool = {
            #[allow(unused_imports)]
            use #library::__private::IsNoResult as _;
            <#library::__private::AskResult<#ty>>::ANSWER
        };
    })
}

/// What the step takes: a type, or a tuple of them.
fn data(step: &Step) -> TokenStream {
    let types = step.signature.data.iter().map(|Datum { ty, .. }| ty);
    match &step.signature.data[..] {
        [Datum { ty, .. }] => quote!(#ty),
        _ => quote!((#(#types),*)),
    }
}

/// How the output is recorded: through the trait of that name, whose words are about this step.
fn record(step: &Step) -> TokenStream {
    let library = &step.library;
    if !step.is_callable {
        return quote!(#library::__private::Record::unsound());
    }
    let asks = asks(step);
    // Named at the user's token: whatever the compiler says of it is said there.
    quote_spanned!(output_span(step)=> #asks::RECORD)
}

/// Where the step says what it makes.
fn output_span(step: &Step) -> Span {
    match &step.signature.returns {
        Returns::Result { output, .. } => type_span(output),
        Returns::Alias { ty, .. } => type_span(ty),
    }
}

/// Where it says what goes wrong, and the type.
fn error(step: &Step) -> (Span, TokenStream) {
    match &step.signature.returns {
        Returns::Result { error, .. } => (type_span(error), quote!(#error)),
        Returns::Alias { ty, .. } => (type_span(ty), of_alias(step, "Error")),
    }
}

/// What asks for the traits in [`words`].
fn asks(step: &Step) -> TokenStream {
    let (_, ty_generics, _) = step.signature.generics.split_for_impl();
    quote!(<() as Asks #ty_generics>)
}

/// Its provided items ask for the traits in [`words`], as [`super::ask`] says.
fn asking(step: &Step) -> TokenStream {
    if !step.is_callable {
        return TokenStream::new();
    }
    let Step { library, signature, .. } = step;
    let (impl_generics, ty_generics, where_clause) = signature.generics.split_for_impl();
    let output = output(step);
    let record = quote_spanned!(output_span(step)=> <Self as RecordedOutput<#output>>::RECORD);
    let (error_span, error) = error(step);
    let classify = quote_spanned!(error_span=> <Self as ClassifiedError<#error>>::classify);
    let returns = match &signature.returns {
        Returns::Alias { ty, can_be_asked: true, .. } => {
            Some(quote_spanned!(type_span(ty)=> let () = <Self as ReturnedByStep<#ty>>::OK;))
        }
        _ => None,
    };
    let copies = signature.data.iter().enumerate().filter(|(_, datum)| datum.by_value).map(|(at, datum)| {
        let (name, ty) = (copy_ident(at), &datum.ty);
        let copy = quote_spanned!(type_span(ty)=> <Self as TakenByValue<#ty>>::copy);
        quote! {
            #[inline]
            fn #name(data: &#ty) -> #ty
            where
            {
                #copy(data)
            }
        }
    });
    let (verify, compensate) = (verify(step), compensate(step));
    let (verify, compensate) = (verify.map(|verify| verify.0), compensate.map(|compensate| compensate.0));
    quote! {
        #[allow(dead_code, private_interfaces, private_bounds, clippy::all, clippy::pedantic, clippy::nursery)]
        trait Asks #impl_generics #where_clause {
            const RECORD: #library::__private::Record<#output> = #record;

            #[inline]
            fn classify(error: #error) -> #library::__private::StepError {
                #returns
                #classify(error)
            }

            #(#copies)*
            #verify
            #compensate
        }
        impl #impl_generics Asks #ty_generics for () #where_clause {}
    }
}

fn copy_ident(at: usize) -> Ident {
    format_ident!("copy_{at}", span = Span::mixed_site())
}

/// The first argument of a call of a user's function.
fn context(step: &Step, span: Span) -> TokenStream {
    match step.signature.passes {
        Passes::Context => quote_spanned!(located(span)=> cx),
        Passes::Saga => quote_spanned!(located(span)=> cx.saga()),
    }
}

/// The data arguments, as the function takes them.
fn arguments(step: &Step) -> Vec<TokenStream> {
    let argument = |(index, Datum { ty, by_value, .. }): (usize, &Datum)| {
        let datum = datum(index, Span::mixed_site());
        if *by_value {
            let (asks, copy) = (asks(step), copy_ident(index));
            let copy = quote_spanned!(type_span(ty)=> #asks::#copy);
            quote!(#copy(#datum))
        } else {
            datum
        }
    };
    step.signature.data.iter().enumerate().map(argument).collect()
}

fn datum(index: usize, span: Span) -> TokenStream {
    let index = Index { index: u32::try_from(index).unwrap_or(u32::MAX), span };
    quote_spanned!(located(span)=> args.#index)
}

fn execute(step: &Step) -> TokenStream {
    let Step { ident, signature, .. } = step;
    let (context, arguments) = (context(step, ident.span()), arguments(step));
    let call = quote_spanned!(located(ident.span())=> #ident(#context, #(#arguments),*).await);
    let output_type = self::output(step);
    let output = match &signature.returns {
        Returns::Result { .. } => call,
        Returns::Alias { .. } => {
            let result = of_alias(step, "into_result");
            quote!(#result(#call))
        }
    };
    let asks = asks(step);
    let classify = quote_spanned!(error(step).0=> #asks::classify);
    let signature = method(step, ident.span(), &quote!(execute), &quote!(), &output_type, &quote!());
    let future = quote_spanned! {ident.span()=>
        async move {
            match #output {
                ::core::result::Result::Ok(output) => ::core::result::Result::Ok(output),
                ::core::result::Result::Err(error) => ::core::result::Result::Err(#classify(error)),
            }
        }
    };
    quote! { #signature { #future } }
}

/// Calls `verify` with the step's own parameters. What it takes and returns goes through traits whose words are
/// about this step: the call stands where they can be asked for, and the step's own method passes it on.
fn verify(step: &Step) -> Option<(TokenStream, TokenStream)> {
    let verify = step.verify.as_ref()?;
    let span = path_span(verify);
    let context = context(step, span);
    let by_value = step.signature.data.iter().map(|datum| datum.by_value);
    let (takes, arguments): (Vec<_>, Vec<_>) = arguments(step)
        .into_iter()
        .zip(by_value)
        .enumerate()
        .map(|(index, (argument, by_value))| {
            if by_value {
                return (TokenStream::new(), argument);
            }
            let (declared, take) = through(
                &quote_spanned!(span=> <Self as TakenByVerify<_, _>>::take),
                &format!("__take_{index}"),
                span,
            );
            (declared, quote!(#take(#argument)))
        })
        .unzip();
    let output = output(step);
    let call = quote_spanned!(span=> #verify(#context, #(#arguments),*));
    let (awaited, future_of) =
        through(&quote_spanned!(span=> <Self as AwaitedOfVerify<_>>::future), "__future_of", span);
    let (answer, answer_of) =
        through(&quote_spanned!(span=> <Self as ReturnedByVerify<#output, _>>::answer), "__answer", span);
    let (classify, classified) =
        through(&quote_spanned!(span=> <Self as ClassifiedByVerify<_>>::classify), "__classify", span);
    let body = quote_spanned! {span=>
        #awaited
        let __result = #future_of(#call).await;
        #answer
        #classify
        match #answer_of(__result) {
            ::core::result::Result::Ok(found) => ::core::result::Result::Ok(found),
            ::core::result::Result::Err(error) => ::core::result::Result::Err(#classified(error)),
        }
    };
    let found = quote!(::core::option::Option<#output>);
    let method = |assumed| method(step, span, &quote!(verify), &quote!(), &found, assumed);
    let (asked, signature) = (method(&goes_anywhere(step)), method(&quote!()));
    let here = Span::mixed_site();
    let asking = quote_spanned! {here=>
        #asked {
            async move {
                #(#takes)*
                #body
            }
        }
    };
    let asks = asks(step);
    Some((asking, quote_spanned!(here=> #signature { #asks::verify(cx, args) })))
}

/// Calls the compensation with what it takes, through traits whose words are about this step; and the step's own
/// method, as in [`verify`].
fn compensate(step: &Step) -> Option<(TokenStream, TokenStream)> {
    let Undo::Compensate(compensation) = &step.undo else { return None };
    let Compensation { path, taken, parentheses } = compensation;
    let library = &step.library;
    let span = path_span(path);
    let context = context(step, span);
    let (takes, arguments): (Vec<_>, Vec<_>) = taken
        .iter()
        .enumerate()
        .map(|(at, (taken, span))| {
            let argument = match taken {
                Taken::Output => quote_spanned!(located(*span)=> output),
                Taken::Datum(index) => datum(*index, *span),
            };
            let name = format!("__take_{at}");
            let (declared, take) =
                through(&quote_spanned!(*span=> <Self as TakenByCompensation<_, _>>::take), &name, *span);
            (declared, quote_spanned!(*span=> #take(#argument)))
        })
        .unzip();
    let mut given = Group::new(Delimiter::Parenthesis, quote_spanned!(span=> #context, #(#arguments),*));
    given.set_span(parentheses.map_or(span, |written| written.span.join()));
    let takes_output = taken.iter().any(|(taken, _)| *taken == Taken::Output);
    let here = Span::mixed_site();
    let open =
        takes_output.then(|| quote_spanned!(here=> let output = #library::__private::undoable(output)?;));
    let call = quote_spanned!(span=> #path #given);
    let (awaited, future_of) =
        through(&quote_spanned!(span=> <Self as AwaitedOfCompensation<_>>::future), "__future_of", span);
    let (result, result_of) =
        through(&quote_spanned!(span=> <Self as ReturnedByCompensation<_>>::answer), "__result_of", span);
    let (classify, classified) =
        through(&quote_spanned!(span=> <Self as ClassifiedByCompensation<_>>::classify), "__classify", span);
    let body = quote_spanned! {span=>
        #awaited
        let __result = #future_of(#call).await;
        #result
        #classify
        match #result_of(__result) {
            ::core::result::Result::Ok(()) => ::core::result::Result::Ok(()),
            ::core::result::Result::Err(error) => ::core::result::Result::Err(#classified(error)),
        }
    };
    let lifetime = Lifetime::new("'step", span);
    let output = output(step);
    let output = quote_spanned!(here=> output: ::core::option::Option<&#lifetime #output>,);
    let method = |assumed| method(step, span, &quote!(compensate), &output, &quote!(()), assumed);
    let (asked, signature) = (method(&goes_anywhere(step)), method(&quote!()));
    let asking = quote_spanned! {here=>
        #asked {
            async move {
                #open
                #(#takes)*
                #body
            }
        }
    };
    let asks = asks(step);
    Some((asking, quote_spanned!(here=> #signature { #asks::compensate(cx, output, args) })))
}

/// A function of a trait, under a name of its own: what the compiler says of it is said at its path, and not at the
/// arguments of a call, which are nobody's tokens.
fn through(function: &TokenStream, name: &str, span: Span) -> (TokenStream, Ident) {
    let name = Ident::new(name, span);
    (quote_spanned!(span=> let #name = #function;), name)
}

/// The methods of the step, which make the calls.
fn forwards(step: &Step, by: &TokenStream) -> TokenStream {
    let (here, output) = (step.ident.span(), output(step));
    let execute = method(step, here, &quote!(execute), &quote!(), &output, &quote!());
    if !step.is_callable {
        return quote!(#execute { async { ::core::unreachable!("this step does not compile") } });
    }
    let lifetime = Lifetime::new("'step", here);
    let given = located(here);
    let (cx, made, args) = (Ident::new("cx", given), Ident::new("output", given), Ident::new("args", given));
    let verify = step.verify.is_some().then(|| {
        let found = quote!(::core::option::Option<#output>);
        let verify = method(step, here, &quote!(verify), &quote!(), &found, &quote!());
        quote!(#verify { #by::verify(#cx, #args) })
    });
    let compensate = matches!(step.undo, Undo::Compensate(_)).then(|| {
        let parameter = quote!(#made: ::core::option::Option<&#lifetime #output>,);
        let compensate = method(step, here, &quote!(compensate), &parameter, &quote!(()), &quote!());
        quote!(#compensate { #by::compensate(#cx, #made, #args) })
    });
    quote! {
        #execute { #by::execute(#cx, #args) }
        #verify
        #compensate
    }
}

/// Whether all that the step takes and makes can go from thread to thread: a constant, so that a type can follow from it.
fn is_shared(step: &Step) -> Option<TokenStream> {
    if !step.signature.generics.params.is_empty() {
        return None;
    }
    let (library, is_shared, output) = (&step.library, is_shared_ident(), output(step));
    let data = step.signature.data.iter().map(|Datum { ty, .. }| ty);
    Some(quote! {
        const #is_shared: ::core::primitive::bool = {
            #[allow(unused_imports)]
            use #library::__private::IsNotShared as _;
            <#library::__private::AskShared<#output>>::ANSWER
            #(&& <#library::__private::AskShared<#data>>::ANSWER)*
        };
    })
}

fn is_shared_ident() -> Ident {
    Ident::new("IS_SHARED", Span::mixed_site())
}

/// The same as the parameter of a type. A constant cannot name type parameters: the bounds of a generic step must say it.
fn shared(step: &Step) -> TokenStream {
    if step.signature.generics.params.is_empty() {
        let is_shared = is_shared_ident();
        quote!({ #is_shared })
    } else {
        quote!(true)
    }
}

/// What the step takes and makes can go from thread to thread: assumed, and not looked into. Its saga demands it.
fn goes_anywhere(step: &Step) -> TokenStream {
    let (types, output) = (step.signature.data.iter().map(|Datum { ty, .. }| ty), output(step));
    quote! {
        #(for<'any> #types: ::core::marker::Send + ::core::marker::Sync,)*
        for<'any> #output: ::core::marker::Send + ::core::marker::Sync,
    }
}

/// `fn name<'step>(cx, output, args) -> impl Future<..>`; `at` is where it is said that the future is not `Send`.
fn method(
    step: &Step,
    at: Span,
    name: &TokenStream,
    output: &TokenStream,
    answer: &TokenStream,
    assumed: &TokenStream,
) -> TokenStream {
    let (library, saga) = (&step.library, &step.signature.saga);
    let lifetime = Lifetime::new("'step", at);
    let data = step.signature.data.iter().map(|Datum { ty, .. }| ty);
    let future = quote_spanned! {at=>
        impl #library::__private::Future<
            Output = ::core::result::Result<#answer, #library::__private::StepError>
        > + ::core::marker::Send + #lifetime
    };
    // Assumed of the saga, and not looked into: what it is not is said of its struct, once.
    let shared = if step.signature.generics.params.is_empty() { quote!(for<'saga>) } else { quote!() };
    // Locals of ours: a user's function called `args` is not shadowed.
    let parameters = quote_spanned! {Span::mixed_site()=>
        cx: &#lifetime #library::__private::StepContext<#saga>,
        #output
        args: (#(&#lifetime #data,)*),
    };
    quote! {
        #[allow(unused_variables)]
        fn #name<#lifetime>(#parameters) -> #future
        where
            #shared #saga: ::core::marker::Send + ::core::marker::Sync,
            #saga: 'static,
            #assumed
    }
}

/// Where a path is named.
pub(super) fn path_span(path: &ExprPath) -> Span {
    path.path.segments.last().map_or_else(Span::call_site, |segment| segment.ident.span())
}
