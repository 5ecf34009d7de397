//! The scripts, and calls of them.

use std::sync::OnceLock;

use redis::Cmd;

/// A script that runs in one partition, all of it or nothing as far as others see.
pub(crate) struct Script {
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
    /// What a server calls it; the same on each.
    pub(crate) digest: OnceLock<String>,
}

macro_rules! scripts {
    ($($constant:ident $file:literal)+) => {
        $(pub(crate) static $constant: Script = Script {
            name: $file,
            source: concat!(include_str!("lua/common.lua"), include_str!(concat!("lua/", $file, ".lua"))),
            digest: OnceLock::new(),
        };)+

        /// All of them.
        pub(crate) static ALL: &[&Script] = &[$(&$constant),+];
    };
}

scripts! {
    APPEND "append"
    CLAIM "claim"
    COUNTS "counts"
    ENDED "ended"
    EVENTS "events"
    HEAL "heal"
    HEARTBEAT "heartbeat"
    KEY "key"
    LATEST "latest"
    LIST "list"
    OUTBOX "outbox"
    PROBE "probe"
    PURGE "purge"
    REQUEST "request"
    RETIRE "retire"
    TIME "time"
    UNKNOWN "unknown"
    WORKERS "workers"
}

/// A command to the server that has a partition.
pub(crate) struct Call {
    pub(crate) partition: u16,
    pub(crate) command: Cmd,
}

impl Call {
    /// A script; `seen` is the latest time that this process has seen.
    pub(crate) fn script(script: &Script, partition: u16, clock_key: &str, seen: i64) -> Self {
        let digest = script.digest.get().map_or("", String::as_str);
        Self::command(partition, "EVALSHA").with(digest).with(1).with(clock_key).with(seen)
    }

    /// Any other command, whose keys are in that partition.
    pub(crate) fn command(partition: u16, name: &str) -> Self {
        Self { partition, command: redis::cmd(name) }
    }

    pub(crate) fn push(&mut self, argument: impl redis::ToRedisArgs) {
        self.command.arg(argument);
    }

    pub(crate) fn with(mut self, argument: impl redis::ToRedisArgs) -> Self {
        self.push(argument);
        self
    }
}
