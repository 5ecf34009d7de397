//! All behaviours, in one program: one link is faster than many.

mod crash_driver;
mod crowd;
mod durable_writes;
mod events;
mod generated_sagas;
mod killed_processes;
mod leases;
mod operators;
mod order_saga;
mod parked_branches;
mod publishing;
mod requests;
mod spans;
mod surface;
mod surpassed;
mod takeover;
mod unknown;
