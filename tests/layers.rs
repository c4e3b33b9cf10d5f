//! A file of the library imports only from files before it, and from the file that defines the thing.
//!
//! A folder `foo/` counts as part of `foo.rs`.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::fs;
use std::path::Path;

/// The files, lowest first.
const ORDER: [&str; 39] = [
    // Words.
    "sync",
    "unwind",
    "clock",
    "times",
    "stats",
    "trace",
    "entry",
    "invalid",
    "value",
    "error",
    "update",
    "delta",
    "options",
    "feed",
    "report",
    "schema",
    "record",
    "durability",
    "sink",
    "shared",
    // One entry.
    "history",
    "ring",
    "after",
    "waiters",
    "slot",
    "hold",
    "reader",
    "watch",
    "delta_watch",
    // All entries.
    "deadlines",
    "table",
    "guard",
    "transact",
    "watch_all",
    "expiry",
    // Storage.
    "snapshot",
    "durable",
    // Store.
    "store",
    "storages",
];

/// Files that stand beside the layers: they may name every layer, and no layer names them.
const BESIDE: [&str; 3] = ["__private", "check", "ops"];

fn source(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn modules(lib: &str) -> Vec<String> {
    lib.lines()
        .filter_map(|line| line.trim().trim_start_matches("pub ").strip_prefix("mod "))
        .filter_map(|rest| rest.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

/// The first segment after `crate::` of every path in a file, with the line it stands in.
fn imports(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1).map(move |rest| (rest, line)))
        .map(|(rest, line)| {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            (&rest[..end], line)
        })
}

fn files_of(module: &str, src: &Path) -> Vec<std::path::PathBuf> {
    let mut files = vec![src.join(format!("{module}.rs"))];
    if let Ok(folder) = fs::read_dir(src.join(module)) {
        files.extend(
            folder
                .map(|file| file.unwrap().path())
                .filter(|path| path.extension().is_some_and(|e| e == "rs")),
        );
    }
    files
}

#[test]
fn files_import_only_downwards_and_from_where_a_thing_is_defined() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../livestore/src");
    let lib = source(&src.join("lib.rs"));
    let modules = modules(&lib);
    let order = |module: &str| ORDER.iter().position(|name| *name == module);
    for module in &modules {
        let known = order(module).is_some() || BESIDE.contains(&module.as_str());
        assert!(known, "`{module}` has no place in the order");
    }
    assert_eq!(
        modules.len(),
        ORDER.len() + BESIDE.len(),
        "a file of the order is gone"
    );

    let mut wrong = Vec::new();
    for module in &modules {
        for file in files_of(module, &src) {
            let text = source(&file);
            // Tests may reach for what they need.
            let text = text.split("#[cfg(test)]\n").next().unwrap_or_default();
            assert!(
                !text.contains("super::"),
                "{}: name the file itself, not `super`",
                file.display()
            );
            for (target, line) in imports(text) {
                // What stands beside may name everything.
                let Some(own) = order(module) else { continue };
                match order(target) {
                    Some(at) if at <= own => {}
                    Some(_) => wrong.push(format!("{module} imports upwards: {line}")),
                    None => wrong.push(format!("{module}: `{target}` is no file of a layer: {line}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_table_names_dashmap() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../livestore/src");
    let lib = source(&src.join("lib.rs"));
    for module in modules(&lib) {
        for file in files_of(&module, &src) {
            let names_it = source(&file).lines().any(|line| line.starts_with("use dashmap"));
            assert_eq!(names_it, module == "table", "{}", file.display());
        }
    }
}

/// The model checker sees what goes through `sync` and nothing else.
#[test]
fn only_sync_names_locks_and_atomics() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../livestore/src");
    let lib = source(&src.join("lib.rs"));
    // The checks note things in ways that are no steps of the checker. What only counts decides nothing, and a snapshot
    // reads as anybody else does: as steps, both would multiply the orders and show nothing.
    let free = ["sync", "check", "stats", "snapshot"];
    for module in modules(&lib)
        .iter()
        .filter(|module| !free.contains(&module.as_str()))
    {
        for file in files_of(module, &src) {
            let text = source(&file);
            let text = text.split("#[cfg(test)]\n").next().unwrap_or_default();
            let found: Vec<_> = text.lines().filter(|line| names_a_lock(line)).collect();
            assert!(found.is_empty(), "{}: {found:?}", file.display());
        }
    }
}

/// Whether a line names a lock or an atomic without `sync`. `Arc` and what is set once are none.
fn names_a_lock(line: &str) -> bool {
    let elsewhere = ["parking_lot", "std::sync", "core::sync"];
    let lock = ["parking_lot", "Mutex", "RwLock", "Condvar", "atomic", "mpsc"];
    !line.trim_start().starts_with("//")
        && elsewhere.iter().any(|path| line.contains(path))
        && lock.iter().any(|name| line.contains(name))
}

#[test]
fn the_reading_of_imports_reads() {
    let text = "use crate::entry::Entry;\n// crate::not\nfn f(_: crate::slot::Slot) {}\n";
    let found: Vec<_> = imports(text).map(|(target, _)| target).collect();
    assert_eq!(found, ["entry", "slot"]);
    assert!(names_a_lock("use std::sync::{Arc, Mutex};") && names_a_lock("use parking_lot::Mutex;"));
    assert!(!names_a_lock("use crate::sync::Mutex;") && !names_a_lock("use std::sync::{Arc, OnceLock};"));
    assert_eq!(modules("mod a;\npub mod b;\n  mod c;\nuse d;\n"), ["a", "b", "c"]);
}
