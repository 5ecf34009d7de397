//! Pages of sagas: a page of each partition, and the first of all of them.

use futures_util::future::join_all;
use redis::Value;
use saga::store::{Cursor, SagaFilter, SagaInstance, SagaPage, Sort, StoreResult};

use crate::link::Kind;
use crate::rows;
use crate::script::{Call, LIST};
use crate::store::Shared;

impl Shared {
    pub(crate) async fn list(&self, filter: &SagaFilter) -> StoreResult<SagaPage> {
        let limit = filter.limit.clamp(1, 1_000);
        // One more than the page holds says whether there is another page.
        let listing = self.partitions.all().map(|partition| self.list_in(partition, filter, limit + 1));
        let mut sagas = Vec::new();
        for listed in join_all(listing).await {
            sagas.extend(listed?);
        }
        sagas.sort_unstable_by_key(|saga: &SagaInstance| (saga.created_at, saga.id));
        if filter.sort == Sort::NewestFirst {
            sagas.reverse();
        }
        let has_more = sagas.len() > limit;
        sagas.truncate(limit);
        let next =
            sagas.last().filter(|_| has_more).map(|last| Cursor { created_at: last.created_at, id: last.id });
        Ok(SagaPage { sagas, next })
    }

    /// The first sagas of a partition that match.
    async fn list_in(
        &self,
        partition: u16,
        filter: &SagaFilter,
        limit: usize,
    ) -> StoreResult<Vec<SagaInstance>> {
        let label = self.rarest_label(partition, filter).await?;
        let mut matching = Vec::new();
        let mut cursor = filter.cursor;
        loop {
            let call = self.list_call(partition, filter, cursor, label.as_deref(), limit);
            let mut answer = rows::list(self.link.call(&call, Kind::Repeatable).await?)?.into_iter();
            for saga in rows::list(answer.next().unwrap_or(Value::Nil))? {
                let mut saga = rows::list(saga)?.into_iter();
                let id = rows::parsed(saga.next().unwrap_or(Value::Nil))?;
                let saga = rows::instance(id, saga.next().unwrap_or(Value::Nil))?;
                cursor = Some(Cursor { created_at: saga.created_at, id });
                if filter.matches(&saga) {
                    matching.push(saga);
                }
                if matching.len() == limit {
                    return Ok(matching);
                }
            }
            let has_more: u8 = rows::read(answer.next().unwrap_or(Value::Nil))?;
            // A page of nothing but entries that led nowhere was healed: the next one is another.
            if has_more == 0 {
                return Ok(matching);
            }
        }
    }

    fn list_call(
        &self,
        partition: u16,
        filter: &SagaFilter,
        cursor: Option<Cursor>,
        label: Option<&str>,
        limit: usize,
    ) -> Call {
        let mut from = filter.created_from.map(saga::Timestamp::as_micros);
        // The time before which, and whether it is itself among them.
        let mut before = filter.created_before.map(|before| (before.as_micros(), false));
        if let Some(cursor) = cursor {
            let at = cursor.created_at.as_micros();
            match filter.sort {
                Sort::NewestFirst => {
                    before = Some(before.map_or((at, true), |before| before.min((at, true))));
                }
                Sort::OldestFirst => from = Some(from.map_or(at, |from| from.max(at))),
            }
        }
        let mut call = self
            .script(&LIST, partition)
            .with(if filter.sort == Sort::NewestFirst { "newest" } else { "oldest" })
            .with(from.map_or_else(|| "-inf".to_owned(), |from| from.to_string()))
            .with(match before {
                None => "+inf".to_owned(),
                Some((before, true)) => before.to_string(),
                Some((before, false)) => format!("({before}"),
            })
            .with(limit)
            .with(cursor.map_or_else(String::new, |cursor| cursor.created_at.as_micros().to_string()))
            .with(cursor.map_or_else(String::new, |cursor| cursor.id.to_string()))
            .with(label.unwrap_or_default())
            .with(filter.states.len());
        for state in &filter.states {
            call.push(state.as_str());
        }
        call.push(filter.definitions.len());
        for definition in &filter.definitions {
            call.push(definition);
        }
        call
    }

    /// Of the labels asked for, the one that the fewest sagas have.
    async fn rarest_label(&self, partition: u16, filter: &SagaFilter) -> StoreResult<Option<String>> {
        let mut labels = filter.labels.iter().map(|(name, value)| rows::label(name, value));
        if filter.labels.len() <= 1 {
            return Ok(labels.next());
        }
        let mut rarest: Option<(u64, String)> = None;
        for label in labels {
            let key = format!("{}label:{label}", self.partitions.prefix(partition));
            let call = Call::command(partition, "ZCARD").with(key);
            let count = rows::read(self.link.call(&call, Kind::Read).await?)?;
            if rarest.as_ref().is_none_or(|(least, _)| count < *least) {
                rarest = Some((count, label));
            }
        }
        Ok(rarest.map(|(_, label)| label))
    }
}
