//! `saga`: looks at sagas of any definition, and asks things of them. It drives none: what is asked is written to the
//! store, and the worker that owns the saga, or takes it up, carries it out.
//!
//! | exit code | means |
//! |---|---|
//! | 0 | done |
//! | 1 | it could not be written out, or something of our own is broken |
//! | 2 | the command line is wrong |
//! | 3 | there is no such saga, or no such step |
//! | 4 | refused: the saga doesn't stand so that this can be done, or `--yes` is missing |
//! | 5 | the store cannot be reached or used |
//! | 6 | asked, and not carried out yet |
//! | 7 | `doctor` found a problem |

mod args;
mod commands;
mod error;
mod filter;
mod open;
mod output;
mod story;
mod time;
mod timeline;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Command};
use crate::error::Problem;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json, arguments.color);
    let ended = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Problem::from)
        .and_then(|runtime| {
            let ended = runtime.block_on(run(&arguments, &output));
            // What is left, such as a connection that listens, is not waited for.
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            ended
        });
    match ended {
        Ok(code) => code.into(),
        // Whoever reads our output has seen enough.
        Err(Problem::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(problem) => {
            output.problem(&problem);
            problem.exit().into()
        }
    }
}

async fn run(arguments: &Arguments, output: &Output) -> Result<error::Exit, Problem> {
    let place = &arguments.place;
    match &arguments.command {
        Command::List(list) => commands::list::run(place, list, output).await,
        Command::Show(show) => commands::show::run(place, show, output).await,
        Command::Cancel(cancel) => commands::operate::cancel(place, cancel, output).await,
        Command::Retry(retry) => commands::operate::retry(place, retry, output).await,
        Command::Skip(skip) => commands::operate::skip(place, skip, output).await,
        Command::Abandon(abandon) => commands::operate::abandon(place, abandon, output).await,
        Command::Export(export) => commands::export::run(place, export).await,
        Command::Purge(purge) => commands::purge::run(place, purge, output).await,
        Command::Stats => commands::stats::run(place, output).await,
        Command::Doctor(doctor) => commands::doctor::run(place, doctor, output).await,
        Command::Migrate => commands::migrate::run(place, output).await,
        Command::Completion { shell } => commands::completion::run(*shell),
    }
}
