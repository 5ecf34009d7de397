//! A worker's process, from outside: told what to do, heard, stopped, and killed.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use saga::{SagaId, WorkerId};
use tokio::sync::mpsc;

use crate::Kind;

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The program: a test knows where it is.
    pub program: PathBuf,
    /// The store.
    pub kind: Kind,
    /// The world outside.
    pub world: PathBuf,
    /// For how long others leave its sagas alone.
    pub lease: Duration,
    /// How often it looks for work.
    pub poll: Duration,
    /// How long a step takes before a call, and after it.
    pub moment: Duration,
    /// How many sagas it drives at once.
    pub places: usize,
}

/// One process.
#[derive(Debug)]
pub struct Worker {
    /// Its name: of its connections, and on all that its steps do.
    pub name: String,
    /// As the store calls it.
    pub id: WorkerId,
    process: Child,
    lines: mpsc::UnboundedReceiver<String>,
    /// Heard, and not asked for yet.
    heard: VecDeque<Told>,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A saga of this number is recorded.
    Started(usize, SagaId),
    /// It is not, for all the worker knows.
    Refused(usize, String),
    /// What the worker was asked to wait for: its number or id, and how it ended.
    Ended(String, String),
    /// The answer to another command.
    Answer(Vec<String>),
}

/// A worker that says nothing for so long hangs.
const SILENCE_MAX: Duration = Duration::from_mins(1);

impl Worker {
    /// Starts one that reaches its store at `url`, and returns once it drives sagas.
    ///
    /// # Panics
    ///
    /// Where it does not come up.
    pub async fn start(options: &WorkerOptions, url: &str) -> Self {
        let name = SagaId::new().to_string();
        let mut process = Command::new(&options.program)
            .args([options.kind.name(), url, &name])
            .arg(&options.world)
            .args([options.lease, options.poll, options.moment].map(|time| time.as_millis().to_string()))
            .arg(options.places.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", options.program.display()));
        let out = BufReader::new(process.stdout.take().expect("it is piped"));
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                _ = sender.send(line);
            }
        });
        let mut worker = Self { name, id: WorkerId::new(), process, lines, heard: VecDeque::new() };
        match worker.next().await {
            Told::Answer(words) if words[0] == "ready" => {
                worker.id = words[1].parse().expect("it says its id");
            }
            other => panic!("a worker begins with {other:?}"),
        }
        worker
    }

    /// Gives it a command. One that is dead doesn't hear it.
    pub fn tell(&mut self, command: &str) {
        if let Some(input) = &mut self.process.stdin {
            _ = writeln!(input, "{command}");
        }
    }

    /// The next that it says.
    ///
    /// # Panics
    ///
    /// Where it says nothing for a minute, or is gone.
    pub async fn next(&mut self) -> Told {
        if let Some(told) = self.heard.pop_front() {
            return told;
        }
        let line = tokio::time::timeout(SILENCE_MAX, self.lines.recv()).await;
        let line = line.unwrap_or_else(|_| panic!("worker {} hangs", self.name));
        told(&line.unwrap_or_else(|| panic!("worker {} is gone", self.name)))
    }

    /// All that it said meanwhile.
    pub fn heard(&mut self) -> Vec<Told> {
        let mut all: Vec<Told> = self.heard.drain(..).collect();
        while let Ok(line) = self.lines.try_recv() {
            all.push(told(&line));
        }
        all
    }

    /// Gives it a command, and returns the words of its answer; what else it says meanwhile is kept.
    pub async fn ask(&mut self, command: &str) -> Vec<String> {
        self.tell(command);
        let asked = command.split(' ').next().expect("it has a word").to_owned();
        let mut others = VecDeque::new();
        let answer = loop {
            match self.next().await {
                Told::Answer(words) if words[0] == asked => break words,
                other => others.push_back(other),
            }
        };
        others.append(&mut self.heard);
        self.heard = others;
        answer
    }

    /// Sends SIGSTOP.
    pub fn stop(&self) {
        self.signal("STOP");
    }

    /// Sends SIGCONT.
    pub fn wake(&self) {
        self.signal("CONT");
    }

    /// Sends SIGKILL, and returns what it had still said.
    ///
    /// # Panics
    ///
    /// Where it was dead already, by itself.
    pub async fn kill(mut self) -> Vec<Told> {
        assert!(self.is_alive(), "worker {} died by itself: {:?}", self.name, self.process.wait());
        self.process.kill().expect("it is ours");
        self.rest().await
    }

    /// Shuts it down in order; its answer.
    ///
    /// # Panics
    ///
    /// Where it doesn't end well.
    pub async fn shut_down(mut self) -> Vec<String> {
        let answer = self.ask("shutdown").await;
        self.rest().await;
        let status = self.process.wait().expect("it is ours");
        assert!(status.success(), "worker {}: {status}", self.name);
        answer
    }

    /// Whether its process runs, or is stopped.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    async fn rest(&mut self) -> Vec<Told> {
        let mut all: Vec<Told> = self.heard.drain(..).collect();
        while let Ok(Some(line)) = tokio::time::timeout(SILENCE_MAX, self.lines.recv()).await {
            all.push(told(&line));
        }
        all
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.process.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{signal} to worker {}", self.name);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn told(line: &str) -> Told {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    match (words[0].as_str(), words.as_slice()) {
        ("started", [_, number, saga]) => Told::Started(parse(number), parse(saga)),
        ("refused", [_, number, ..]) => Told::Refused(parse(number), words[2..].join(" ")),
        ("ended", [_, name, ..]) => Told::Ended(name.clone(), words[2..].join(" ")),
        _ => Told::Answer(words),
    }
}

fn parse<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("a worker says `{word}`"))
}
