//! The text format in which Prometheus scrapes, read as strictly as it does.

use std::collections::{BTreeMap, BTreeSet};

/// What was served: families with their types, and samples by name and labels.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    types: BTreeMap<String, String>,
    samples: BTreeMap<(String, BTreeSet<String>), f64>,
}

impl Exposition {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut exposition = Self::default();
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("the last line does not end".to_owned());
        }
        for line in text.lines().filter(|line| !line.is_empty()) {
            let added = match line.strip_prefix("# ") {
                Some(comment) => exposition.add_comment(comment),
                None => exposition.add_sample(line),
            };
            added.map_err(|problem| format!("{problem}: `{line}`"))?;
        }
        Ok(exposition)
    }

    /// The families that are there, with their types.
    pub(crate) fn families(&self) -> BTreeSet<(String, String)> {
        self.types.iter().map(|(name, kind)| (name.clone(), kind.clone())).collect()
    }

    /// The value of the sample of this name and exactly these labels; zero where there is none yet.
    pub(crate) fn value(&self, name: &str, labels: &[&str]) -> f64 {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.samples.get(&(name.to_owned(), labels)).copied().unwrap_or(0.0)
    }

    fn add_comment(&mut self, comment: &str) -> Result<(), String> {
        let Some(rest) = comment.strip_prefix("TYPE ") else { return Ok(()) };
        let (name, kind) = rest.split_once(' ').ok_or("a type without a name")?;
        if !["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind) {
            return Err("no type".to_owned());
        }
        match self.types.insert(name.to_owned(), kind.to_owned()) {
            None => Ok(()),
            Some(_) => Err("a second type of one family".to_owned()),
        }
    }

    fn add_sample(&mut self, line: &str) -> Result<(), String> {
        let end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, mut rest) = line.split_at(end);
        if !is_name(name) || !self.is_of_a_family(name) {
            return Err("a sample of no family".to_owned());
        }
        let mut labels = BTreeSet::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            while !rest.starts_with('}') {
                let (label, after) = label(rest)?;
                if !labels.insert(label) {
                    return Err("a label twice".to_owned());
                }
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            rest = &rest[1..];
        }
        let value = rest.trim().parse().map_err(|_| "no number")?;
        match self.samples.insert((name.to_owned(), labels), value) {
            None => Ok(()),
            Some(_) => Err("a sample twice".to_owned()),
        }
    }

    fn is_of_a_family(&self, name: &str) -> bool {
        let is_part = |part: &str| {
            name.strip_suffix(part).is_some_and(|family| {
                self.types.get(family).is_some_and(|kind| kind == "histogram" || kind == "summary")
            })
        };
        self.types.contains_key(name) || ["_bucket", "_sum", "_count"].into_iter().any(is_part)
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// The label at the beginning, `name="value"`, and what comes after it.
fn label(text: &str) -> Result<(String, &str), String> {
    let (name, value) = text.split_once("=\"").ok_or("a label without a value")?;
    if !is_name(name) {
        return Err("no name of a label".to_owned());
    }
    let mut is_escaped = false;
    for (place, c) in value.char_indices() {
        match c {
            '"' if !is_escaped => {
                return Ok((format!("{name}=\"{}\"", &value[..place]), &value[place + 1..]));
            }
            _ if is_escaped && !['\\', '"', 'n'].contains(&c) => return Err("a wrong escape".to_owned()),
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    Err("a label that does not end".to_owned())
}
