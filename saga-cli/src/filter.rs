//! Which sagas a command speaks of.

use clap::Args;
use saga::store::{QueryStore, Store};
use saga::{SagaFilter, SagaId, SagaInstance, SagaState};

use crate::error::Problem;
use crate::time::{When, parse_when};

/// Filters; all that are set must match.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    /// In this state; can be repeated
    #[arg(long = "state", value_name = "STATE")]
    pub(crate) states: Vec<SagaState>,

    /// Of this definition; can be repeated
    #[arg(long = "definition", value_name = "NAME")]
    pub(crate) definitions: Vec<String>,

    /// With this label; can be repeated
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    pub(crate) labels: Vec<(String, String)>,

    /// Recorded then or later: 2026-11-24, 2026-11-24T13:24:00Z, or how long ago, such as 2h
    #[arg(long, value_name = "TIME", value_parser = parse_when)]
    pub(crate) since: Option<When>,

    /// Recorded before then
    #[arg(long, value_name = "TIME", value_parser = parse_when)]
    pub(crate) until: Option<When>,
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is no label: write NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

impl FilterArgs {
    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
            && self.definitions.is_empty()
            && self.labels.is_empty()
            && self.since.is_none()
            && self.until.is_none()
    }

    /// The filter, by the store's time.
    pub(crate) async fn filter(&self, store: &dyn Store) -> Result<SagaFilter, Problem> {
        let mut filter = SagaFilter::new().limit(PAGE);
        filter.states.clone_from(&self.states);
        filter.definitions.clone_from(&self.definitions);
        filter.labels.extend(self.labels.iter().cloned());
        if self.since.is_some() || self.until.is_some() {
            let now = store.ping().await?;
            filter.created_from = self.since.map(|when| when.at(now));
            filter.created_before = self.until.map(|when| when.at(now));
        }
        Ok(filter)
    }
}

/// Sagas of a page.
const PAGE: usize = 500;

/// Every saga that matches, page by page.
pub(crate) struct Pages {
    filter: SagaFilter,
    is_over: bool,
}

impl Pages {
    pub(crate) const fn new(filter: SagaFilter) -> Self {
        Self { filter, is_over: false }
    }

    /// The next page; `None` after the last.
    pub(crate) async fn next(&mut self, store: &dyn Store) -> Result<Option<Vec<SagaInstance>>, Problem> {
        if self.is_over {
            return Ok(None);
        }
        let page = QueryStore::list(store, &self.filter).await?;
        match page.next {
            Some(next) => self.filter = self.filter.clone().after(next),
            None => self.is_over = true,
        }
        Ok(Some(page.sagas))
    }
}

/// One saga, by id.
pub(crate) async fn instance(store: &dyn Store, saga: SagaId) -> Result<SagaInstance, Problem> {
    store.instance(saga).await?.ok_or(Problem::NotFound { saga })
}
