//! What is written today is read for ever: names and shapes of encoded events.

use saga::Payload;
use saga::machine::{DecodeEventError, EVENT_VERSION, Event};

/// One line an event, with every kind and every value of the enums inside.
const EVENTS: &str = include_str!("../wire/events.jsonl");

/// All kinds of version 1.
const KINDS: [&str; 18] = [
    "saga_started",
    "claimed",
    "released",
    "step_started",
    "step_completed",
    "step_failed",
    "step_absent",
    "verify_failed",
    "cancel_requested",
    "deadline_passed",
    "request_refused",
    "compensation_started",
    "step_compensated",
    "compensation_failed",
    "stuck",
    "resumed",
    "abandoned",
    "ended",
];

#[test]
fn the_encoded_events_of_version_1_are_read_and_written_as_they_were() {
    for line in EVENTS.lines() {
        let event = Event::decode(line, Payload::EMPTY).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(event.encode(), line);
    }
}

#[test]
fn the_samples_show_every_kind_of_event() {
    let kind = |line| Event::decode(line, Payload::EMPTY).expect("it was read above").kind();
    for known in KINDS {
        let sample = EVENTS.lines().find(|line| kind(line) == known);
        let sample = sample.unwrap_or_else(|| panic!("there is no sample of `{known}`"));
        assert!(sample.starts_with(&format!(r#"{{"v":1,"type":"{known}""#)), "{sample}");
    }
    assert!(EVENTS.lines().all(|line| KINDS.contains(&kind(line))), "add the new kind above, and a sample");
}

#[test]
fn what_is_absent_has_its_default_and_what_is_unknown_is_passed_over() {
    let old = r#"{"v":1,"type":"ended","state":"completed","added_later":7}"#;
    let event = Event::decode(old, Payload::EMPTY).expect("it is read");
    assert_eq!(event.encode(), r#"{"v":1,"type":"ended","state":"completed"}"#);
}

#[test]
fn an_event_of_a_later_version_or_of_no_sense_is_refused() {
    let later = format!(r#"{{"v":{},"type":"resumed"}}"#, EVENT_VERSION + 1);
    let refused = |text: &str| Event::decode(text, Payload::EMPTY).expect_err("it is refused");
    assert!(matches!(refused(&later), DecodeEventError::Version { version: 2 }));
    for nonsense in ["", "{}", r#"{"v":1}"#, r#"{"v":1,"type":"undone"}"#, r#"{"v":1,"type":"step_absent"}"#]
    {
        assert!(matches!(refused(nonsense), DecodeEventError::Syntax(_)), "{nonsense}");
    }
}

#[test]
fn a_payload_stands_beside_its_event() {
    let line = EVENTS.lines().find(|line| line.contains("step_completed")).expect("there is a sample");
    let payload = Payload::from(&b"42"[..]);
    let event = Event::decode(line, payload.clone()).expect("it is read");
    assert_eq!((event.payload(), event.encode().as_str()), (Some(&payload), line));
}
