//! Pages of sagas, read along an index from where the last page ended, however many sagas there are.

use std::fmt::Write as _;

use saga::machine::SagaState;
use saga::store::{Cursor, SagaFilter, SagaPage, Sort, StoreResult};
use tokio_postgres::types::ToSql;

use crate::database::{Database, Value};
use crate::queries::read;
use crate::rows::{self, INSTANCE, Time, escape, labels, uuid};

pub(crate) async fn list(database: &Database, filter: &SagaFilter) -> StoreResult<SagaPage> {
    let limit = filter.limit.clamp(1, 1_000);
    // One more than the page holds says whether there is another page.
    let mut find = Find { values: vec![Box::new(rows::limit(limit + 1))], conditions: String::new() };
    find.conditions(filter);
    let order = match filter.sort {
        Sort::NewestFirst => "created_at DESC, id DESC",
        Sort::OldestFirst => "created_at, id",
    };
    let parts: Vec<String> = if filter.labels.is_empty() {
        // The first sagas of each state from the index of lists; the page is the first of all of them.
        let part = |state: &SagaState| {
            format!(
                "(SELECT * FROM {{s}}.sagas WHERE state = '{state}'{} ORDER BY {order} LIMIT $1)",
                find.conditions
            )
        };
        let states = if filter.states.is_empty() { &SagaState::ALL[..] } else { &filter.states };
        let mut states = states.to_vec();
        states.sort_unstable();
        states.dedup();
        states.iter().map(part).collect()
    } else {
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        let of_states = find.any_of("state", states.into_iter().map(str::to_owned).collect());
        let with_labels = find.add(labels(&filter.labels));
        vec![format!(
            "(SELECT * FROM {{s}}.sagas WHERE labels <> '{{}}' AND labels @> {with_labels}::text::jsonb{of_states}{} \
             ORDER BY {order} LIMIT $1)",
            find.conditions
        )]
    };
    let statement =
        format!("SELECT {INSTANCE} FROM ({}) found ORDER BY {order} LIMIT $1", parts.join(" UNION ALL "));
    let values: Vec<Value<'_>> = find.values.iter().map(|value| &**value as Value<'_>).collect();
    let mut sagas = read(database, &statement, &values, rows::instance).await?;
    let is_more = sagas.len() > limit;
    sagas.truncate(limit);
    let next =
        sagas.last().filter(|_| is_more).map(|last| Cursor { created_at: last.created_at, id: last.id });
    Ok(SagaPage { sagas, next })
}

/// What to look for.
struct Find {
    conditions: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Find {
    /// Adds a value; its place in the statement.
    fn add(&mut self, value: impl ToSql + Sync + Send + 'static) -> String {
        self.values.push(Box::new(value));
        format!("${}", self.values.len())
    }

    fn any_of(&mut self, column: &str, any_of: Vec<String>) -> String {
        if any_of.is_empty() {
            return String::new();
        }
        let place = self.add(any_of);
        format!(" AND {column} = ANY({place})")
    }

    /// The range of times, where the page before ended, and the definitions.
    fn conditions(&mut self, filter: &SagaFilter) {
        let mut conditions = String::new();
        if let Some(from) = filter.created_from {
            _ = write!(conditions, " AND created_at >= {}", self.add(Time(from)));
        }
        if let Some(before) = filter.created_before {
            _ = write!(conditions, " AND created_at < {}", self.add(Time(before)));
        }
        if let Some(cursor) = filter.cursor {
            let than = match filter.sort {
                Sort::NewestFirst => "<",
                Sort::OldestFirst => ">",
            };
            let (at, id) = (self.add(Time(cursor.created_at)), self.add(uuid(cursor.id)));
            _ = write!(conditions, " AND (created_at, id) {than} ({at}, {id})");
        }
        let definitions = filter.definitions.iter().map(|name| escape(name)).collect();
        conditions.push_str(&self.any_of("definition", definitions));
        self.conditions = conditions;
    }
}
