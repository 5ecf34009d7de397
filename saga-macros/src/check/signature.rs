//! What a step takes and returns.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    FnArg, GenericArgument, GenericParam, Ident, ItemFn, Lifetime, Pat, PatType, PathArguments, ReturnType,
    Type, TypeImplTrait, TypeReference,
};

use crate::diagnostics::Mistakes;
use crate::model::{Datum, Passes, Returns, Signature};

/// The signature of a step, and whether the step can be called; `None` where a mistake hides what it takes or makes.
pub(super) fn signature(function: &ItemFn, mistakes: &mut Mistakes) -> Option<(Signature, bool)> {
    let (sig, name) = (&function.sig, &function.sig.ident);
    let before = mistakes.count();
    if sig.asyncness.is_none() {
        mistakes.at(sig.fn_token, format!("step `{name}` must be an `async fn`"));
    }
    let mut inputs = sig.inputs.iter();
    let saga = match inputs.next() {
        Some(FnArg::Typed(first)) => saga_parameter(&first.ty),
        Some(FnArg::Receiver(receiver)) => {
            mistakes.at(receiver, format!("step `{name}` must be a free function: its saga is a parameter"));
            return None;
        }
        None => None,
    };
    if saga.is_none() {
        let at = match sig.inputs.first() {
            Some(FnArg::Typed(first)) => first.ty.to_token_stream(),
            _ => name.to_token_stream(),
        };
        let message =
            format!("the first parameter of step `{name}` must be its saga: `&Saga` or `&StepContext<Saga>`");
        mistakes.at(at, message);
    }
    // All are looked at, so that all mistakes are reported.
    let data = inputs.map(|input| datum(name, input, mistakes)).collect::<Vec<_>>();
    let returns = returns(function, mistakes);
    let (saga, is_context) = saga?;
    if let Type::TraitObject(object) = &saga {
        let bounds = object.bounds.to_token_stream();
        let message = format!(
            "step `{name}` must name the type of its saga: to share it between sagas, make it generic, `{name}<S: {bounds}>(saga: &S, ..)`"
        );
        mistakes.at(object, message);
        return None;
    }
    if let Some(borrow) = Borrow::of(&saga) {
        mistakes.at(borrow, format!("the saga of step `{name}` borrows, but outlives whoever starts it"));
        return None;
    }
    let is_known = generics_fit(function, &saga, mistakes);
    let data = data.into_iter().collect::<Option<Vec<_>>>()?;
    let returns = returns.filter(|_| is_known)?;

    let mut generics = sig.generics.clone();
    generics.params = generics
        .params
        .into_iter()
        .filter(|parameter| !matches!(parameter, GenericParam::Lifetime(_)))
        .collect();
    let is_own = |parameter: &syn::TypeParam| parameter.ident == saga.to_token_stream().to_string();
    let is_shared = generics.type_params().any(is_own);
    let passes = if is_shared && !is_context { Passes::Saga } else { Passes::Context };
    Some((Signature { generics, saga, passes, is_shared, data, returns }, mistakes.count() == before))
}

/// The saga that a first parameter names, and whether it does so by a `StepContext`.
fn saga_parameter(ty: &Type) -> Option<(Type, bool)> {
    let Type::Reference(TypeReference { mutability: None, elem, .. }) = ty else { return None };
    let context = match &**elem {
        Type::Path(path) => path.path.segments.last().filter(|segment| segment.ident == "StepContext"),
        _ => None,
    };
    let Some(context) = context else { return Some(((**elem).clone(), false)) };
    let PathArguments::AngleBracketed(arguments) = &context.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(saga) => Some((saga.clone(), true)),
        _ => None,
    })
}

fn datum(step: &Ident, input: &FnArg, mistakes: &mut Mistakes) -> Option<Datum> {
    let FnArg::Typed(PatType { pat, ty, .. }) = input else { return None };
    let name = match &**pat {
        Pat::Ident(pattern) => Some(pattern.ident.clone()),
        _ => None,
    };
    let (ty, by_value) = match &**ty {
        Type::Reference(reference) => {
            if reference.mutability.is_some() {
                mistakes.at(ty, format!("step `{step}` cannot change its data: take `&T`, or `T` by value"));
            }
            (&*reference.elem, false)
        }
        owned => (owned, true),
    };
    if let Some(owned) = owned(ty) {
        mistakes.at(ty, format!("the data of step `{step}` is recorded and owned: take {owned}"));
        return None;
    }
    if let Some(borrow) = Borrow::of(ty) {
        let message =
            format!("the data of step `{step}` is owned; this borrows inside: take `&T` of an owned `T`");
        mistakes.at(borrow, message);
        return None;
    }
    Some(Datum { name, ty: ty.clone(), by_value })
}

/// What is taken instead of a type whose size nobody knows.
fn owned(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) if path.path.is_ident("str") => Some("`&String`".to_owned()),
        Type::Slice(slice) => Some(format!("`&Vec<{}>`", slice.elem.to_token_stream())),
        Type::TraitObject(_) => Some("`&T` of a type with a size that is known".to_owned()),
        _ => None,
    }
}

fn returns(function: &ItemFn, mistakes: &mut Mistakes) -> Option<Returns> {
    let step = &function.sig.ident;
    let expected = format!("step `{step}` must return a `Result` of its output and its error");
    let ReturnType::Type(_, ty) = &function.sig.output else {
        mistakes.at(step, expected);
        return None;
    };
    if let Some(borrow) = Borrow::of(ty) {
        let message =
            format!("step `{step}` borrows in its output, which outlives the step: return owned data");
        mistakes.at(borrow, message);
        return None;
    }
    let can_be_asked = !names_parameter(function, ty);
    // That it isn't `async` has been said.
    if function.sig.asyncness.is_none() && is_future(ty) {
        return None;
    }
    let last = match &**ty {
        Type::Path(path) => path.path.segments.last().filter(|last| {
            let name = last.ident.to_string();
            name.ends_with("Result") || (can_be_asked && !NO_RESULTS.contains(&name.as_str()))
        }),
        _ => None,
    };
    let Some(last) = last else {
        mistakes.at(ty, expected);
        // Most likely the `Result` around it was forgotten.
        return Some(Returns::Result { output: ty.clone(), error: Box::new(syn::parse_quote!(())) });
    };
    let types: Vec<&Type> = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    Some(match types[..] {
        [output, error] if last.ident == "Result" => {
            Returns::Result { output: Box::new(output.clone()), error: Box::new(error.clone()) }
        }
        _ => {
            let guess = types.first().map_or_else(|| ty.clone(), |&first| Box::new(first.clone()));
            Returns::Alias { ty: ty.clone(), guess, can_be_asked }
        }
    })
}

/// `impl Future` or `Pin<Box<dyn Future>>`.
fn is_future(ty: &Type) -> bool {
    match ty {
        Type::ImplTrait(_) => true,
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            last.ident == "Pin" || last.ident == "BoxFuture" || last.ident == "LocalBoxFuture"
        }),
        _ => false,
    }
}

/// What nobody calls an alias of a `Result`.
const NO_RESULTS: [&str; 23] = [
    "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64",
    "u128", "usize", "str", "String", "Option", "Vec", "Box", "Pin", "Self",
];

/// Whether the type is about one of the function's type parameters.
fn names_parameter(function: &ItemFn, ty: &Type) -> bool {
    let mut finder = Finder { idents: Vec::new(), opaque: None };
    finder.visit_type(ty);
    function.sig.generics.params.iter().any(|parameter| match parameter {
        GenericParam::Type(parameter) => finder.names(&parameter.ident),
        GenericParam::Const(parameter) => finder.names(&parameter.ident),
        GenericParam::Lifetime(_) => false,
    })
}

/// A step's type parameters must be those of its saga: nothing else tells what they stand for.
fn generics_fit(function: &ItemFn, saga: &Type, mistakes: &mut Mistakes) -> bool {
    let name = &function.sig.ident;
    let mut finder = Finder { idents: Vec::new(), opaque: None };
    finder.visit_type(saga);
    let mut fit = true;
    for parameter in &function.sig.generics.params {
        let ident = match parameter {
            GenericParam::Type(parameter) => &parameter.ident,
            GenericParam::Const(parameter) => &parameter.ident,
            GenericParam::Lifetime(_) => continue,
        };
        if !finder.names(ident) {
            let message = format!("step `{name}` is generic over `{ident}`, which its saga doesn't name");
            mistakes.at(ident, message);
            fit = false;
        }
    }
    let mut finder = Finder { idents: Vec::new(), opaque: None };
    let mut sig = function.sig.clone();
    if sig.asyncness.is_none() && matches!(&sig.output, ReturnType::Type(_, ty) if is_future(ty)) {
        sig.output = ReturnType::Default;
    }
    finder.visit_signature(&sig);
    if let Some(opaque) = finder.opaque {
        mistakes.at(opaque, format!("step `{name}` must name its types: `impl Trait` says too little"));
        fit = false;
    }
    fit
}

/// Finds the names in a type, and an `impl Trait`.
struct Finder {
    idents: Vec<String>,
    opaque: Option<proc_macro2::TokenStream>,
}

impl Finder {
    fn names(&self, ident: &Ident) -> bool {
        self.idents.contains(&ident.to_string())
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.idents.push(ident.to_string());
    }

    fn visit_type_impl_trait(&mut self, opaque: &'ast TypeImplTrait) {
        self.opaque.get_or_insert_with(|| opaque.to_token_stream());
    }
}

/// Finds a borrow in a type.
struct Borrow(Option<proc_macro2::TokenStream>);

impl Borrow {
    fn of(ty: &Type) -> Option<proc_macro2::TokenStream> {
        let mut borrow = Self(None);
        borrow.visit_type(ty);
        borrow.0
    }
}

impl<'ast> Visit<'ast> for Borrow {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if reference.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static") {
            self.0.get_or_insert_with(|| reference.to_token_stream());
        } else {
            visit::visit_type_reference(self, reference);
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.0.get_or_insert_with(|| lifetime.to_token_stream());
        }
    }
}
