//! What tools ask for: the shapes of definitions, who is alive, and what none of those knows.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use redis::Value;
use saga::store::{DefinitionKey, StoreResult, UNKNOWN_LOOK_MAX, UnknownDefinition, WorkerLease};
use saga::{DefinitionShape, StoreError, Timestamp, WorkerId};

use crate::link::Kind;
use crate::rows;
use crate::script::{Call, UNKNOWN, WORKERS};
use crate::store::Shared;

impl Shared {
    fn definitions_key(&self) -> String {
        format!("{}definitions", self.partitions.prefix(0))
    }

    pub(crate) async fn describe(&self, shapes: &[DefinitionShape]) -> StoreResult<()> {
        if shapes.is_empty() {
            return Ok(());
        }
        let mut call = Call::command(0, "HSET").with(self.definitions_key());
        for shape in shapes {
            call.push(self::shape(&DefinitionKey::of_shape(shape)));
            call.push(serde_json::to_string(shape).map_err(|error| StoreError::broken(error.to_string()))?);
        }
        self.link.call(&call, Kind::Repeatable).await?;
        Ok(())
    }

    pub(crate) async fn shape(&self, key: &DefinitionKey) -> StoreResult<Option<DefinitionShape>> {
        let call = Call::command(0, "HGET").with(self.definitions_key()).with(shape(key));
        let text = match self.link.call(&call, Kind::Read).await? {
            Value::Nil => return Ok(None),
            text => rows::read::<String>(text)?,
        };
        let shape = serde_json::from_str(&text).map_err(|error| {
            StoreError::broken(format!("the shape of `{}` cannot be read: {error}", key.name))
        })?;
        Ok(Some(shape))
    }

    /// Each partition has its own leases, and a worker is alive where one of them runs.
    pub(crate) async fn workers(&self) -> StoreResult<Vec<WorkerLease>> {
        let asking = self
            .partitions
            .all()
            .map(async |partition| self.link.call(&self.script(&WORKERS, partition), Kind::Read).await);
        let mut alive: BTreeMap<WorkerId, Timestamp> = BTreeMap::new();
        for answer in try_join_all(asking).await? {
            let answer: Vec<String> = rows::read(answer)?;
            for pair in answer.chunks_exact(2) {
                let until = Timestamp::from_micros(rows::parse(&pair[1])?);
                let known = alive.entry(rows::parse(&pair[0])?).or_insert(until);
                *known = until.max(*known);
            }
        }
        Ok(alive.into_iter().map(|(worker, leased_until)| WorkerLease { worker, leased_until }).collect())
    }

    pub(crate) async fn unknown(&self) -> StoreResult<Vec<UnknownDefinition>> {
        let asking = self.partitions.all().map(async |partition| {
            self.link.call(&self.script(&UNKNOWN, partition).with(UNKNOWN_LOOK_MAX), Kind::Read).await
        });
        let mut unknown: BTreeMap<DefinitionKey, u64> = BTreeMap::new();
        for answer in try_join_all(asking).await? {
            let answer: Vec<String> = rows::read(answer)?;
            for pair in answer.chunks_exact(2) {
                *unknown.entry(key(&pair[0])?).or_default() += rows::parse::<u64>(&pair[1])?;
            }
        }
        Ok(unknown.into_iter().map(|(definition, sagas)| UnknownDefinition { definition, sagas }).collect())
    }
}

/// A definition as the indexes call it.
pub(crate) fn shape(key: &DefinitionKey) -> String {
    format!("{}:{}:{}", key.name, key.version, key.fingerprint)
}

/// The definition that the indexes call so: its name may have colons.
fn key(shape: &str) -> StoreResult<DefinitionKey> {
    let mut parts = shape.rsplitn(3, ':');
    let (Some(fingerprint), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(StoreError::broken(format!("`{shape}` is no definition")));
    };
    Ok(DefinitionKey {
        name: name.to_owned(),
        version: rows::parse(version)?,
        fingerprint: rows::parse(fingerprint)?,
    })
}
