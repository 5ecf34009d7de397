//! The way to the servers: which node has a partition, connections that are made again, and what is tried again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, Value,
};
use saga::StoreError;
use saga::store::StoreResult;
use tokio::time::{sleep, timeout};

use crate::error::{Remedy, remedy, told};
use crate::options::RedisOptions;
use crate::script::{ALL, Call};

/// The servers of a store.
pub(crate) struct Link {
    seeds: Vec<ConnectionInfo>,
    limits: Limits,
    nodes: Mutex<HashMap<String, Arc<Node>>>,
    is_cluster: bool,
    /// Of each partition.
    slots: Vec<u16>,
    homes: Mutex<Vec<Arc<Node>>>,
}

#[derive(Clone)]
pub(crate) struct Limits {
    connections: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) command_timeout: Duration,
    retries: u32,
    backoff: (Duration, Duration),
    replicas: Option<(usize, Duration)>,
}

/// What a call is, for the way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It changes nothing, and may be sent again.
    Read,
    /// Done twice, it is as if it were done once.
    Repeatable,
    /// It is sent once, unless it is sure that nothing was done.
    Once,
}

/// A server, with its connections.
pub(crate) struct Node {
    pub(crate) address: String,
    client: Client,
    connections: Vec<tokio::sync::Mutex<Option<Line>>>,
    turn: AtomicUsize,
}

#[derive(Clone)]
struct Line {
    number: u64,
    connection: MultiplexedConnection,
}

static LINES: AtomicU64 = AtomicU64::new(0);

impl Node {
    fn new(info: ConnectionInfo, connections: usize) -> StoreResult<Self> {
        let address = info.addr().to_string();
        let client = Client::open(info).map_err(|error| told(&error, &address))?;
        let connections = (0..connections).map(|_| tokio::sync::Mutex::new(None)).collect();
        Ok(Self { address, client, connections, turn: AtomicUsize::new(0) })
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        self.client.get_connection_info()
    }

    /// Which connection a call takes: large answers don't keep what is written waiting.
    fn lane(&self, kind: Kind) -> usize {
        match self.connections.len() {
            1 => 0,
            _ if kind != Kind::Read => 0,
            count => 1 + self.turn.fetch_add(1, Ordering::Relaxed) % (count - 1),
        }
    }

    async fn line(&self, lane: usize, limits: &Limits) -> Result<Line, RedisError> {
        let mut current = self.connections[lane].lock().await;
        if let Some(line) = &*current {
            return Ok(line.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limits.connect_timeout))
            .set_response_timeout(None);
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        let made = Line { number: LINES.fetch_add(1, Ordering::Relaxed), connection };
        *current = Some(made.clone());
        Ok(made)
    }

    /// The next call makes a new connection, unless another call has made it already.
    async fn lose(&self, lane: usize, number: u64) {
        let mut current = self.connections[lane].lock().await;
        if current.as_ref().is_some_and(|line| line.number == number) {
            *current = None;
        }
    }
}

/// An error of one try, and whether the command may have been carried out.
struct Failed {
    error: RedisError,
    may_be_done: bool,
}

impl Link {
    /// Connects to the first server that answers.
    pub(crate) async fn open(options: &RedisOptions) -> StoreResult<Self> {
        let mut seeds = Vec::new();
        for url in &options.urls {
            seeds.push(connection_info(url, options)?);
        }
        let limits = Limits {
            connections: options.connections.max(1),
            connect_timeout: options.connect_timeout,
            command_timeout: options.command_timeout,
            retries: options.retries,
            backoff: options.backoff,
            replicas: options.replicas,
        };
        let mut link = Self {
            seeds,
            limits,
            nodes: Mutex::default(),
            is_cluster: false,
            slots: Vec::new(),
            homes: Mutex::default(),
        };
        let first = link.first_node().await?;
        let info = link.text(&first, redis::cmd("INFO").arg("cluster")).await?;
        link.is_cluster = info.contains("cluster_enabled:1");
        *lock(&link.homes) = vec![first];
        Ok(link)
    }

    pub(crate) const fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// Whether what is written is acknowledged by replicas too.
    pub(crate) const fn waits_for_replicas(&self) -> bool {
        self.limits.replicas.is_some()
    }

    /// Finds the partitions of these clock keys.
    pub(crate) async fn locate(&mut self, clock_keys: &[&str]) -> StoreResult<()> {
        let first = Arc::clone(&lock(&self.homes)[0]);
        if self.is_cluster {
            for key in clock_keys {
                let slot = self.ask(&first, redis::cmd("CLUSTER").arg("KEYSLOT").arg(key)).await?;
                let slot =
                    redis::from_redis_value(slot).map_err(|error| StoreError::broken(error.to_string()))?;
                self.slots.push(slot);
            }
        }
        *lock(&self.homes) = vec![first; clock_keys.len()];
        self.refresh().await;
        // Also to know what they are called.
        for node in self.masters() {
            self.load_scripts(&node).await.map_err(|error| told(&error, &node.address))?;
        }
        Ok(())
    }

    /// The nodes that have partitions, each once.
    pub(crate) fn masters(&self) -> Vec<Arc<Node>> {
        let mut masters: Vec<Arc<Node>> = Vec::new();
        for node in &*lock(&self.homes) {
            if !masters.iter().any(|known| known.address == node.address) {
                masters.push(Arc::clone(node));
            }
        }
        masters
    }

    /// Sends a command to one node, once.
    pub(crate) async fn ask(&self, node: &Node, command: &Cmd) -> StoreResult<Value> {
        let tried = self.send(node, command, Kind::Read, false).await;
        tried.map_err(|failed| told(&failed.error, &node.address))
    }

    pub(crate) async fn text(&self, node: &Node, command: &Cmd) -> StoreResult<String> {
        let value = self.ask(node, command).await?;
        redis::from_redis_value(value).map_err(|error| StoreError::broken(error.to_string()))
    }

    /// Sends a call to where its partition is, and tries again what may be tried again.
    pub(crate) async fn call(&self, call: &Call, kind: Kind) -> StoreResult<Value> {
        let mut delay = self.limits.backoff.0;
        let mut tries = 0;
        loop {
            let node = self.home(call.partition);
            // What may be done twice promises nothing by itself, and replicas get it before all that is written later.
            let waits = kind == Kind::Once && self.limits.replicas.is_some();
            let failed = match self.send(&node, &call.command, kind, waits).await {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            let what = remedy(&failed.error);
            let is_sure = !failed.may_be_done || kind != Kind::Once;
            tries += 1;
            if what == Remedy::GiveUp || !is_sure || tries > self.limits.retries {
                return Err(told(&failed.error, &node.address));
            }
            tracing::debug!(error = %failed.error, tries, node = node.address, "a call is tried again");
            match what {
                Remedy::LoadScript => {
                    if let Err(error) = self.load_scripts(&node).await {
                        tracing::debug!(%error, node = node.address, "the scripts cannot be loaded");
                    }
                    continue;
                }
                Remedy::Redirect if self.is_cluster => {
                    self.redirect(call.partition, &failed.error);
                    continue;
                }
                Remedy::Redirect => return Err(told(&failed.error, &node.address)),
                Remedy::Wait | Remedy::Reconnect | Remedy::GiveUp => {}
            }
            sleep(delay).await;
            delay = delay.saturating_mul(2).min(self.limits.backoff.1);
            if self.is_cluster {
                self.refresh().await;
            }
        }
    }

    /// One try.
    async fn send(&self, node: &Node, command: &Cmd, kind: Kind, waits: bool) -> Result<Value, Failed> {
        let lane = node.lane(kind);
        let Line { number, mut connection } =
            node.line(lane, &self.limits).await.map_err(|error| Failed { error, may_be_done: false })?;
        let mut limit = self.limits.command_timeout;
        let answered = if let Some((count, wait)) = self.limits.replicas.filter(|_| waits) {
            let mut pipeline = redis::pipe();
            pipeline.add_command(command.clone());
            // On the same connection, behind what it waits for.
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            pipeline.cmd("WAIT").arg(count).arg(millis);
            limit += wait;
            let sent = connection.req_packed_commands(&pipeline, 0, pipeline.len());
            match timeout(limit, sent).await {
                Ok(Ok(answers)) => replicated(answers, count, wait),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(too_late(limit)),
            }
        } else {
            match timeout(limit, connection.req_packed_command(command)).await {
                Ok(answer) => answer.and_then(Value::extract_error),
                Err(_) => Err(too_late(limit)),
            }
        };
        match answered {
            Ok(value) => Ok(value),
            Err(error) => {
                let is_lost = remedy(&error) == Remedy::Reconnect;
                if is_lost {
                    node.lose(lane, number).await;
                }
                let may_be_done = is_lost || error.code() == Some(TOO_FEW);
                Err(Failed { error, may_be_done })
            }
        }
    }

    async fn load_scripts(&self, node: &Node) -> Result<(), RedisError> {
        for script in ALL {
            let command = redis::cmd("SCRIPT").arg("LOAD").arg(script.source).to_owned();
            let loaded = self.send(node, &command, Kind::Read, false).await;
            let digest: String = redis::from_redis_value(loaded.map_err(|failed| failed.error)?)?;
            let known = script.digest.get_or_init(|| digest.clone());
            debug_assert_eq!(known, &digest, "the script {} has one digest", script.name);
        }
        Ok(())
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn home(&self, partition: u16) -> Arc<Node> {
        let homes = lock(&self.homes);
        let home = homes.get(usize::from(partition)).or_else(|| homes.first());
        Arc::clone(home.expect("an open store has a node"))
    }

    fn redirect(&self, partition: u16, error: &RedisError) {
        let address = error.redirect_node().and_then(|(address, _)| address.rsplit_once(':'));
        let node = address.and_then(|(host, port)| self.node(host, port.parse().ok()?));
        if let Some(node) = node
            && let Some(home) = lock(&self.homes).get_mut(usize::from(partition))
        {
            *home = node;
        }
    }

    /// The node at an address, with the settings of the first URL.
    fn node(&self, host: &str, port: u16) -> Option<Arc<Node>> {
        let seed = self.seeds.first()?;
        let address = match seed.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host: host.to_owned(),
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host.to_owned(), port),
        };
        let mut nodes = lock(&self.nodes);
        if let Some(node) = nodes.get(&address.to_string()) {
            return Some(Arc::clone(node));
        }
        let node = Arc::new(Node::new(seed.clone().set_addr(address), self.limits.connections).ok()?);
        nodes.insert(node.address.clone(), Arc::clone(&node));
        Some(node)
    }

    /// Reads which node has which slots, from the first that says so.
    pub(crate) async fn refresh(&self) {
        if !self.is_cluster {
            return;
        }
        let mut known: Vec<Arc<Node>> = lock(&self.nodes).values().cloned().collect();
        known.extend(self.seeds.iter().filter_map(|seed| match seed.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                self.node(host, *port)
            }
            _ => None,
        }));
        for node in known {
            let Ok(answer) = self.ask(&node, redis::cmd("CLUSTER").arg("SLOTS")).await else { continue };
            let ranges = slot_ranges(&answer, &node);
            let mut homes = lock(&self.homes).clone();
            for (home, slot) in homes.iter_mut().zip(&self.slots) {
                let of_slot = ranges.iter().find(|(from, to, ..)| (from..=to).contains(&slot));
                if let Some(master) = of_slot.and_then(|(_, _, host, port)| self.node(host, *port)) {
                    *home = master;
                }
            }
            *lock(&self.homes) = homes;
            return;
        }
    }

    /// Any server of those named that can be reached.
    async fn first_node(&self) -> StoreResult<Arc<Node>> {
        let mut last = StoreError::unusable("no URL of a Redis is given");
        let mut delay = self.limits.backoff.0;
        for tries in 0..=self.limits.retries {
            for seed in &self.seeds {
                let node = Arc::new(Node::new(seed.clone(), self.limits.connections)?);
                match self.ask(&node, &redis::cmd("PING")).await {
                    Ok(_) => {
                        lock(&self.nodes).insert(node.address.clone(), Arc::clone(&node));
                        return Ok(node);
                    }
                    Err(error @ StoreError::Unavailable { .. }) => last = error,
                    Err(error) => return Err(error),
                }
            }
            if tries < self.limits.retries {
                sleep(delay).await;
                delay = delay.saturating_mul(2).min(self.limits.backoff.1);
            }
        }
        Err(last)
    }
}

/// Marks an answer that too few replicas have.
const TOO_FEW: &str = "REPLICAS";

/// The answer to the command, if as many replicas have it as should.
fn replicated(answers: Vec<Value>, count: usize, limit: Duration) -> Result<Value, RedisError> {
    let mut answers = answers.into_iter();
    let answer = answers.next().unwrap_or(Value::Nil).extract_error()?;
    let reached: usize = redis::from_redis_value(answers.next().unwrap_or(Value::Nil).extract_error()?)?;
    if reached < count {
        let what = format!("only {reached} of {count} replicas had it within {limit:?}");
        return Err(redis::make_extension_error(TOO_FEW.to_owned(), Some(what)));
    }
    Ok(answer)
}

pub(crate) fn too_late(limit: Duration) -> RedisError {
    let error = std::io::Error::new(std::io::ErrorKind::TimedOut, format!("no answer within {limit:?}"));
    RedisError::from(error)
}

fn connection_info(url: &str, options: &RedisOptions) -> StoreResult<ConnectionInfo> {
    let info = url.into_connection_info().map_err(|error| {
        // The URL may have a password: it is not shown.
        let advice = "write `redis://host:port`, or `rediss://host:port` with the feature `tls`";
        StoreError::unusable(format!("a URL is none of a Redis ({error}): {advice}"))
    })?;
    let mut settings = info.redis_settings().clone();
    if let Some(username) = &options.username {
        settings = settings.set_username(username);
    }
    if let Some(password) = &options.password {
        settings = settings.set_password(password);
    }
    let info = info.set_redis_settings(settings);
    if !info.addr().is_supported() {
        return Err(StoreError::unusable(format!("{} needs the feature `tls` of saga-redis", info.addr())));
    }
    #[cfg(feature = "tls")]
    let info = crate::tls::secured(info, &options.certificates)?;
    Ok(info)
}

/// From, to, host and port of each range of `CLUSTER SLOTS`.
fn slot_ranges(answer: &Value, asked: &Node) -> Vec<(u16, u16, String, u16)> {
    let Value::Array(ranges) = answer else { return Vec::new() };
    let own_host = asked.address.rsplit_once(':').map_or("", |(host, _)| host);
    let range = |range: &Value| {
        let Value::Array(parts) = range else { return None };
        let [Value::Int(from), Value::Int(to), Value::Array(master), ..] = &parts[..] else { return None };
        let (Some(host), Some(Value::Int(port))) = (master.first(), master.get(1)) else { return None };
        let host: Option<String> = redis::from_redis_value_ref(host).ok();
        // A node that doesn't know its own address leaves it out.
        let host = host.filter(|host| !host.is_empty() && host != "?").unwrap_or_else(|| own_host.to_owned());
        Some((u16::try_from(*from).ok()?, u16::try_from(*to).ok()?, host, u16::try_from(*port).ok()?))
    };
    ranges.iter().filter_map(range).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
