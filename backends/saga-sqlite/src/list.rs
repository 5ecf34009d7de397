//! Pages of sagas, read along an index from where the last page ended, however many sagas there are.

use std::fmt::Write as _;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use saga::machine::SagaState;
use saga::store::{Cursor, SagaFilter, SagaPage, Sort};

use crate::error::SqlError;
use crate::rows::{self, INSTANCE};

pub(crate) fn list(connection: &Connection, filter: &SagaFilter) -> Result<SagaPage, SqlError> {
    let limit = limit(filter);
    let (find, values) = query(filter);
    let mut statement = connection.prepare_cached(&find)?;
    let sagas = statement.query_map(params_from_iter(values), rows::instance)?;
    let mut sagas = sagas.collect::<Result<Vec<_>, _>>()?;
    let is_more = sagas.len() > limit;
    sagas.truncate(limit);
    let next =
        sagas.last().filter(|_| is_more).map(|last| Cursor { created_at: last.created_at, id: last.id });
    Ok(SagaPage { sagas, next })
}

fn query(filter: &SagaFilter) -> (String, Vec<Value>) {
    let (numbers, mut values) = if filter.labels.is_empty() { by_state(filter) } else { by_label(filter) };
    // One more than the page holds says whether there is another page.
    values.push(rows::limit(limit(filter) + 1).into());
    let order = order(filter);
    let find = format!(
        "SELECT {INSTANCE} FROM sagas WHERE number IN (SELECT number FROM ({numbers}) ORDER BY {order} LIMIT ?) \
         ORDER BY {order}"
    );
    (find, values)
}

fn limit(filter: &SagaFilter) -> usize {
    filter.limit.clamp(1, 1_000)
}

fn order(filter: &SagaFilter) -> &'static str {
    match filter.sort {
        Sort::NewestFirst => "created_at DESC, id DESC",
        Sort::OldestFirst => "created_at, id",
    }
}

/// The first sagas of each state, each from the index of lists; the caller takes the first of all of them.
fn by_state(filter: &SagaFilter) -> (String, Vec<Value>) {
    let mut states = filter.states.clone();
    if states.is_empty() {
        states.extend(SagaState::ALL);
    }
    states.sort_unstable();
    states.dedup();
    let mut values = Vec::new();
    let mut parts = Vec::new();
    for state in states {
        let mut part = String::from("SELECT number, created_at, id FROM sagas WHERE state = ?");
        values.push(state.as_str().to_owned().into());
        push_place(filter, &mut part, &mut values);
        push_in("definition", filter.definitions.iter().map(String::as_str), &mut part, &mut values);
        _ = write!(part, " ORDER BY {} LIMIT {}", order(filter), limit(filter) + 1);
        parts.push(format!("SELECT * FROM ({part})"));
    }
    (parts.join(" UNION ALL "), values)
}

/// The sagas of the first label, in the order of lists, that have the others too.
fn by_label(filter: &SagaFilter) -> (String, Vec<Value>) {
    let mut find = String::from("SELECT saga AS number, created_at, id FROM labels AS label WHERE TRUE");
    let mut values = Vec::new();
    for (index, (name, value)) in filter.labels.iter().enumerate() {
        find.push_str(if index == 0 {
            " AND name = ? AND value = ?"
        } else {
            " AND EXISTS (SELECT 1 FROM labels AS other WHERE other.name = ? AND other.value = ? \
             AND other.created_at = label.created_at AND other.id = label.id)"
        });
        values.extend([name.clone().into(), value.clone().into()]);
    }
    push_place(filter, &mut find, &mut values);
    if !filter.states.is_empty() || !filter.definitions.is_empty() {
        find.push_str(" AND EXISTS (SELECT 1 FROM sagas WHERE number = saga");
        push_in("state", filter.states.iter().map(|state| state.as_str()), &mut find, &mut values);
        push_in("definition", filter.definitions.iter().map(String::as_str), &mut find, &mut values);
        find.push(')');
    }
    (find, values)
}

/// The range of times, and where the page before ended.
fn push_place(filter: &SagaFilter, find: &mut String, values: &mut Vec<Value>) {
    if let Some(from) = filter.created_from {
        find.push_str(" AND created_at >= ?");
        values.push(from.as_micros().into());
    }
    if let Some(before) = filter.created_before {
        find.push_str(" AND created_at < ?");
        values.push(before.as_micros().into());
    }
    if let Some(cursor) = filter.cursor {
        let than = match filter.sort {
            Sort::NewestFirst => "<",
            Sort::OldestFirst => ">",
        };
        _ = write!(find, " AND (created_at, id) {than} (?, ?)");
        values.extend([cursor.created_at.as_micros().into(), cursor.id.as_bytes().to_vec().into()]);
    }
}

fn push_in<'a>(
    column: &str,
    any_of: impl ExactSizeIterator<Item = &'a str>,
    find: &mut String,
    values: &mut Vec<Value>,
) {
    if any_of.len() > 0 {
        _ = write!(find, " AND {column} IN ({})", vec!["?"; any_of.len()].join(", "));
        values.extend(any_of.map(|value| Value::from(value.to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use saga::{SagaId, Timestamp};

    use super::*;

    /// How the database reads a page.
    fn plan(filter: &SagaFilter) -> String {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("schema/1.sql")).unwrap();
        let (find, values) = query(filter);
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {find}")).unwrap();
        let lines = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        lines.map(|line| line.unwrap() + "\n").collect()
    }

    #[test]
    fn a_page_is_read_along_an_index_whatever_the_filter() {
        let at = Timestamp::from_micros(7);
        let all = SagaFilter::new();
        for sort in [Sort::NewestFirst, Sort::OldestFirst] {
            for filter in [
                all.clone(),
                all.clone().state(SagaState::Stuck),
                all.clone().definition("order").created(at..at),
                all.clone().label("customer", "c-17"),
                all.clone()
                    .label("customer", "c-17")
                    .label("region", "eu")
                    .state(SagaState::Failed)
                    .definition("order"),
            ] {
                for filter in [filter.clone(), filter.after(Cursor { created_at: at, id: SagaId::new() })] {
                    let filter = filter.sort(sort);
                    let plan = plan(&filter);
                    assert!(!plan.contains("SCAN sagas") && !plan.contains("SCAN label"), "{plan}");
                    let index = if filter.labels.is_empty() {
                        "SEARCH sagas USING COVERING INDEX sagas_listed (state=?"
                    } else {
                        "SEARCH label USING PRIMARY KEY (name=? AND value=?"
                    };
                    assert!(plan.contains(index), "{plan}");
                    if filter.cursor.is_some() && filter.created_from.is_none() {
                        assert!(plan.contains("(created_at,id)"), "{plan}");
                    }
                }
            }
        }
    }
}
