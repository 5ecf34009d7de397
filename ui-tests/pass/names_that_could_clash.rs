//! A user's names don't meet those of the generated code.

use saga::{Outcome as End, StepError, saga, step};

type Fallible<T> = std::result::Result<T, StepError>;

// What the prelude has under these names is not what the generated code means.
#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct Some;
#[allow(dead_code)]
struct None;
#[allow(dead_code)]
struct Box;
#[allow(dead_code)]
struct Vec;
#[allow(dead_code)]
trait Send {}
#[allow(dead_code)]
trait Future {}

#[saga(steps(args -> output(args) -> cx -> call -> index -> slots -> execute -> r#move -> error -> self_ -> _1 -> given))]
struct Saga;

macro_rules! plus_one {
    ($($name:ident)*) => { $(
        #[step(compensate = none)]
        async fn $name(_saga: &Saga, args: &u64) -> std::result::Result<u64, StepError> {
            let (output, cx) = (1, args);
            Ok(cx + output)
        }
    )* };
}

plus_one!(args output call index slots execute r#move error self_ _1 given);

#[step(compensate = undo(output, args), verify = verify)]
async fn cx(cx: &Saga, args: &u64) -> std::result::Result<u64, StepError> {
    let Saga = cx;
    Ok(*args)
}

async fn undo(_cx: &Saga, _output: &u64, _args: &u64) -> Fallible<()> {
    Ok(())
}

async fn verify(_cx: &Saga, _args: &u64) -> Fallible<std::option::Option<u64>> {
    Ok(std::option::Option::None)
}

#[saga(steps(step))]
struct Step;

#[step(compensate = none)]
async fn step(_step: &Step, input: &String) -> std::result::Result<String, StepError> {
    Ok(input.clone())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(saga::run(&Saga, 1).await, End::Completed(12));
    assert_eq!(saga::run(&Step, "same".to_owned()).await, End::Completed("same".to_owned()));
    assert_eq!(SagaStep::Move.as_ref(), "move");
}
