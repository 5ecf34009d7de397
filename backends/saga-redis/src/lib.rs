//! Keeps the sagas of many processes in one Redis, standalone or Cluster.
//!
//! ```no_run
//! # async fn open() -> Result<(), saga::StoreError> {
//! use saga_redis::RedisStore;
//!
//! let store = RedisStore::connect("redis://127.0.0.1:6379").await?;
//! # Ok(()) }
//! ```
//!
//! Any number of processes open the same store; [`RedisOptions`] has the settings. It needs Redis 7 or Valkey. All that
//! it keeps begins with the [namespace](RedisOptions::namespace).
//!
//! # What survives
//!
//! Redis answers before it has written to disk, unless it is told otherwise. What was acknowledged and is lost is a step
//! that runs again, or a saga that was never started:
//!
//! | `appendonly` | `appendfsync` | a killed process | a machine without power |
//! |---|---|---|---|
//! | `yes` | `always` | loses nothing | loses nothing |
//! | `yes` | `everysec` | loses nothing | loses up to about a second, two where the disk is busy |
//! | `yes` | `no` | loses nothing | loses what the kernel had not written, some 30 seconds |
//! | `no` | | loses all since the last snapshot | loses all since the last snapshot |
//!
//! A failover to a replica may lose what that had not received: replication does not wait. With
//! [`wait_replicas`](RedisOptions::wait_replicas) an append is acknowledged once so many replicas have it in memory, so a
//! failover to one of those loses nothing. (A failover may still choose another; `min-replicas-to-write` narrows that.)
//! And a `maxmemory-policy` other than `noeviction` throws sagas away when the memory is full. Replicas that are waited
//! for make up for no `appendfsync`: the loss of power of all machines takes what none had on disk.
//!
//! As a store opens it reads these settings, warns where acknowledged writes could be lost, and tells what it found:
//! [`RedisStore::durability`].
//!
//! # What it asks for
//!
//! An append, or a batch of them, is one script. A coordinator that has nothing to do sends one script for each search
//! (every 2 s) and two for each heartbeat (every 5 s), in a cluster for each partition.
//!
//! What one process leaves for others (a request for a saga, a saga to be taken up, a worker that ends) it tells them
//! at once, at most once in 50 ms, in the sharded channel `{namespace:0}:wake`. Each store listens on a connection of its
//! own, and again where that is lost. A message that is lost is found by polling, with the next search or heartbeat. A
//! user of Redis needs rights on that channel (`&{namespace:0}:wake`), else all is found by polling:
//! [`without_wake_ups`](RedisOptions::without_wake_ups).
//!
//! # TLS
//!
//! With the feature `tls`, `rediss://` URLs are spoken over TLS. Who may sign the server's certificate is who the system
//! trusts, or those of `RedisOptions::tls_roots`; `RedisOptions::tls_identity` is for
//! servers that ask for the client's.
//!
//! # Partitions
//!
//! Each saga is in one of a fixed number of partitions, by a hash of its id, and all keys of a partition are in one slot:
//! `{saga:3}:journal:<id>`. A batch is one script for each partition that it touches. A standalone server runs one script
//! at a time anyway, so there it has one partition; a cluster has 16, spread over its nodes. The number is kept in the
//! store, and cannot be changed later.
//!
//! # What is where
//!
//! Times are microseconds; ids are text. `P` is `{namespace:partition}:`.
//!
//! | key | type | what |
//! |---|---|---|
//! | `Pjournal:<saga>` | list | the entries: time, length of the event, event as JSON, payload. Its length is the fence |
//! | `Phead:<saga>` | hash | how the saga stands; changes with its state and its owner, not with each step |
//! | `Prequests:<saga>` | hash | what somebody asked of it, by number, until it is answered |
//! | `Plog` | stream | which saga was appended to, in the order of commits, for publishers |
//! | `Pdue:<owner>:<definition:version:shape>` | sorted set | what may be taken up, by when; `-` is no owner |
//! | `Pstate:<state>:<definition>`, `Plabel:<label>` | sorted set | for lists, by the time of recording |
//! | `Pended:<state>` | sorted set | for purges, by the time of the end |
//! | `Pasked:<owner>` | set | its sagas with open requests |
//! | `Pkey:<length>:<definition>:<key>` | string | which saga has the key of an idempotent start |
//! | `Pdefinitions` | hash | in the first partition: the shapes of definitions, for tools |
//! | `Pcursors`, `Pcursor:<name>`, `Pletters:<name>`, `Pletter:<name>:<position>` | | how far publishers are, and what brokers refused: all in the first partition |
//! | `Powners`, `Pshapes`, `Pleases`, `Pclaims:<worker>`, `Pclock` | | who and what there is; leases, by the server's clock |
//!
//! A saga of four steps with outputs of 200 bytes takes about 2.8 kB once it has ended, until it is
//! [purged](saga::store::QueryStore::purge).

mod append;
mod claim;
mod durability;
mod error;
mod key;
mod link;
mod list;
mod listener;
mod options;
mod outbox;
mod partitions;
mod queries;
mod rows;
mod script;
mod shapes;
mod store;
mod streams;
#[cfg(feature = "tls")]
mod tls;
mod wake;

pub use durability::{Durability, WriteLog};
pub use options::RedisOptions;
pub use store::RedisStore;
pub use streams::StreamPublisher;
