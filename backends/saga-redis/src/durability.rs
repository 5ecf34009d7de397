//! What the server's settings say about acknowledged writes.

use saga::StoreError;
use saga::store::StoreResult;

use crate::link::{Link, Node};

/// What acknowledged writes survive, by the settings of the server that promises the least.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Durability {
    /// What is written to disk, and when.
    pub log: WriteLog,
    /// Whether the server may throw keys away when its memory is full. `false` where it can't be read.
    pub may_evict: bool,
    /// Whether there are replicas that nobody waits for: one that becomes the master lacks what it had not received.
    pub may_lose_by_failover: bool,
}

/// When a write is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum WriteLog {
    /// Before it is acknowledged: `appendonly yes`, `appendfsync always`.
    EveryWrite,
    /// About a second later: `appendonly yes`, `appendfsync everysec`.
    EverySecond,
    /// When the kernel likes: `appendonly yes`, `appendfsync no`.
    OperatingSystem,
    /// The settings can't be read.
    Unknown,
    /// With the next snapshot, if there is one: `appendonly no`.
    Snapshots,
}

impl Durability {
    /// Whether everything acknowledged survives the loss of power, and a failover as far as the settings can see to it.
    #[must_use]
    pub fn keeps_acknowledged_writes(&self) -> bool {
        self.log == WriteLog::EveryWrite && !self.may_evict && !self.may_lose_by_failover
    }
}

/// Asks each server.
pub(crate) async fn read(link: &Link) -> StoreResult<Durability> {
    let mut durability =
        Durability { log: WriteLog::EveryWrite, may_evict: false, may_lose_by_failover: false };
    for node in link.masters() {
        durability.log = durability.log.max(write_log(link, &node).await?);
        let policy = setting(link, &node, "maxmemory-policy").await?;
        let limit = setting(link, &node, "maxmemory").await?;
        let is_limited = limit.is_some_and(|limit| limit != "0");
        durability.may_evict |= is_limited && policy.is_some_and(|policy| policy != "noeviction");
        if !link.waits_for_replicas() {
            let replication = link.text(&node, redis::cmd("INFO").arg("replication")).await?;
            let mut counts = replication.lines().filter_map(|line| line.strip_prefix("connected_slaves:"));
            durability.may_lose_by_failover |= counts.next().is_some_and(|count| count.trim() != "0");
        }
    }
    Ok(durability)
}

pub(crate) fn warn(durability: &Durability) {
    let advice = match durability.log {
        WriteLog::EveryWrite => None,
        WriteLog::EverySecond => Some("a loss of power takes about a second of acknowledged writes with it"),
        WriteLog::OperatingSystem => Some("a loss of power takes acknowledged writes with it"),
        WriteLog::Snapshots => Some("a restart takes all writes since the last snapshot with it"),
        WriteLog::Unknown => {
            Some("its settings cannot be read: whether acknowledged writes survive is not known")
        }
    };
    if let Some(advice) = advice {
        tracing::warn!(
            log = ?durability.log,
            "Redis: {advice}; set `appendonly yes` and `appendfsync always` where sagas must not be lost"
        );
    }
    if durability.may_evict {
        tracing::warn!("Redis throws sagas away when its memory is full: set `maxmemory-policy noeviction`");
    }
    if durability.may_lose_by_failover {
        tracing::warn!("Redis: a failover loses what its replica had not received; set `wait_replicas`");
    }
}

async fn write_log(link: &Link, node: &Node) -> StoreResult<WriteLog> {
    Ok(match setting(link, node, "appendonly").await?.as_deref() {
        Some("no") => WriteLog::Snapshots,
        Some(_) => match setting(link, node, "appendfsync").await?.as_deref() {
            Some("always") => WriteLog::EveryWrite,
            Some("everysec") => WriteLog::EverySecond,
            Some(_) => WriteLog::OperatingSystem,
            None => WriteLog::Unknown,
        },
        None => WriteLog::Unknown,
    })
}

/// `None` where it may not be read.
async fn setting(link: &Link, node: &Node, name: &str) -> StoreResult<Option<String>> {
    match link.ask(node, redis::cmd("CONFIG").arg("GET").arg(name)).await {
        Ok(value) => {
            let pair: Vec<String> = redis::from_redis_value(value).unwrap_or_default();
            Ok(pair.into_iter().nth(1))
        }
        // Out of reach is another matter than forbidden, or unknown to a service that is like Redis.
        Err(error @ StoreError::Unavailable { .. }) if is_out_of_reach(&error) => Err(error),
        Err(_) => Ok(None),
    }
}

fn is_out_of_reach(error: &StoreError) -> bool {
    !error.to_string().contains("unknown command")
}
