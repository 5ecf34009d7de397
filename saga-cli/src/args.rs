//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use saga::SagaId;

use crate::filter::FilterArgs;
use crate::time::parse_duration;

/// Looks at sagas of any definition, and asks things of them.
///
/// It drives no saga: what is asked is written to the store, and the worker that owns the saga, or takes it up, carries
/// it out.
#[derive(Debug, Parser)]
#[command(name = "saga", version, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Prints JSON, for programs. Times are RFC 3339 in UTC
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 not written out, or broken; 2 wrong command line; 3 no such saga or step; 4 refused, or `--yes` is
missing; 5 the store cannot be reached or used; 6 asked, and not carried out yet; 7 `doctor` found a problem.
Each error has a code, explained in docs/errors.md.";

const STORE_HELP: &str = "The store: sqlite:PATH, postgres://USER@HOST/DATABASE or redis://HOST:PORT";

/// Where the sagas are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The store
    #[arg(long, help = STORE_HELP, global = true, env = "SAGA_STORE", hide_env_values = true, value_name = "URL")]
    pub(crate) store: Option<String>,

    /// The schema of a PostgreSQL store, or the namespace of a Redis store. Without it: saga
    #[arg(long, global = true, env = "SAGA_SPACE", value_name = "NAME")]
    pub(crate) space: Option<String>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists sagas
    List(List),
    /// Shows one saga: its steps, attempts, errors, payloads, and a timeline
    Show(Show),
    /// Asks sagas to turn back: all is undone
    Cancel(Cancel),
    /// Lets parked sagas go on where they stood
    Retry(Retry),
    /// Says that a step of a parked saga was undone by hand
    Skip(Skip),
    /// Gives parked sagas up: they end failed
    Abandon(Abandon),
    /// Writes journals as JSON lines, an event a line
    Export(Export),
    /// Deletes ended sagas
    Purge(Purge),
    /// Counts sagas and workers
    Stats,
    /// Holds the rules against what is stored, and says what to do
    Doctor(Doctor),
    /// Creates the store's tables, or brings them up to date
    Migrate,
    /// Prints the completion of a shell
    Completion {
        /// Which shell
        shell: Shell,
    },
}

/// Lists sagas.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,

    /// The oldest first
    #[arg(long)]
    pub(crate) oldest_first: bool,

    /// Goes on where an earlier list ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<saga::store::Cursor>,

    /// Lists again and again, each time after this pause
    #[arg(long, value_name = "PAUSE", num_args = 0..=1, default_missing_value = "2s", value_parser = parse_duration)]
    pub(crate) watch: Option<Duration>,

    /// With --watch: ends after so many lists
    #[arg(long, value_name = "COUNT", requires = "watch")]
    pub(crate) rounds: Option<u32>,
}

/// Shows one saga.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The saga
    pub(crate) id: SagaId,

    /// Leaves payloads out: they may hold secrets
    #[arg(long)]
    pub(crate) no_payloads: bool,

    /// Also every event
    #[arg(long)]
    pub(crate) events: bool,
}

/// Which sagas something is asked of.
#[derive(Debug, Args)]
pub(crate) struct Targets {
    /// The sagas; or use filters
    pub(crate) ids: Vec<SagaId>,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    /// With filters: asks without a preview
    #[arg(long)]
    pub(crate) yes: bool,

    /// How long to wait until it is carried out
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) wait: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Cancel {
    #[command(flatten)]
    pub(crate) targets: Targets,

    /// Why, for the journal
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Retry {
    #[command(flatten)]
    pub(crate) targets: Targets,
}

#[derive(Debug, Args)]
pub(crate) struct Skip {
    /// The saga
    pub(crate) id: SagaId,

    /// The name of the step
    pub(crate) step: String,

    /// Who did what, for the journal
    #[arg(long)]
    pub(crate) note: String,

    /// How long to wait until it is carried out
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = parse_duration)]
    pub(crate) wait: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Abandon {
    #[command(flatten)]
    pub(crate) targets: Targets,

    /// Why, for the journal
    #[arg(long)]
    pub(crate) note: String,

    /// Gives them up here and now, where no worker is alive: also sagas whose code is gone
    #[arg(long)]
    pub(crate) now: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The sagas; or use filters. Without either: all
    pub(crate) ids: Vec<SagaId>,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    /// Leaves payloads out: they may hold secrets
    #[arg(long)]
    pub(crate) no_payloads: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// Only those that ended longer ago than this
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    pub(crate) older_than: Duration,

    /// Only those that ended so; can be repeated. Without it: however they ended
    #[arg(long = "state", value_name = "STATE")]
    pub(crate) states: Vec<saga::SagaState>,

    /// At most so many
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) limit: u64,

    /// Deletes; without it, it is only told what would be deleted
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    /// Also ended sagas
    #[arg(long)]
    pub(crate) ended: bool,

    /// At most so many sagas, the newest first
    #[arg(long, default_value_t = 10_000)]
    pub(crate) limit: usize,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_fits_together() {
        Arguments::command().debug_assert();
    }
}
