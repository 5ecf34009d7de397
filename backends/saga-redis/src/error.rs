//! What the server's errors mean to the caller.

use redis::{ErrorKind, RedisError, ServerErrorKind};
use saga::StoreError;

/// What can be done about an error of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The script isn't there: nothing was done.
    LoadScript,
    /// The slot is elsewhere: nothing was done.
    Redirect,
    /// Nothing was done, and later it may go well.
    Wait,
    /// The connection is gone, and nobody knows what was done.
    Reconnect,
    /// None.
    GiveUp,
}

pub(crate) fn remedy(error: &RedisError) -> Remedy {
    match error.kind() {
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::NoScript => Remedy::LoadScript,
            ServerErrorKind::Moved => Remedy::Redirect,
            // `ASK` is of a slot that is being moved: its keys are partly here, partly there, and a script sees only those
            // of one node. It is waited until all are there. `READONLY` is of a master that has become a replica: the
            // slots are read again.
            ServerErrorKind::Ask
            | ServerErrorKind::ReadOnly
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown => Remedy::Wait,
            _ => Remedy::GiveUp,
        },
        ErrorKind::Extension if error.code() == Some("BUSY") => Remedy::Wait,
        ErrorKind::Io | ErrorKind::Parse => Remedy::Reconnect,
        _ => Remedy::GiveUp,
    }
}

/// The error that the caller gets in the end.
pub(crate) fn told(error: &RedisError, address: &str) -> StoreError {
    let kind = error.kind();
    let code = error.code().unwrap_or_default();
    match (kind, code) {
        (ErrorKind::AuthenticationFailed, _) | (_, "WRONGPASS" | "NOAUTH") => StoreError::unusable(format!(
            "{address} refuses the user or the password ({error}): see the URL, `username` and `password`"
        )),
        (ErrorKind::Io, _) if error.to_string().contains("invalid peer certificate") => {
            StoreError::unusable(format!(
                "{address} shows a certificate that is not trusted ({error}): name who signed it by `tls_roots`"
            ))
        }
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => StoreError::unusable(format!(
            "the user may not do what a store does ({error}): give it `+@all -@dangerous +info` on the keys and channels of the namespace"
        )),
        (ErrorKind::InvalidClientConfig, _) => {
            StoreError::unusable(format!("{address} is no address of a Redis: {error}"))
        }
        (_, "WRONGTYPE") => StoreError::broken(format!(
            "a key of the namespace is not what a store made it ({error}): if other programs write there, use another namespace"
        )),
        (_, "OOM") => StoreError::unavailable(format!(
            "{address} has no memory left ({error}): raise `maxmemory`, and purge ended sagas"
        )),
        (_, "MISCONF") => StoreError::unavailable(format!(
            "{address} takes no writes, for it cannot write to its disk ({error})"
        )),
        (_, "NOREPLICAS") => {
            StoreError::unavailable(format!("{address} takes no writes without its replicas ({error})"))
        }
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => {
            StoreError::unavailable(format!("{address} is a replica ({error}): name the master's address"))
        }
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => {
            StoreError::unavailable(format!("{address} is still loading its data ({error})"))
        }
        (ErrorKind::Server(ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown), _) => {
            StoreError::unavailable(format!("the cluster does not serve all slots ({error})"))
        }
        _ => StoreError::unavailable(format!("{address}: {error}")),
    }
}
