//! What the prelude calls `Ok`, `Err`, `Clone`, `Sized` or `str` is not what the generated code means, nor are a module
//! `saga`, `core` or `std` of the user's, and locals of the names of ours.

use ::saga::{Outcome as End, StepContext, StepError as Wrong, step};

#[allow(dead_code)]
mod core {}
#[allow(dead_code)]
mod std {}
#[allow(dead_code)]
mod saga {
    pub struct StepError;
}
#[allow(dead_code, non_camel_case_types)]
struct bool;
#[allow(dead_code, non_camel_case_types)]
struct str;
#[allow(dead_code, non_camel_case_types)]
struct usize;
#[allow(dead_code)]
struct Ok;
#[allow(dead_code)]
struct Err;
#[allow(dead_code)]
struct String;
#[allow(dead_code)]
trait Clone {}
#[allow(dead_code)]
trait Sized {}
#[allow(dead_code)]
trait Sync {}
#[allow(dead_code)]
trait Default {}
#[allow(dead_code)]
trait Debug {}
#[allow(dead_code)]
trait From {}
#[allow(dead_code)]
const IS_SHARED: u8 = 1;
#[allow(dead_code)]
const IS_RESULT: u8 = 1;

type Answer<T> = ::std::result::Result<T, Wrong>;
type StepCalls = u64;

#[::saga::saga(steps(price -> charge -> (confirm(price) & note)), timeout = minutes(1), retry = fixed(1, secs(1)))]
struct Shop;

#[step(compensate = forget(output, article), verify = find, timeout = secs(1))]
async fn price(saga: &Shop, article: u64) -> Answer<StepCalls> {
    let (cx, args, output, call) = (saga, article, 1, 1);
    let Shop = cx;
    ::std::result::Result::Ok(args * output * call)
}

async fn forget(_saga: &Shop, _price: &u64, _article: &u64) -> Answer<()> {
    ::std::result::Result::Ok(())
}

async fn find(_saga: &Shop, _article: u64) -> Answer<Option<u64>> {
    ::std::result::Result::Ok(None)
}

#[step(pivot)]
async fn charge(saga: &StepContext<Shop>, __given: &u64) -> Answer<u64> {
    let __call = saga.attempt();
    ::std::result::Result::Ok(__given + u64::from(__call) - 1)
}

#[step(retriable)]
async fn confirm<T: Send + ::std::marker::Sync + 'static>(saga: &T, price: &u64) -> ::std::result::Result<u64, Wrong> {
    let _ = saga;
    ::std::result::Result::Ok(*price)
}

#[step(retriable)]
async fn note(_: &Shop, _: u64) -> Answer<()> {
    ::std::result::Result::Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(::saga::run(&Shop, 4).await, End::Completed((4, ())));
}
