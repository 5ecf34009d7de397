//! The dashboard for Grafana: it can be loaded, and asks for metrics and labels that there are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const DASHBOARD: &str = include_str!("../../docs/grafana/saga.json");
const METRICS: &str = include_str!("../../docs/metrics.md");

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).expect("the dashboard is JSON")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {value}"))
}

/// The series of the docs, as Prometheus calls them, with their labels.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut series = BTreeMap::new();
    for row in METRICS.lines().filter(|line| line.starts_with("| `saga_")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`');
        let labels = cells[4].split(", ").map(|label| label.trim_matches('`').to_owned());
        let mut labels: BTreeSet<String> = labels.filter(|label| !label.is_empty()).collect();
        if cells[2] == "histogram" {
            for part in ["sum", "count"] {
                series.insert(format!("{name}_{part}"), labels.clone());
            }
            labels.insert("le".to_owned());
            series.insert(format!("{name}_bucket"), labels);
        } else {
            series.insert(name.to_owned(), labels);
        }
    }
    assert!(!series.is_empty(), "the docs list no metrics");
    series
}

/// A word of a query, or a sign.
fn tokens(query: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || "_$:.".contains(c);
        let length = match first {
            '"' => rest[1..].find('"').expect("a string ends") + 2,
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if !token.trim().is_empty() {
            tokens.push(token.to_owned());
        }
        rest = after;
    }
    tokens
}

/// The series that a query asks for, and the labels that it names: `name{label="..."}`, `by (label)`.
fn asked(query: &str) -> (Vec<String>, Vec<String>) {
    let tokens = tokens(query);
    let inside = |opening: usize, closing: &str| {
        tokens[opening + 1..].iter().take_while(|token| *token != closing).cloned().collect::<Vec<_>>()
    };
    let (mut series, mut labels) = (Vec::new(), Vec::new());
    for (place, token) in tokens.iter().enumerate() {
        if token.starts_with("saga_") {
            series.push(token.clone());
            if tokens.get(place + 1).is_some_and(|next| next == "{") {
                let matchers = inside(place + 1, "}").join("");
                let names = matchers.split(',').map(|matcher| matcher.split(['=', '!']).next().unwrap());
                labels.extend(names.map(str::to_owned));
            }
        } else if token == "by" {
            labels.extend(inside(place + 1, ")").into_iter().filter(|token| token != ","));
        }
    }
    (series, labels)
}

fn panels() -> Vec<Value> {
    array(&dashboard(), "panels").to_vec()
}

fn queries() -> Vec<(String, String, String)> {
    let of_panel = |panel: &Value| {
        let title = text(panel, "title").to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let query = move |target: &Value| {
            (title.clone(), text(target, "expr").to_owned(), text(target, "legendFormat").to_owned())
        };
        targets.iter().map(query).collect::<Vec<_>>()
    };
    panels().iter().flat_map(of_panel).collect()
}

#[test]
fn every_query_asks_for_metrics_and_labels_of_the_docs() {
    let documented = documented();
    for (title, query, legend) in queries() {
        let (series, labels) = asked(&query);
        assert!(!series.is_empty(), "{title}: `{query}` asks for nothing of ours");
        for name in series {
            let known = documented.get(&name).unwrap_or_else(|| panic!("{title}: there is no `{name}`"));
            for label in &labels {
                assert!(known.contains(label), "{title}: `{name}` has no label `{label}`");
            }
        }
        // What a legend shows must be left by the query.
        for shown in legend.split("{{").skip(1) {
            let shown = shown.split("}}").next().unwrap();
            assert!(labels.iter().any(|label| label == shown), "{title}: `{query}` leaves no `{shown}`");
        }
    }
}

#[test]
fn every_metric_of_the_docs_is_on_the_dashboard() {
    let asked: BTreeSet<String> = queries().iter().flat_map(|(_, query, _)| asked(query).0).collect();
    for row in METRICS.lines().filter_map(|line| line.strip_prefix("| `saga_")) {
        let name = format!("saga_{}", row.split('`').next().unwrap());
        let is_shown = ["", "_bucket", "_sum"].iter().any(|part| asked.contains(&format!("{name}{part}")));
        assert!(is_shown, "`{name}` is nowhere");
    }
}

#[test]
fn panels_have_what_grafana_asks_for_and_lie_beside_each_other() {
    let dashboard = dashboard();
    assert!(number(&dashboard, "schemaVersion") >= 36);
    assert_eq!((text(&dashboard, "uid"), text(&dashboard, "title")), ("saga", "Saga"));
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        let title = text(&panel, "title");
        assert!(ids.insert(number(&panel, "id")), "{title}: another panel has its id");
        let place = |name| number(&panel["gridPos"], name);
        let (x, y, width, height) = (place("x"), place("y"), place("w"), place("h"));
        assert!(width > 0 && height > 0 && x + width <= 24, "{title} leaves the grid");
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} lies on another panel");
        }
        match text(&panel, "type") {
            "row" => assert!(array(&panel, "panels").is_empty()),
            "timeseries" | "stat" => {
                assert!(!text(&panel, "description").is_empty(), "{title} is not explained");
                assert!(["s", "ops", "short"].contains(&text(&panel["fieldConfig"]["defaults"], "unit")));
                let mut references = BTreeSet::new();
                for target in array(&panel, "targets") {
                    assert!(references.insert(text(target, "refId")), "{title}: two queries of one name");
                    assert_eq!(text(&target["datasource"], "uid"), "${datasource}");
                }
                assert!(!references.is_empty(), "{title} shows nothing");
            }
            other => panic!("{title}: `{other}` is no type of panel that we use"),
        }
    }
}

#[test]
fn every_variable_is_defined() {
    let dashboard = dashboard();
    let defined: BTreeSet<&str> =
        array(&dashboard["templating"], "list").iter().map(|variable| text(variable, "name")).collect();
    assert_eq!(defined, BTreeSet::from(["datasource", "definition"]));
    for (title, query, _) in queries() {
        for used in query.split('$').skip(1) {
            let name: String = used.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            assert!(name == "__rate_interval" || defined.contains(name.as_str()), "{title}: `${name}`");
        }
        assert_eq!(query.matches('(').count(), query.matches(')').count(), "{title}: `{query}`");
    }
}
