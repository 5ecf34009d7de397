//! `saga show`.

use std::fmt::Write as _;

use saga::machine::{Record, Request};
use saga::{FailureKind, Payload, SagaInstance, SagaState, Timestamp, WorkerId};
use serde_json::{Value, json};

use super::{alive, definition_of, instance_json, time_json};
use crate::args::{Place, Show};
use crate::error::{Exit, Problem};
use crate::filter::instance;
use crate::open::{Mode, open};
use crate::output::{Output, plain};
use crate::story::{AttemptStory, StepStory, Story, story};
use crate::time::{second, short};
use crate::timeline::{LEGEND, timeline};

/// All that is shown of a saga.
struct View<'a> {
    show: &'a Show,
    saga: &'a SagaInstance,
    story: Option<Story<'a>>,
    journal: &'a [Record],
    requests: &'a [(u64, Request)],
    alive: &'a [WorkerId],
    now: Timestamp,
}

/// So much of a payload is shown to people, in characters.
const PAYLOAD_SHOWN: usize = 160;

pub(crate) async fn run(place: &Place, show: &Show, output: &Output) -> Result<Exit, Problem> {
    let store = open(place, Mode::Beside).await?;
    let saga = instance(store.as_ref(), show.id).await?;
    let journal = store.load(show.id).await?;
    let requests = store.requests(show.id).await?;
    let definition = definition_of(store.as_ref(), &saga).await?;
    let view = View {
        show,
        saga: &saga,
        story: story(definition.as_ref(), &journal),
        journal: &journal,
        requests: &requests,
        alive: &alive(store.as_ref()).await?,
        now: store.ping().await?,
    };
    output.write(|| view.text(output), || view.json())?;
    Ok(Exit::Done)
}

impl View<'_> {
    fn text(&self, output: &Output) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail, here and below.
        _ = self.head(&mut text, output);
        if let Some(story) = &self.story {
            _ = self.body(&mut text, story, output);
        } else {
            text.push_str("\nits journal does not begin with `saga_started`: run `saga doctor`\n");
        }
        if self.show.events {
            _ = writeln!(text, "\n{}", output.bold("Events"));
            for Record { sequence, at, event } in self.journal {
                _ = writeln!(text, "  {sequence:>4}  {at}  {}", plain(&event.encode()));
            }
        }
        text
    }

    fn head(&self, text: &mut String, output: &Output) -> std::fmt::Result {
        let saga = self.saga;
        let state = output.of_state(saga.state, saga.state.as_str());
        writeln!(text, "{}  {state}", output.bold(&saga.id.to_string()))?;
        let mut line = |name: &str, value: &str| writeln!(text, "  {name:<11} {value}");
        line(
            "definition",
            &format!("{} version {} ({})", plain(&saga.definition), saga.version, saga.fingerprint),
        )?;
        let age = short(self.now.since(saga.created_at));
        line("recorded", &format!("{}, {age} ago", second(saga.created_at)))?;
        if let Some(ended) = saga.ended_at {
            line("ended", &format!("{}, after {}", second(ended), short(ended.since(saga.created_at))))?;
        }
        if let Some(wake_at) = saga.wake_at.filter(|_| !saga.state.is_ended()) {
            line("goes on", &second(wake_at))?;
        }
        if let Some(owner) = saga.owner {
            let lease = if self.alive.contains(&owner) { "alive" } else { "has no running lease" };
            line("owner", &format!("{owner} ({lease})"))?;
        }
        if let Some(key) = &saga.key {
            line("key", &plain(key))?;
        }
        for (name, value) in &saga.labels {
            line("label", &format!("{} = {}", plain(name), plain(value)))?;
        }
        if let Some(story) = &self.story {
            if let Some(deadline) = story.deadline {
                line("deadline", &second(deadline))?;
            }
            if !self.show.no_payloads {
                line("input", &shown(story.codec, story.input))?;
            }
        }
        Ok(())
    }

    fn body(&self, text: &mut String, story: &Story<'_>, output: &Output) -> std::fmt::Result {
        if let Some(reason) = story.stuck.filter(|_| self.saga.state == SagaState::Stuck) {
            let head = output.bad(&format!("stuck[{}]", reason.code()));
            writeln!(text, "\n{head}: {}", plain(&reason.to_string()))?;
        }
        if let Some(cause) = story.cause {
            writeln!(text, "\nturned back: {}", plain(&cause.to_string()))?;
        }
        for left in story.not_undone {
            writeln!(text, "{}: `{}`: {}", output.bad("not undone"), plain(&left.step), plain(&left.reason))?;
        }
        writeln!(text, "\n{}", output.bold("Steps"))?;
        for step in &story.steps {
            self.step(text, story, step, output)?;
        }
        writeln!(text, "\n{}  {}", output.bold("Timeline"), output.faint(LEGEND))?;
        text.push_str(&timeline(story));
        if !story.remarks.is_empty() {
            writeln!(text, "\n{}", output.bold("Remarks"))?;
            for (at, remark) in &story.remarks {
                writeln!(text, "  {}  {}", second(*at), plain(remark))?;
            }
        }
        for (_, request) in self.requests {
            let whom =
                if self.alive.is_empty() { "no worker is alive to carry it out" } else { "not answered yet" };
            writeln!(text, "\nasked: {}; {whom}", request.name())?;
        }
        Ok(())
    }

    fn step(
        &self,
        text: &mut String,
        story: &Story<'_>,
        step: &StepStory<'_>,
        output: &Output,
    ) -> std::fmt::Result {
        let is_bad = matches!(step.status, "failed" | "in doubt" | "undo failed");
        let status = if is_bad { output.bad(step.status) } else { step.status.to_owned() };
        let kind = step.kind.map(|kind| format!(" ({})", kind.as_str())).unwrap_or_default();
        writeln!(text, "  {}{}: {status}", plain(&step.name), output.faint(&kind))?;
        for attempt in &step.attempts {
            let AttemptStory { what, number, from, to, result, failure, note, retry_at } = attempt;
            let number = if *number > 0 { format!(" {number}") } else { String::new() };
            write!(
                text,
                "    {}{number}: {} after {}",
                what.as_str(),
                result.as_str(),
                short(to.since(*from))
            )?;
            if let Some(failure) = failure {
                let code = failure.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
                // Of a failure in doubt the result says so already.
                let kind = match failure.kind {
                    FailureKind::InDoubt => String::new(),
                    kind => kind.to_string(),
                };
                let what = format!("{kind}{}", plain(&code));
                let gap = if what.is_empty() { "" } else { ": " };
                write!(text, ": {}{gap}{}", what.trim_start(), plain(&failure.message))?;
            }
            if let Some(note) = note {
                write!(text, ": {}", plain(note))?;
            }
            if let Some(retry_at) = retry_at {
                write!(text, "; again at {}", second(*retry_at))?;
            }
            text.push('\n');
        }
        if let Some(payload) = step.output.filter(|_| !self.show.no_payloads) {
            writeln!(text, "    output: {}", shown(story.codec, payload))?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "saga": instance_json(self.saga),
            "now": self.now.to_string(),
            "owner_is_alive": self.saga.owner.map(|owner| self.alive.contains(&owner)),
            "workers_alive": self.alive.len(),
            "requests": self.requests.iter().map(|(_, request)| request.name()).collect::<Vec<_>>(),
        });
        if let Some(story) = &self.story {
            let payload = |payload: &Payload| {
                if self.show.no_payloads { Value::Null } else { payload_json(story.codec, payload) }
            };
            value["codec"] = json!(story.codec);
            value["start_at"] = json!(story.start_at.to_string());
            value["deadline"] = time_json(story.deadline);
            value["input"] = payload(story.input);
            value["cause"] = json!(story.cause);
            value["stuck"] = story.stuck.filter(|_| self.saga.state == SagaState::Stuck).map_or(
                Value::Null,
                |reason| json!({ "code": reason.code(), "message": reason.to_string(), "reason": reason }),
            );
            value["not_undone"] = json!(story.not_undone);
            value["claims"] = story.claims.iter().map(|at| json!(at.to_string())).collect();
            value["steps"] = story.steps.iter().map(|step| step_json(step, payload)).collect();
        }
        if self.show.events {
            value["events"] =
                self.journal.iter().map(|record| super::export::record_json(record, None)).collect();
        }
        value
    }
}

fn step_json(step: &StepStory<'_>, payload: impl Fn(&Payload) -> Value) -> Value {
    let attempt = |attempt: &AttemptStory<'_>| {
        json!({
            "what": attempt.what.as_str(),
            "number": attempt.number,
            "from": attempt.from.to_string(),
            "to": attempt.to.to_string(),
            "result": attempt.result.as_str(),
            "failure": attempt.failure,
            "note": attempt.note,
            "retry_at": time_json(attempt.retry_at),
        })
    };
    json!({
        "name": step.name,
        "kind": step.kind,
        "status": step.status,
        "attempts": step.attempts.iter().map(attempt).collect::<Vec<_>>(),
        "output": step.output.map_or(Value::Null, payload),
    })
}

/// A payload of JSON as it is; of another codec, how long it is.
fn shown(codec: &str, payload: &Payload) -> String {
    let bytes = payload.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) if codec == "json" => {
            let text = plain(text);
            let length = text.chars().count();
            if length <= PAYLOAD_SHOWN {
                return text;
            }
            let head: String = text.chars().take(PAYLOAD_SHOWN).collect();
            format!("{head}.. ({length} characters; --json shows all)")
        }
        _ => format!("{} bytes of {}", bytes.len(), plain(codec)),
    }
}

/// A payload of JSON as it is; of another codec, its bytes in hex.
pub(super) fn payload_json(codec: &str, payload: &Payload) -> Value {
    let bytes = payload.as_bytes();
    if codec == "json"
        && let Ok(value) = serde_json::from_slice::<Value>(bytes)
    {
        return json!({ "codec": codec, "value": value });
    }
    let hex = bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        _ = write!(hex, "{byte:02x}");
        hex
    });
    json!({ "codec": codec, "hex": hex })
}

#[cfg(test)]
mod tests;
