//! One process at a time: a lock that the operating system holds for us, and lets go when we die.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use saga::StoreError;

/// The lock on `<file>.lock`, held for as long as this lives. The file stays: deleting it would let two processes
/// lock two files of one name.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock, or says at once who has it.
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = beside(database);
        let options = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            options
        };
        let mut file = options().open(&path).map_err(|error| {
            let (path, database) = (path.display(), database.display());
            match error.kind() {
                ErrorKind::NotFound => StoreError::unusable(format!(
                    "the directory of {database} does not exist: create it, or name another file"
                )),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreError::unusable(format!(
                    "{path} cannot be written ({error}): let this user write the file and its directory"
                )),
                ErrorKind::StorageFull => StoreError::unavailable(error),
                _ => StoreError::unusable(format!("{path} cannot be opened: {error}")),
            }
        })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Whose it is, is a help and no more.
                _ = file.read_to_string(&mut holder);
                return Err(StoreError::InUse { what: in_use(database, holder.trim()) });
            }
            Err(TryLockError::Error(error)) => {
                return Err(StoreError::unusable(format!(
                    "{} cannot be locked ({error}): use a file system that has file locks",
                    path.display()
                )));
            }
        }
        let written = file.set_len(0).and_then(|()| file.rewind());
        _ = written.and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn in_use(database: &Path, holder: &str) -> String {
    let database = database.display();
    if holder == std::process::id().to_string() {
        format!("{database} (opened by this process, {holder})")
    } else if holder.is_empty() {
        database.to_string()
    } else {
        format!("{database} (opened by process {holder})")
    }
}

fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
}
