//! What is stored as values, and values as what is stored.

use redis::{FromRedisValue, Value};
use saga::machine::{Event, Record};
use saga::store::{SagaInstance, StoreResult};
use saga::{Labels, Payload, SagaId, StoreError, Timestamp};

/// An answer as a Rust value.
pub(crate) fn read<T: FromRedisValue>(value: Value) -> StoreResult<T> {
    redis::from_redis_value(value)
        .map_err(|error| StoreError::broken(format!("an unforeseen answer: {error}")))
}

/// The parts of an answer that is a list.
pub(crate) fn list(value: Value) -> StoreResult<Vec<Value>> {
    match value {
        Value::Array(values) => Ok(values),
        Value::Nil => Ok(Vec::new()),
        other => Err(StoreError::broken(format!("a list was expected, and not {other:?}"))),
    }
}

pub(crate) fn parsed<T>(value: Value) -> StoreResult<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    parse(&read::<String>(value)?)
}

pub(crate) fn parse<T>(text: &str) -> StoreResult<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse().map_err(|error| StoreError::broken(format!("`{text}` was not written by us: {error}")))
}

pub(crate) fn time(value: Value) -> StoreResult<Timestamp> {
    Ok(Timestamp::from_micros(parsed(value)?))
}

/// An entry without its time, which the script puts before it: the length of the event, the event, the payload.
pub(crate) fn entry(event: &Event) -> Vec<u8> {
    let body = event.encode();
    let payload = event.payload().map(Payload::as_bytes).unwrap_or_default();
    let mut entry = Vec::with_capacity(body.len() + payload.len() + 8);
    entry.extend_from_slice(body.len().to_string().as_bytes());
    entry.push(b'\n');
    entry.extend_from_slice(body.as_bytes());
    entry.extend_from_slice(payload);
    entry
}

/// The entry of a journal at this place.
pub(crate) fn record(sequence: u64, entry: &[u8]) -> StoreResult<Record> {
    let split = || {
        let line = entry.iter().position(|byte| *byte == b'\n')?;
        let (at, length) = std::str::from_utf8(&entry[..line]).ok()?.split_once(' ')?;
        let (at, length) = (at.parse().ok()?, length.parse().ok()?);
        let (body, payload) = entry[line + 1..].split_at_checked(length)?;
        Some((at, std::str::from_utf8(body).ok()?, payload))
    };
    let (at, body, payload) = split()
        .ok_or_else(|| StoreError::broken(format!("entry {sequence} of a journal is none of ours")))?;
    let event = Event::decode(body, Payload::from(payload))
        .map_err(|error| StoreError::broken(format!("entry {sequence} of a journal: {error}")))?;
    Ok(Record { sequence, at: Timestamp::from_micros(at), event })
}

/// Each label as `length:name,length:value,`: a script can take them apart, whatever their bytes.
pub(crate) fn labels(labels: &Labels) -> String {
    labels.iter().map(|(name, value)| label(name, value)).collect()
}

pub(crate) fn label(name: &str, value: &str) -> String {
    format!("{}:{name},{}:{value},", name.len(), value.len())
}

fn read_labels(text: &str) -> Option<Labels> {
    let mut rest = text;
    let mut labels = Labels::new();
    let mut next = || {
        let (length, behind) = rest.split_once(':')?;
        let (part, behind) = behind.split_at_checked(length.parse().ok()?)?;
        rest = behind.strip_prefix(',')?;
        Some((part.to_owned(), rest.is_empty()))
    };
    while !text.is_empty() {
        let (name, _) = next()?;
        let (value, is_last) = next()?;
        labels.insert(name, value);
        if is_last {
            break;
        }
    }
    Some(labels)
}

/// A saga from its head, an alternation of names and values.
pub(crate) fn instance(id: SagaId, head: Value) -> StoreResult<SagaInstance> {
    let mut fields: std::collections::HashMap<String, String> = read(head)?;
    let mut take = |name: &str| fields.remove(name);
    let missing = |name: &str| StoreError::broken(format!("the head of saga {id} has no {name}"));
    let mut needed = |name: &str| take(name).ok_or_else(|| missing(name));
    let (definition, version, fingerprint) =
        (needed("definition")?, parse(&needed("version")?)?, parse(&needed("fingerprint")?)?);
    let state = parse(&needed("state")?)?;
    let created_at = Timestamp::from_micros(parse(&needed("created")?)?);
    let updated_at = Timestamp::from_micros(parse(&needed("updated")?)?);
    let optional = |text: Option<String>| -> StoreResult<Option<Timestamp>> {
        text.map(|text| parse(&text).map(Timestamp::from_micros)).transpose()
    };
    let labels = fields.remove("labels").unwrap_or_default();
    let labels = read_labels(&labels).ok_or_else(|| missing("readable labels"))?;
    Ok(SagaInstance {
        id,
        definition,
        version,
        fingerprint,
        state,
        labels,
        key: fields.remove("key"),
        owner: fields.remove("owner").filter(|owner| owner != "-").map(|owner| parse(&owner)).transpose()?,
        wake_at: optional(fields.remove("wake"))?,
        created_at,
        updated_at,
        ended_at: optional(fields.remove("ended"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_any_bytes_are_read_back() {
        let odd = ["", ",", "1:a,", "é", "\u{0}", "🦀:\n"];
        let written: Labels = odd.iter().map(|text| ((*text).to_owned(), format!("{text}{text}"))).collect();
        assert_eq!(read_labels(&labels(&written)), Some(written));
        assert_eq!(read_labels(""), Some(Labels::new()));
        assert_eq!(read_labels("3:a,"), None);
    }

    #[test]
    fn what_is_no_entry_is_an_error() {
        for entry in ["", "1", "1 2", "1 2\n", "x 2\n{}", "1 9\n{}", "1 2\n{}"] {
            assert!(matches!(record(0, entry.as_bytes()), Err(StoreError::Broken { .. })), "{entry}");
        }
    }
}
