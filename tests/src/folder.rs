//! A folder of a test's own.

use std::path::PathBuf;

use saga::SagaId;

/// A fresh folder among the temporary files, deleted with this.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes it.
    ///
    /// # Panics
    ///
    /// Where it cannot be made: no test can go on.
    #[must_use]
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("saga-tests-{}", SagaId::new()));
        std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path }
    }

    /// The path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.path);
    }
}
