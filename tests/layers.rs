//! A file of the library imports only from its own layer and from layers below, and from the file that defines the thing.
//!
//! The layers are the folders that `lib.rs` declares, lowest first. Within one, the files can be put in an order in which
//! each imports only from those before it. A folder `foo/` beside `foo.rs` counts as part of it.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Stands beside the layers: it may name every layer, and no layer names it.
const BESIDE: [&str; 2] = ["check", "design"];

/// How many things whoever lists `src` has to look at, at most.
const AT_THE_TOP: usize = 13;

struct Layer {
    name: String,
    files: Vec<String>,
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../livestore/src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The layers that `lib.rs` declares, lowest first.
fn layers(lib: &str) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for line in lib.lines() {
        let declared = line
            .trim()
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ");
        let Some(rest) = declared.strip_prefix("mod ") else {
            continue;
        };
        if let Some(name) = rest.strip_suffix(" {") {
            layers.push(Layer {
                name: name.to_owned(),
                files: Vec::new(),
            });
        } else if let Some(name) = rest.strip_suffix(';')
            && line.starts_with(' ')
        {
            layers.last_mut().unwrap().files.push(name.to_owned());
        }
    }
    layers
}

/// The file of a module, and those in the folder beside it.
fn parts(layer: &str, file: &str) -> Vec<PathBuf> {
    let mut parts = vec![src().join(layer).join(format!("{file}.rs"))];
    if let Ok(folder) = fs::read_dir(src().join(layer).join(file)) {
        parts.extend(
            folder
                .map(|part| part.unwrap().path())
                .filter(|path| path.extension().is_some_and(|e| e == "rs")),
        );
    }
    parts
}

/// What of a file stands before its module of tests, which may reach for what they need. One that is a file of its own cuts
/// nothing off.
fn without_tests(text: &str) -> &str {
    let mut begins = text.match_indices("#[cfg(test)]\n").map(|(at, _)| at);
    let end = begins.find(|at| {
        let mut below = text[*at..]
            .lines()
            .filter(|line| !line.trim_start().starts_with("#["));
        below
            .next()
            .is_some_and(|line| line.contains("mod ") && line.ends_with('{'))
    });
    &text[..end.unwrap_or(text.len())]
}

/// Layer and file of every path in a file that begins at the root, with the line it stands in.
fn imports(text: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1).map(move |rest| (rest, line)))
        .filter(|(_, line)| !line.contains("pub(in crate::"))
        .map(|(rest, line)| {
            let mut segments = rest.split("::").map(|segment| {
                let end = segment
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(segment.len());
                &segment[..end]
            });
            (
                segments.next().unwrap_or_default(),
                segments.next().unwrap_or_default(),
                line,
            )
        })
}

/// Takes away what depends on nothing that is left, until nothing can be taken. What remains goes round in circles.
fn circle(mut needs: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let free: Vec<String> = needs
            .iter()
            .filter(|(_, needed)| needed.iter().all(|name| !needs.contains_key(name)))
            .map(|(name, _)| name.clone())
            .collect();
        if free.is_empty() {
            return needs.into_keys().collect();
        }
        free.iter().for_each(|name| drop(needs.remove(name)));
    }
}

#[test]
fn files_import_only_downwards_and_from_where_a_thing_is_defined() {
    let layers = layers(&read(&src().join("lib.rs")));
    let height = |name: &str| layers.iter().position(|layer| layer.name == name);
    let mut wrong = Vec::new();
    for (own, layer) in layers.iter().enumerate() {
        let mut needs = BTreeMap::new();
        for file in &layer.files {
            let mut needed = BTreeSet::new();
            for part in parts(&layer.name, file) {
                let text = read(&part);
                let text = without_tests(&text);
                assert!(
                    !text.contains("super::"),
                    "{}: name the file itself, not `super`",
                    part.display()
                );
                for (target, module, line) in imports(text) {
                    let place = format!("{}/{file}", layer.name);
                    let known =
                        height(target).is_some_and(|at| layers[at].files.iter().any(|known| known == module));
                    match height(target) {
                        _ if !known => wrong.push(format!("{place}: this names no file of a layer: {line}")),
                        Some(at) if at > own => wrong.push(format!("{place} imports upwards: {line}")),
                        Some(at) if at == own && module != file => {
                            needed.insert(module.to_owned());
                        }
                        _ => {}
                    }
                }
            }
            needs.insert(file.clone(), needed);
        }
        let circle = circle(needs);
        if !circle.is_empty() {
            wrong.push(format!("{}: these import each other: {circle:?}", layer.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_has_a_layer_and_the_top_is_seen_at_a_glance() {
    let layers = layers(&read(&src().join("lib.rs")));
    let mut top: Vec<String> = fs::read_dir(src())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    top.sort();
    assert!(top.len() <= AT_THE_TOP, "{top:?}");
    for name in top {
        let name = name.trim_end_matches(".rs").trim_end_matches(".md");
        let known = layers.iter().any(|layer| layer.name == name)
            || BESIDE.contains(&name)
            || ["lib", "derive"].contains(&name);
        assert!(known, "`{name}` is neither a layer nor beside them");
    }
    for layer in &layers {
        for entry in fs::read_dir(src().join(&layer.name)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            // Text about a layer stands beside its files.
            let file = name.trim_end_matches(".rs");
            assert!(
                name.ends_with(".md") || layer.files.iter().any(|known| known == file),
                "{}/{name} is not declared in lib.rs",
                layer.name
            );
        }
    }
}

/// Every part of every file, with the layer and the name of the file.
fn all_parts() -> Vec<(String, String, PathBuf)> {
    let mut all = Vec::new();
    for layer in layers(&read(&src().join("lib.rs"))) {
        for file in &layer.files {
            for part in parts(&layer.name, file) {
                all.push((layer.name.clone(), file.clone(), part));
            }
        }
    }
    assert!(all.len() > 40, "the layers were not found");
    all
}

#[test]
fn only_the_table_names_dashmap() {
    for (layer, file, part) in all_parts() {
        let names_it = read(&part).lines().any(|line| line.starts_with("use dashmap"));
        assert_eq!(
            names_it,
            (layer.as_str(), file.as_str()) == ("table", "table"),
            "{}",
            part.display()
        );
    }
}

/// The model checker sees what goes through `sync` and nothing else.
#[test]
fn only_sync_names_locks_and_atomics() {
    // What only counts decides nothing, and a snapshot reads as anybody else does: as steps, both would multiply the orders
    // and show nothing.
    let free = ["sync", "stripes", "snapshot"];
    for (_, file, part) in all_parts() {
        if free.contains(&file.as_str()) {
            continue;
        }
        let text = read(&part);
        let found: Vec<_> = without_tests(&text)
            .lines()
            .filter(|line| names_a_lock(line))
            .collect();
        assert!(found.is_empty(), "{}: {found:?}", part.display());
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
    let text = "use crate::value::entry::Entry;\n// crate::not\nfn f(_: crate::slot::slot::Slot) {}\n";
    let found: Vec<_> = imports(text).map(|(layer, file, _)| (layer, file)).collect();
    assert_eq!(found, [("value", "entry"), ("slot", "slot")]);
    let file = "#[cfg(test)]\nmod far;\nuse a;\n#[cfg(test)]\n#[allow(b)]\nmod tests {\n    use c;\n}\n";
    assert!(without_tests(file).ends_with("use a;\n"));
    assert!(names_a_lock("use std::sync::{Arc, Mutex};") && names_a_lock("use parking_lot::Mutex;"));
    assert!(!names_a_lock("use crate::sync::Mutex;") && !names_a_lock("use std::sync::{Arc, OnceLock};"));
    let declared = layers("mod a {\n    pub(crate) mod b;\n    pub mod c;\n}\nmod check;\n");
    assert_eq!((declared[0].name.as_str(), declared[0].files.len()), ("a", 2));
    let needs = |pairs: &[(&str, &str)]| {
        let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (file, needed) in pairs {
            needs
                .entry((*file).to_owned())
                .or_default()
                .insert((*needed).to_owned());
            needs.entry((*needed).to_owned()).or_default();
        }
        needs
    };
    assert!(circle(needs(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    assert_eq!(
        circle(needs(&[("a", "b"), ("b", "c"), ("c", "b")])),
        ["a", "b", "c"]
    );
}
