//! Rounds of each contender in turn, so that a busy moment of the machine hits all of them alike.

use std::time::{Duration, Instant};

/// One contender: it does so many units of the work and says how long that took.
pub struct Contender<'a> {
    name: String,
    units: u32,
    run: Box<dyn FnMut(u32) -> Duration + 'a>,
}

/// What came of a contender.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// The median round's time for one unit.
    pub median: Duration,
    /// The best round's time for one unit.
    pub best: Duration,
}

impl Figure {
    /// Units in a second, by the median round.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        1.0 / self.median.as_secs_f64()
    }
}

impl<'a> Contender<'a> {
    /// A contender that does `units` units a round.
    pub fn new(name: &str, units: u32, mut work: impl FnMut(u32) + 'a) -> Self {
        let run = Box::new(move |units| {
            let begun = Instant::now();
            work(units);
            begun.elapsed()
        });
        Self { name: name.to_owned(), units, run }
    }
}

/// Runs `rounds` rounds of each contender, in turn, after one to warm up.
#[must_use]
pub fn compete(rounds: usize, mut contenders: Vec<Contender<'_>>) -> Vec<Figure> {
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..=rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            let units = if round == 0 { contender.units.div_ceil(10) } else { contender.units };
            let time = (contender.run)(units);
            if round > 0 {
                times.push(time / units);
            }
        }
    }
    let figure = |(contender, mut times): (Contender<'_>, Vec<Duration>)| {
        times.sort_unstable();
        Figure { name: contender.name, median: times[times.len() / 2], best: times[0] }
    };
    contenders.into_iter().zip(times).map(figure).collect()
}

/// A table of the figures.
pub fn print(title: &str, figures: &[Figure]) {
    println!("\n{title}");
    println!("  {:<44} {:>12} {:>12} {:>12}", "", "median", "best", "a second");
    for figure in figures {
        let Figure { name, median, best } = figure;
        println!("  {name:<44} {:>12} {:>12} {:>12.0}", micros(*median), micros(*best), figure.per_second());
    }
}

/// A bar, whether it is met, and by what.
pub fn bar(what: &str, is_met: bool, figure: &str) {
    println!("  {} {what}: {figure}", if is_met { "met   " } else { "MISSED" });
}

fn micros(time: Duration) -> String {
    format!("{:.3} µs", time.as_secs_f64() * 1e6)
}
