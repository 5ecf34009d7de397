//! An error type and its classes.

use syn::{Attribute, Data, DeriveInput, Fields, Ident, Member, Path, Type};

use crate::diagnostics::Mistakes;
use crate::model::{ErrorType, Variant};
use crate::parse::{Class, classes};

/// What a `#[derive(Failure)]` type means; `None` of a union. A variant with a mistake counts as permanent.
pub(crate) fn failure(input: &DeriveInput, mistakes: &mut Mistakes) -> Option<ErrorType> {
    let (outer, mut library) = classes(&input.attrs, mistakes);
    let variants = match &input.data {
        Data::Struct(data) => {
            let class = outer.unwrap_or_else(|| unclassified(&input.ident, mistakes));
            vec![variant(&input.ident, None, class, &data.fields, mistakes)]
        }
        Data::Enum(data) => {
            if outer.is_some() {
                mistakes.at(&input.ident, "the variants of an enum are classified, one by one");
            }
            let each = data.variants.iter().map(|of| {
                let class = class_of(&of.ident, &of.attrs, &mut library, mistakes);
                variant(&of.ident, Some(of.ident.clone()), class, &of.fields, mistakes)
            });
            each.collect()
        }
        Data::Union(_) => {
            mistakes.at(&input.ident, "a union is no error: derive `Failure` for a struct or an enum");
            return None;
        }
    };
    let library = library.unwrap_or_else(|| syn::parse_quote!(::saga));
    Some(ErrorType { library, ident: input.ident.clone(), generics: input.generics.clone(), variants })
}

fn class_of(
    ident: &Ident,
    attributes: &[Attribute],
    library: &mut Option<Path>,
    mistakes: &mut Mistakes,
) -> Class {
    let has_attribute = attributes.iter().any(|attribute| attribute.path().is_ident("failure"));
    let (class, path) = classes(attributes, mistakes);
    *library = library.take().or(path);
    match class {
        Some(class) => class,
        // What was wrong with the attribute has been said.
        None if has_attribute => Class::Permanent,
        None => unclassified(ident, mistakes),
    }
}

fn unclassified(ident: &Ident, mistakes: &mut Mistakes) -> Class {
    let message = format!(
        "`{ident}` is not classified: `#[failure(transient)]`, `#[failure(permanent)]`, `#[failure(in_doubt)]`, `#[failure(business = \"CODE\")]` or `#[failure(transparent)]`"
    );
    mistakes.at(ident, message);
    Class::Permanent
}

fn variant(
    at: &Ident,
    ident: Option<Ident>,
    class: Class,
    fields: &Fields,
    mistakes: &mut Mistakes,
) -> Variant {
    let mut members = fields.members();
    let source: Option<(Member, Type)> = match (&class, members.next(), members.next()) {
        (Class::Transparent, Some(only), None) => fields.iter().next().map(|field| (only, field.ty.clone())),
        (Class::Transparent, _, _) => {
            let message = "a transparent failure has one field: its source, which is a `Failure` itself";
            mistakes.at(at, message);
            return Variant { ident, class: Class::Permanent, source: None };
        }
        _ => None,
    };
    Variant { ident, class, source }
}
