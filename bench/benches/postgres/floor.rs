//! The floor beneath the PostgreSQL store: its own tables and indexes; its rows are copied from one saga.
//!
//! One statement and one commit for a batch, prepared once, its rows as arrays. A batch of nothing but steps, the most
//! frequent, has a statement of its own. Nothing is checked: no fence, no owner, no order of positions.

use saga_bench::floor::{Entry, Floor, Job, appends};
use tokio::sync::mpsc;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::Place;

const STEPS: &str = "INSERT INTO journal (saga, sequence, position, at, event, payload) \
    SELECT saga, sequence, position, clock_timestamp(), event, payload \
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) \
        AS n (saga, sequence, position, event, payload)";

const ALL: &str = "WITH created AS ( \
        INSERT INTO sagas (id, definition, version, fingerprint, state, key, labels, owner, wake_at, due_at, \
            created_at, updated_at, ended_at) \
        SELECT id, $7, 1, $8, 'running', NULL, '{}', $9, NULL, clock_timestamp(), clock_timestamp(), \
            clock_timestamp(), NULL \
        FROM unnest($6::uuid[]) AS n (id) \
    ), ended AS ( \
        UPDATE sagas SET state = 'completed', owner = NULL, due_at = NULL, updated_at = clock_timestamp(), \
            ended_at = clock_timestamp() \
        WHERE id = ANY($10::uuid[]) \
    ) \
    INSERT INTO journal (saga, sequence, position, at, event, payload) \
    SELECT saga, sequence, position, clock_timestamp(), event, payload \
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) \
        AS n (saga, sequence, position, event, payload)";

pub(crate) async fn begin(place: &Place) -> Floor {
    let (floor, queue) = Floor::new();
    place.leave_a_saga("floor").await;
    let client = place.client("floor").await;
    client.batch_execute("SET enable_seqscan TO off").await.expect("settings of the driver");
    let writer = Writer::new(client).await;
    tokio::spawn(writer.write_batches(queue));
    floor
}

struct Writer {
    client: Client,
    steps: Statement,
    all: Statement,
    appends: Vec<Vec<Entry>>,
    definition: String,
    fingerprint: String,
    owner: Uuid,
    position: i64,
}

impl Writer {
    async fn new(client: Client) -> Self {
        let find = "SELECT sequence, event, payload FROM journal ORDER BY sequence";
        let rows = client.query(find, &[]).await.expect("a query");
        let entry = |row: &tokio_postgres::Row| Entry {
            sequence: row.get(0),
            event: row.get(1),
            payload: row.get(2),
        };
        let appends = appends(rows.iter().map(entry).collect());
        let find = "SELECT definition, fingerprint, (SELECT max(position) FROM journal) FROM sagas";
        let saga = client.query_one(find, &[]).await.expect("one saga");
        Self {
            steps: client.prepare(STEPS).await.expect("SQL"),
            all: client.prepare(ALL).await.expect("SQL"),
            client,
            appends,
            definition: saga.get(0),
            fingerprint: saga.get(1),
            owner: Uuid::from_bytes(*saga::WorkerId::new().as_bytes()),
            position: saga.get(2),
        }
    }

    async fn write_batches(mut self, mut queue: mpsc::UnboundedReceiver<Job>) {
        let mut batch = Vec::new();
        let mut was_shared = false;
        while let Some(first) = queue.recv().await {
            batch.push(first);
            if was_shared {
                // Those who were answered with the last batch write again at once.
                tokio::task::yield_now().await;
            }
            while let Ok(job) = queue.try_recv() {
                batch.push(job);
            }
            self.write(&batch).await;
            was_shared = batch.len() > 1;
            batch.drain(..).for_each(Job::is_committed);
        }
    }

    async fn write(&mut self, batch: &[Job]) {
        let (mut sagas, mut sequences, mut positions) = (Vec::new(), Vec::new(), Vec::new());
        let (mut events, mut payloads) = (Vec::new(), Vec::new());
        let (mut created, mut ended) = (Vec::new(), Vec::new());
        for job in batch {
            let id = Uuid::from_bytes(job.id);
            for entry in &self.appends[job.append] {
                self.position += 1;
                sagas.push(id);
                sequences.push(entry.sequence);
                positions.push(self.position);
                events.push(entry.event.as_str());
                payloads.push(entry.payload.as_deref());
            }
            match job.append {
                0 => created.push(id),
                4 => ended.push(id),
                _ => {}
            }
        }
        let written = if created.is_empty() && ended.is_empty() {
            self.client.execute(&self.steps, &[&sagas, &sequences, &positions, &events, &payloads]).await
        } else {
            self.client
                .execute(
                    &self.all,
                    &[
                        &sagas,
                        &sequences,
                        &positions,
                        &events,
                        &payloads,
                        &created,
                        &self.definition,
                        &self.fingerprint,
                        &self.owner,
                        &ended,
                    ],
                )
                .await
        };
        assert_eq!(written.expect("a commit"), sagas.len() as u64);
    }
}
