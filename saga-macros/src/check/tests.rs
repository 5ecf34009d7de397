//! The checks, without a compiler: which mistakes are told, and what is meant where there are none.

use proc_macro2::TokenStream;
use syn::parse_quote;

use super::{CheckedSaga, CheckedStep, failure, saga, step};
use crate::diagnostics::Mistakes;
use crate::model::{Passes, Returns, Saga, Source, Step, Taken, Undo};

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("the texts of these tests are tokens")
}

/// The step, and the mistakes.
fn step_of(options: &str, function: &str) -> (CheckedStep, Vec<String>) {
    let mut mistakes = Mistakes::default();
    let function = syn::parse_str(function).expect("the texts of these tests are functions");
    let step = step(tokens(options), &function, &mut mistakes);
    (step, mistakes.texts())
}

fn known(options: &str, function: &str) -> Step {
    match step_of(options, function) {
        (CheckedStep::Known(step), mistakes) if mistakes.is_empty() => *step,
        (_, mistakes) => panic!("refused: {mistakes:?}"),
    }
}

const CHARGE: &str =
    "async fn charge(shop: &Shop, order: &Order, cents: u64) -> Result<Payment, Refused> { todo!() }";

/// The saga, and the mistakes.
fn saga_of(options: &str) -> (CheckedSaga, Vec<String>) {
    let mut mistakes = Mistakes::default();
    let saga = saga(
        tokens(options),
        &parse_quote!(
            struct OrderProcessing {
                orders: Orders,
            }
        ),
        &mut mistakes,
    );
    (saga, mistakes.texts())
}

fn flow_of(flow: &str) -> Saga {
    match saga_of(&format!("steps({flow})")) {
        (CheckedSaga::Known(saga), mistakes) if mistakes.is_empty() => *saga,
        (_, mistakes) => panic!("refused: {mistakes:?}"),
    }
}

#[test]
fn a_step_is_what_its_function_and_options_say() {
    let step = known("compensate = refund(output, order), at_most_once, name = \"pay\"", CHARGE);
    assert_eq!((step.name.as_str(), step.at_most_once, step.is_callable), ("pay", true, true));
    let by_value: Vec<bool> = step.signature.data.iter().map(|datum| datum.by_value).collect();
    assert_eq!(by_value, [false, true]);
    assert!(matches!(step.signature.returns, Returns::Result { .. }));
    assert!(step.signature.passes == Passes::Context && !step.signature.is_shared);
    let Undo::Compensate(compensation) = &step.undo else { panic!("it has a compensation") };
    let taken: Vec<Taken> = compensation.taken.iter().map(|(taken, _)| *taken).collect();
    assert!(taken == [Taken::Output, Taken::Datum(0)]);
}

#[test]
fn a_step_whose_saga_is_its_type_parameter_is_shared() {
    let shared = known("pivot", "async fn tell<S: Mail>(shop: &S) -> Result<(), Refused> { todo!() }");
    assert!(shared.signature.is_shared && shared.signature.passes == Passes::Saga);
    let context = known("pivot", "async fn tell<S>(cx: &StepContext<S>) -> Result<(), Refused> { todo!() }");
    assert!(context.signature.is_shared && context.signature.passes == Passes::Context);
    let of_one = known("pivot", "async fn tell<G>(shop: &Shop<G>) -> io::Result<u8> { todo!() }");
    assert!(!of_one.signature.is_shared && matches!(of_one.signature.returns, Returns::Alias { .. }));
}

#[test]
fn each_mistake_of_a_step_is_told_once() {
    let plain = [
        ("", "charge` doesn't say how it is undone"),
        ("compensate", "write `compensate = ..`"),
        ("pivot, retriable", "this is the second"),
        ("pivot, pivot", "`pivot` is given twice"),
        ("pivot, retries = 3", "unknown option `retries`; a step has: `compensate`"),
        ("pivot = true", "`pivot` takes no value"),
        ("pivot, timeout", "write `timeout = ..`"),
        ("pivot, name = charge", "`name` is a text"),
        ("pivot, verify = find(order)", "`verify` is the path of an `async fn`"),
        ("pivot, metadata(orders)", "metadata is pairs"),
        ("pivot, compensation(timeout = 5)", "has no compensation that this could be about"),
        (
            "compensate = refund(stock)",
            "no parameter `stock`; its compensation can take: `output`, `order`, `cents`",
        ),
        ("compensate = \"refund\"", "`compensate` is the path of an `async fn`"),
        ("retriable, retry = no_retry()", "cannot have `no_retry`"),
    ];
    for (options, told) in plain {
        let (_, mistakes) = step_of(options, CHARGE);
        assert!(matches!(&mistakes[..], [one] if one.contains(told)), "{options}: {mistakes:?}");
    }
    let functions = [
        ("fn charge(shop: &Shop) -> Result<(), Refused> {}", "must be an `async fn`"),
        ("async fn charge() -> Result<(), Refused> {}", "first parameter of step `charge` must be its saga"),
        ("async fn charge(shop: Shop) -> Result<(), Refused> {}", "must be its saga"),
        ("async fn charge(&self) -> Result<(), Refused> {}", "must be a free function"),
        ("async fn charge(shop: &Shop) {}", "must return a `Result`"),
        ("async fn charge(shop: &Shop) -> Option<Payment> {}", "must return a `Result`"),
        ("async fn charge<G>(shop: &Shop<G>) -> Payment<G> {}", "must return a `Result`"),
        ("async fn charge(shop: &Shop) -> Result<&str, Refused> {}", "borrows in its output"),
        (
            "async fn charge(shop: &Shop, order: &mut Order) -> Result<(), Refused> {}",
            "cannot change its data",
        ),
        ("async fn charge(shop: &Shop, text: &str) -> Result<(), Refused> {}", "take `&String`"),
        ("async fn charge(shop: &Shop, all: &[Order]) -> Result<(), Refused> {}", "take `&Vec<Order>`"),
        ("async fn charge(shop: &Shop, any: &dyn Any) -> Result<(), Refused> {}", "size that is known"),
        ("async fn charge(shop: &Shop, text: Cow<'_, str>) -> Result<(), Refused> {}", "this borrows inside"),
        ("async fn charge<T>(shop: &Shop, order: &T) -> Result<(), Refused> {}", "generic over `T`"),
        ("async fn charge(shop: &Shop, order: impl Any) -> Result<(), Refused> {}", "must name its types"),
        ("#[step(pivot)] async fn charge(shop: &Shop) -> Result<(), Refused> {}", "marked as a step twice"),
    ];
    for (function, told) in functions {
        let (_, mistakes) = step_of("pivot", function);
        assert!(matches!(&mistakes[..], [one] if one.contains(told)), "{function}: {mistakes:?}");
    }
}

#[test]
fn all_mistakes_of_a_step_are_told_at_once() {
    let (_, mistakes) =
        step_of("timeout, retry_of = 3", "fn charge(shop: &Shop, order: &mut Order) -> Option<Payment> {}");
    assert_eq!(mistakes.len(), 6, "{mistakes:?}");
}

#[test]
fn data_comes_from_the_stage_before_or_from_where_it_is_named() {
    let saga = flow_of("create -> (pay & pack(input)) -> send -> pay(create, input) as again");
    let sources: Vec<_> = saga.steps.iter().map(|step| step.sources.clone().unwrap()).collect();
    let expected = [
        vec![Source::Input],
        vec![Source::Step(0)],
        vec![Source::Input],
        vec![Source::Step(1), Source::Step(2)],
        vec![Source::Step(0), Source::Input],
    ];
    assert!(sources == expected);
    assert_eq!(saga.stages, [vec![0], vec![1, 2], vec![3], vec![4]]);
    assert_eq!(saga.name, "order-processing");
    let names: Vec<_> = saga.steps.iter().map(|step| (step.text(), step.variant.to_string())).collect();
    assert_eq!(names[4], ("again".to_owned(), "Again".to_owned()));
    assert!(saga.input().is_some_and(|(step, at)| step.text() == "create" && at == 0));
}

#[test]
fn each_mistake_of_a_saga_is_told_once() {
    let wrong = [
        ("", "has no steps"),
        ("steps()", "the flow is empty"),
        ("steps = a", "write `steps(..)`"),
        ("steps(a), steps(b)", "`steps` is given twice"),
        ("steps(a), version = 0", "a version is a number from 1"),
        ("steps(a), version = \"1\"", "`version` is a number"),
        ("steps(a), title = \"x\"", "unknown option `title`; a saga has: `steps`"),
        ("steps(a -> a)", "two steps are called `a`"),
        ("steps(a -> b(c))", "no step `c`; `b` can take from: `input`, `a`"),
        ("steps(a(b) -> b)", "`a` runs before `b`"),
        ("steps(a & b)", "parallel steps stand in parentheses"),
        ("steps((a & b(a)))", "`b` runs beside `a`"),
        ("steps(a(a))", "cannot take its own output"),
        ("steps(input)", "`input` is the saga's own input"),
    ];
    for (options, told) in wrong {
        let (_, mistakes) = saga_of(options);
        assert!(matches!(&mistakes[..], [one] if one.contains(told)), "{options}: {mistakes:?}");
    }
    let (_, all) = saga_of("steps(a -> b(c) -> d(e)), version = 0, title = 1");
    assert_eq!(all.len(), 4, "{all:?}");
}

#[test]
fn a_saga_has_at_most_as_many_steps_as_the_library_allows() {
    let flow = |steps: usize| (0..steps).map(|at| format!("s{at}")).collect::<Vec<_>>().join(" -> ");
    assert!(saga_of(&format!("steps({})", flow(128))).1.is_empty());
    let (_, mistakes) = saga_of(&format!("steps({})", flow(129)));
    assert!(matches!(&mistakes[..], [one] if one.contains("at most 128 steps")), "{mistakes:?}");
}

#[test]
fn each_mistake_of_an_error_type_is_told_once() {
    let wrong: [(syn::DeriveInput, &str); 6] = [
        (
            parse_quote!(
                struct Busy;
            ),
            "`Busy` is not classified",
        ),
        (
            parse_quote!(
                enum Refused {
                    Busy,
                }
            ),
            "`Busy` is not classified",
        ),
        (
            parse_quote!(
                #[failure(transient)]
                enum Refused {}
            ),
            "classified, one by one",
        ),
        (parse_quote!(union Busy { at: u8 }), "a union is no error"),
        (
            parse_quote!(
                #[failure(transient, permanent)]
                struct Busy;
            ),
            "this is the second",
        ),
        (
            parse_quote!(
                #[failure(transparent)]
                struct Busy(u8, u8);
            ),
            "has one field",
        ),
    ];
    for (input, told) in wrong {
        let mut mistakes = Mistakes::default();
        _ = failure(&input, &mut mistakes);
        let mistakes = mistakes.texts();
        assert!(matches!(&mistakes[..], [one] if one.contains(told)), "{told}: {mistakes:?}");
    }
}
