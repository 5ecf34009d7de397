//! The laws of stores, over a file.

mod common;

use common::Directory;

saga::testing::store_tests!(Directory::new());
saga::testing::durable_store_tests!(Directory::new());
