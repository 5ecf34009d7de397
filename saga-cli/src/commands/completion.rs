//! `saga completion`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::error::{Exit, Problem};
use crate::output::Output;

pub(crate) fn run(shell: Shell) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "saga", &mut script);
    Output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}
