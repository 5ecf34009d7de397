//! The floor: tasks that send the keys of sagas to the same driver in batches, with no saga around them.
//!
//! Keys and values are the store's own, copied from one saga that was driven before. Each task sends five writes one
//! after the other, as a saga has five appends. Whatever has come while one batch was under way shares the next.
//! Nothing is looked at before it is written: no fence, no owner, no types. A batch is one transaction of plain commands,
//! or one script: whichever is faster is the floor.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use redis::aio::MultiplexedConnection;
use saga::SagaId;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

/// One append of one saga, and who waits for it.
struct Job {
    id: String,
    append: usize,
    written: oneshot::Sender<()>,
}

/// How a batch is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Transaction,
    Script,
}

#[derive(Clone)]
pub(crate) struct Floor {
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedSender<Job>,
}

struct Shared {
    connection: MultiplexedConnection,
    way: Way,
    digest: String,
    /// What the keys begin with.
    prefix: String,
    /// The entries of the journal without their times, an append each.
    appends: Vec<Vec<Vec<u8>>>,
    /// The head as it is made, without times.
    head: Vec<(String, String)>,
    owner: String,
    shape: String,
    definition: String,
    clock: AtomicI64,
}

/// Does what it is told, and no more: for each append its saga, time, sequence, head and entries.
const SCRIPT: &str = "
local P, place, call = string.sub(KEYS[1], 1, -6), 1, redis.call
local function arg() place = place + 1 return ARGV[place] end
local due, running, completed, ended = P .. ARGV[1], P .. arg(), P .. arg(), P .. arg()
local dues, runs, gone, completes = {}, {}, {}, {}
local count = tonumber(arg())
local at
for index = 1, count do
    local kind, id, sequence = arg(), arg(), arg()
    at = arg()
    local entries = { at .. ' ' .. arg() }
    if kind == 'end' then entries[2] = at .. ' ' .. arg() end
    call('XADD', P .. 'log', at .. '-0', 's', id, 'q', sequence, 'n', #entries)
    call('RPUSH', P .. 'journal:' .. id, unpack(entries))
    if kind == 'start' then
        call('HSET', P .. 'head:' .. id, 'state', 'running', 'owner', arg(), 'updated', at, 'created', at, 'definition', arg(),
            'version', arg(), 'fingerprint', arg())
        dues[#dues + 1], dues[#dues + 2] = at, id
        runs[#runs + 1], runs[#runs + 2] = at, id
    elseif kind == 'end' then
        call('HSET', P .. 'head:' .. id, 'state', 'completed', 'owner', '-', 'updated', at, 'ended', at)
        gone[#gone + 1] = id
        completes[#completes + 1], completes[#completes + 2] = at, id
    end
end
if dues[1] then
    call('ZADD', due, unpack(dues))
    call('ZADD', running, unpack(runs))
end
if gone[1] then
    call('ZREM', due, unpack(gone))
    call('ZREM', running, unpack(gone))
    call('ZADD', completed, unpack(completes))
    call('ZADD', ended, unpack(completes))
end
call('SET', KEYS[1], at)
return count
";

impl Floor {
    /// On this server, under a namespace that has one saga.
    pub(crate) fn new(runtime: &Runtime, url: &str, namespace: &str, way: Way) -> Self {
        let id = runtime.block_on(super::leave_a_saga(url, namespace));
        let client = redis::Client::open(url).expect("a URL");
        let shared = runtime.block_on(async {
            // By default an answer that takes half a second is an error: a busy machine is none.
            let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None);
            let mut connection =
                client.get_multiplexed_async_connection_with_config(&patient).await.expect("a connection");
            Shared::read(&mut connection, format!("{{{namespace}:0}}:"), id, way).await
        });
        let shared = Arc::new(shared);
        let (jobs, queue) = mpsc::unbounded_channel();
        runtime.spawn(write_batches(Arc::clone(&shared), queue));
        Self { shared, jobs }
    }

    /// `units` sagas' keys, from so many tasks.
    pub(crate) async fn write(&self, tasks: u32, units: u32) {
        let task = |_| {
            let floor = self.clone();
            tokio::spawn(async move {
                for _ in 0..units / tasks {
                    let id = SagaId::new().to_string();
                    for append in 0..5 {
                        floor.append(&id, append, tasks == 1).await;
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..tasks).map(task).collect();
        for task in tasks {
            task.await.expect("a task");
        }
    }

    /// Alone, a task sends for itself.
    async fn append(&self, id: &str, append: usize, is_alone: bool) {
        if is_alone {
            return self.shared.send(&[(id, append)]).await;
        }
        let (written, write) = oneshot::channel();
        assert!(self.jobs.send(Job { id: id.to_owned(), append, written }).is_ok(), "the writer is there");
        write.await.expect("a write");
    }

    /// Ended sagas in large batches, as fast as the server takes them.
    pub(crate) async fn fill(&self, sagas: usize) {
        const BATCH: usize = 500;
        // The store has written since, by the server's clock.
        self.shared.clock.fetch_max(saga::Timestamp::system_now().as_micros(), Ordering::Relaxed);
        for first in (0..sagas).step_by(BATCH) {
            let ids: Vec<String> =
                (first..sagas.min(first + BATCH)).map(|_| SagaId::new().to_string()).collect();
            for append in 0..5 {
                let batch: Vec<(&str, usize)> = ids.iter().map(|id| (&**id, append)).collect();
                self.shared.send(&batch).await;
            }
        }
    }
}

async fn write_batches(shared: Arc<Shared>, mut queue: mpsc::UnboundedReceiver<Job>) {
    while let Some(first) = queue.recv().await {
        let mut jobs = vec![first];
        while let Ok(job) = queue.try_recv() {
            jobs.push(job);
        }
        let batch: Vec<(&str, usize)> = jobs.iter().map(|job| (&*job.id, job.append)).collect();
        shared.send(&batch).await;
        for job in jobs {
            // Its task may be gone with the runtime.
            _ = job.written.send(());
        }
    }
}

impl Shared {
    async fn read(connection: &mut MultiplexedConnection, prefix: String, id: SagaId, way: Way) -> Self {
        let journal = redis::cmd("LRANGE").arg(format!("{prefix}journal:{id}")).arg(0).arg(-1).to_owned();
        let entries: Vec<Vec<u8>> = journal.query_async(connection).await.expect("a journal");
        let bare = entries.iter().map(|entry| {
            let blank = entry.iter().position(|byte| *byte == b' ').expect("a time");
            entry[blank + 1..].to_vec()
        });
        let mut bare: Vec<Vec<u8>> = bare.collect();
        assert_eq!(bare.len(), 6, "a start, four steps, an end");
        let end = bare.pop().expect("six entries");
        let mut appends: Vec<Vec<Vec<u8>>> = bare.into_iter().map(|entry| vec![entry]).collect();
        appends[4].push(end);
        let head = redis::cmd("HGETALL").arg(format!("{prefix}head:{id}")).to_owned();
        let head: Vec<(String, String)> = head.query_async(connection).await.expect("a head");
        let field =
            |name: &str| head.iter().find(|(field, _)| field == name).expect("a field of the head").1.clone();
        let definition = field("definition");
        let shape = format!("{definition}:{}:{}", field("version"), field("fingerprint"));
        let head = ["definition", "version", "fingerprint"].map(|name| (name.to_owned(), field(name))).into();
        let load = redis::cmd("SCRIPT").arg("LOAD").arg(SCRIPT).to_owned();
        let digest = load.query_async(connection).await.expect("a script");
        let clock = AtomicI64::new(saga::Timestamp::system_now().as_micros());
        let (connection, owner) = (connection.clone(), SagaId::new().to_string());
        Self { connection, way, digest, prefix, appends, head, owner, shape, definition, clock }
    }

    async fn send(&self, batch: &[(&str, usize)]) {
        let count = i64::try_from(batch.len()).expect("few");
        let clock = self.clock.fetch_add(2 * count, Ordering::Relaxed);
        let mut connection = self.connection.clone();
        match self.way {
            Way::Transaction => {
                let pipeline = self.transaction(batch, clock);
                pipeline.exec_async(&mut connection).await.expect("a transaction");
            }
            Way::Script => {
                let written: i64 =
                    self.script(batch, clock).query_async(&mut connection).await.expect("a script");
                assert_eq!(written, count);
            }
        }
    }

    fn transaction(&self, batch: &[(&str, usize)], mut clock: i64) -> redis::Pipeline {
        let key = |name: &str| format!("{}{name}", self.prefix);
        let (log, due) = (key("log"), key(&format!("due:{}:{}", self.owner, self.shape)));
        let running = key(&format!("state:running:{}", self.definition));
        let completed = key(&format!("state:completed:{}", self.definition));
        let ended = key("ended:completed");
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for (id, append) in batch {
            let at = clock.to_string();
            clock += 2;
            let entries = &self.appends[*append];
            let moment = format!("{at}-0");
            let place: [&str; 6] = ["s", id, "q", &append.to_string(), "n", &entries.len().to_string()];
            pipeline.cmd("XADD").arg(&log).arg(moment).arg(&place).ignore();
            let push = pipeline.cmd("RPUSH").arg(key(&format!("journal:{id}")));
            for entry in entries {
                push.arg([at.as_bytes(), b" ", entry].concat());
            }
            push.ignore();
            let head = key(&format!("head:{id}"));
            if *append == 0 {
                let fields = ["state", "running", "owner", &self.owner, "updated", &at, "created", &at];
                pipeline.cmd("HSET").arg(&head).arg(&fields).arg(&self.head).ignore();
                pipeline.cmd("ZADD").arg(&due).arg(&at).arg(id).ignore();
                pipeline.cmd("ZADD").arg(&running).arg(&at).arg(id).ignore();
            }
            if *append == 4 {
                let fields = ["state", "completed", "owner", "-", "updated", &at, "ended", &at];
                pipeline.cmd("HSET").arg(&head).arg(&fields).ignore();
                pipeline.cmd("ZREM").arg(&due).arg(id).ignore();
                pipeline.cmd("ZREM").arg(&running).arg(id).ignore();
                pipeline.cmd("ZADD").arg(&completed).arg(&at).arg(id).ignore();
                pipeline.cmd("ZADD").arg(&ended).arg(&at).arg(id).ignore();
            }
        }
        pipeline.cmd("SET").arg(key("clock")).arg(clock).ignore();
        pipeline
    }

    fn script(&self, batch: &[(&str, usize)], mut clock: i64) -> redis::Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.digest).arg(1).arg(format!("{}clock", self.prefix));
        command.arg(format!("due:{}:{}", self.owner, self.shape));
        command.arg(format!("state:running:{}", self.definition));
        command.arg(format!("state:completed:{}", self.definition)).arg("ended:completed").arg(batch.len());
        for (id, append) in batch {
            let kind = match append {
                0 => "start",
                4 => "end",
                _ => "step",
            };
            command.arg(kind).arg(id).arg(append).arg(clock);
            clock += 2;
            for entry in &self.appends[*append] {
                command.arg(entry);
            }
            if *append == 0 {
                command.arg(&self.owner);
                for (_, value) in &self.head {
                    command.arg(value);
                }
            }
        }
        command
    }
}
