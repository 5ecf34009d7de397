//! A process that does not outlive its test, however that ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A server under guard: a shell holds it, and kills it once the pipe to the test is closed. So it is gone also where the
/// test itself is killed.
#[derive(Debug)]
pub struct Guard {
    shell: Child,
    process: u32,
}

/// `$1` is the signal that ends the process, the rest its command. The process gets no end of the pipe.
const SCRIPT: &str = r#"signal=$1; shift; "$@" </dev/null >/dev/null & process=$!; echo $process; read -r _; kill -s "$signal" $process; { wait $process; } 2>/dev/null"#;

impl Guard {
    /// Starts `command`. `signal` is what ends it: the way a server is stopped hardest.
    ///
    /// # Panics
    ///
    /// Where there is no shell.
    #[must_use]
    pub fn start(signal: &str, command: &[String]) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guard", signal])
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a test of servers needs `sh`");
        let mut line = String::new();
        let stdout = shell.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the shell says which process it started");
        let process = line.trim().parse().expect("a number of a process");
        Self { shell, process }
    }

    /// The number of the process.
    #[must_use]
    pub const fn process(&self) -> u32 {
        self.process
    }

    /// Sends the signal, and returns once the process is gone.
    pub fn end(&mut self) {
        drop(self.shell.stdin.take());
        _ = self.shell.wait();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}
