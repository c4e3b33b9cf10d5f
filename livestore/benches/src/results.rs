//! The folder of results, into which runs are written.

use std::path::Path;
use std::{env, fs};

/// Writes a file into the folder of results of this package: of the one that `cargo run` was called for, not of the one
/// that this was built from, which may be another checkout.
#[allow(clippy::print_stderr, reason = "the programs say what they do")]
pub fn write(name: &str, text: &str) {
    let Some(package) = env::var_os("CARGO_MANIFEST_DIR") else {
        eprintln!("NOT WRITTEN: {name}: only `cargo run` says where to");
        return;
    };
    let folder = Path::new(&package).join("results");
    let path = folder.join(name);
    match fs::create_dir_all(&folder).and_then(|()| fs::write(&path, text)) {
        Ok(()) => eprintln!("written: {}", path.display()),
        Err(error) => eprintln!("NOT WRITTEN: {}: {error}", path.display()),
    }
}
