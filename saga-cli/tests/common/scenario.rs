//! A day of an operator, over any store.

use std::sync::Arc;

use saga::SagaState;
use saga::machine::{Record, invariants};
use saga::store::Store;
use saga::{Saga as _, SagaId};

use super::{App, Place, Shop};

/// All that can be asked of a store, by the program alone, beside the application and without it.
pub(crate) fn day<F>(place: &Place, open: impl Fn() -> F)
where
    F: Future<Output = Arc<dyn Store>>,
{
    let app = App::start(open());
    let (cheap, state) = app.saga(500, "c-1");
    assert_eq!(state, SagaState::Completed);
    let (stuck, state) = app.saga(5_000, "c-2");
    assert_eq!(state, SagaState::Stuck);
    looked_at(place, cheap, stuck);
    operated_on(place, &app, stuck);

    app.glued(true);
    let (left, _) = app.saga(7_000, "c-3");
    app.stop();
    without_workers(place, left);
    let journal = load(open(), left);
    assert_eq!(invariants(Shop::definition(), &journal), []);
    swept(place);
}

fn load(open: impl Future<Output = Arc<dyn Store>>, saga: SagaId) -> Vec<Record> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async { open.await.load(saga).await.unwrap() })
}

fn looked_at(place: &Place, cheap: SagaId, stuck: SagaId) {
    let all = place.run(&["list", "--json"]).code(0).json();
    let ids: Vec<&str> =
        all["sagas"].as_array().unwrap().iter().map(|saga| saga["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [stuck.to_string(), cheap.to_string()], "the newest first");
    assert_eq!(all["next"], serde_json::Value::Null);
    for filter in [["--state", "stuck"], ["--label", "customer=c-2"]] {
        let found = place.run(&[&["list", "--json"][..], &filter].concat()).code(0).json();
        assert_eq!(found["sagas"].as_array().unwrap().len(), 1, "{filter:?}");
        assert_eq!(found["sagas"][0]["id"], stuck.to_string());
    }
    let page = place.run(&["list", "--json", "--limit", "1"]).code(0).json();
    let next = page["next"].as_str().expect("there is more");
    let page = place.run(&["list", "--json", "--after", next]).code(0).json();
    assert_eq!(page["sagas"][0]["id"], cheap.to_string());
    assert_eq!(place.run(&["list", "--since", "2999-01-01"]).code(0).out, "no saga matches\n");
    let watched = place.run(&["list", "--json", "--watch", "1ms", "--rounds", "3"]).code(0);
    assert_eq!(watched.lines().len(), 3);

    let shown = place.run(&["show", &stuck.to_string(), "--json", "--events"]).code(0).json();
    assert_eq!(shown["saga"]["state"], "stuck");
    assert_eq!(shown["input"]["value"], 5_000);
    assert_eq!(shown["stuck"]["code"], "SAGA_STUCK_UNDO_FAILED");
    assert_eq!(shown["steps"][0]["name"], "reserve");
    assert_eq!(shown["steps"][0]["status"], "undo failed");
    assert_eq!(shown["steps"][0]["output"]["value"], "goods for 5000");
    assert_eq!(shown["steps"][1]["attempts"][0]["failure"]["code"], "TOO_DEAR");
    assert_eq!(shown["events"][0]["event"]["type"], "saga_started");
    let text = place.run(&["show", &stuck.to_string()]).code(0).out;
    assert!(text.contains("glued to the shelf") && text.contains("Timeline"), "{text}");
    assert!(!text.contains('\u{1b}'), "there are no colours where nobody looks");
    assert!(place.run(&["--color", "always", "show", &stuck.to_string()]).code(0).out.contains('\u{1b}'));

    let stats = place.run(&["stats", "--json"]).code(0).json();
    assert_eq!((&stats["counts"]["completed"], &stats["counts"]["stuck"]), (&1.into(), &1.into()));
    assert_eq!(stats["workers"].as_array().unwrap().len(), 1);

    let lines = place.run(&["export"]).code(0).lines();
    assert!(lines.len() > 6 && lines.iter().all(|line| line["saga"].is_string()), "{lines:#?}");
    let own = place.run(&["export", &cheap.to_string()]).code(0).lines();
    assert_eq!(own[1]["event"]["type"], "step_completed");
    assert_eq!(own[1]["payload"]["value"], "goods for 500");

    let sick = place.run(&["doctor", "--json", "--ended"]).code(7).json();
    assert_eq!(sick["checked"], 2);
    assert_eq!(sick["findings"][0]["code"], "SAGA_STUCK_UNDO_FAILED");
    assert_eq!(sick["findings"].as_array().unwrap().len(), 1, "{sick:#}");
}

fn operated_on(place: &Place, app: &App, stuck: SagaId) {
    let id = stuck.to_string();
    let retried = place.run(&["retry", &id, "--json"]).code(0).json();
    assert_eq!(retried["answer"], "carried_out");
    assert_eq!(app.outcome(stuck), SagaState::Stuck, "its undo failed again");

    let unknown = place.run(&["skip", &id, "resreve", "--note", "by hand"]).code(3);
    assert!(
        unknown.err.contains("SAGA_UNKNOWN_STEP") && unknown.err.contains("`reserve`, `pay`"),
        "{unknown:?}"
    );
    let refused = place.run(&["cancel", &id, "--reason", "enough", "--json"]).code(4).json();
    assert_eq!(refused["answer"], "refused", "{refused:#}");
    assert!(refused["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{refused:#}");

    let preview = place.run(&["abandon", "--state", "stuck", "--note", "no more"]).code(4);
    assert!(preview.out.contains(&id) && preview.out.contains("Add --yes"), "{preview:?}");
    let skipped = place.run(&["skip", &id, "reserve", "--note", "put back by Ada"]).code(0);
    assert!(skipped.out.contains("carried out"), "{skipped:?}");
    assert_eq!(app.outcome(stuck), SagaState::Compensated);
    assert!(place.run(&["show", &id]).code(0).out.contains("put back by Ada"));
    let ended = place.run(&["retry", &id]).code(4);
    assert!(ended.err.contains("SAGA_ENDED"), "{ended:?}");

    let (other, _) = app.saga(6_000, "c-9");
    app.glued(false);
    let bulk = place.run(&["retry", "--definition", "shop", "--yes", "--json"]).code(0).json();
    assert_eq!(bulk["saga"], other.to_string());
    assert_eq!(app.outcome(other), SagaState::Compensated);
}

fn without_workers(place: &Place, left: SagaId) {
    let id = left.to_string();
    let asked = place.run(&["retry", &id]).code(6);
    assert!(asked.out.contains("asked; no worker is alive to carry it out"), "{asked:?}");
    let sick = place.run(&["doctor", "--json"]).code(7).json();
    let codes: Vec<&str> = sick["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["SAGA_STUCK_UNDO_FAILED", "SAGA_DOCTOR_UNANSWERED"]);

    let given_up = place.run(&["abandon", &id, "--note", "written off", "--now", "--json"]).code(0).json();
    assert_eq!(given_up["not_undone"], serde_json::json!(["reserve"]));
    let shown = place.run(&["show", &id]).code(0).out;
    assert!(
        shown.contains("failed") && shown.contains("written off") && shown.contains("not undone"),
        "{shown}"
    );
    place.run(&["doctor", "--ended"]).code(0);
}

fn swept(place: &Place) {
    let preview = place.run(&["purge", "--older-than", "0s", "--json"]).code(4).json();
    assert_eq!(preview["would_purge"], 4);
    let purged =
        place.run(&["purge", "--older-than", "0s", "--state", "completed", "--yes", "--json"]).code(0).json();
    assert_eq!(purged["purged"], 1);
    assert_eq!(place.run(&["purge", "--older-than", "1h", "--yes", "--json"]).code(0).json()["purged"], 0);
    assert_eq!(place.run(&["purge", "--older-than", "0s", "--yes", "--json"]).code(0).json()["purged"], 3);
    assert_eq!(place.run(&["list"]).code(0).out, "no saga matches\n");
}
