//! Every public call, with a value, mutation, message, error and waker that call the store wherever they are cloned, dropped or
//! woken, and panic there in turn.
//!
//! Each row of the table is run once undisturbed, which says how often user code runs in it and what comes of it; then once for
//! each of these *visits*, which panics; then for pairs of them, where one may panic after the other. Whatever happens, the
//! entries are as they were or as the undisturbed call leaves them, nothing is left held, whoever waits is woken before anything
//! is dropped, everybody is told each change once, and a guard shows its entry.

mod rows;
mod scene;
mod user;

use std::collections::BTreeSet;
use std::fs;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use livestore_tests::must_not_hang;
use tokio::runtime::{Builder, Runtime};

use rows::{Row, rows};
use scene::{Audience, Entries, Scene, Setting};
use user::Site;

/// What came of a call.
struct Outcome {
    sites: Vec<Site>,
    entries: Entries,
    /// What must not be.
    broken: Vec<String>,
}

/// Makes a call once. `undisturbed` is what came of it without panics.
fn run(
    runtime: &Arc<Runtime>,
    setting: Setting,
    row: &Row,
    panics: &[usize],
    undisturbed: Option<&Entries>,
) -> Outcome {
    let mut scene = Scene::new(runtime, setting, row.needs, panics.to_vec());
    let world = Arc::clone(&scene.world);
    let before = scene.entries();
    if row.method.ends_with("and_acquire") {
        // The caller has the guard when what was displaced goes.
        world.is_free.store(false, SeqCst);
    }
    world.on.store(true, SeqCst);
    let result = catch_unwind(AssertUnwindSafe(|| (row.call)(&mut scene)));
    world.on.store(false, SeqCst);
    let ours = match result {
        Ok(()) => true,
        Err(panic) => panic.is::<Site>(),
    };
    let sites = world.sites();
    let entries = scene.entries();
    scene.look_after(&before, undisturbed.unwrap_or(&entries));
    drop(scene);
    let mut broken = world.broken();
    if !ours {
        broken.push("a panic that is not the user's".to_owned());
    }
    // What a second panic would drop while the first unwinds is forgotten.
    if panics.len() <= 1 && world.alive.load(SeqCst) != 0 {
        broken.push("something is never dropped".to_owned());
    }
    let (method, case) = (row.method, row.case);
    let broken = broken
        .into_iter()
        .map(|what| format!("{method} {case} with panics at {panics:?} of {sites:?}: {what}"))
        .collect();
    Outcome {
        sites,
        entries,
        broken,
    }
}

/// Runs the whole table in one setting, with one panic at a time and with so many pairs for each row.
fn run_all(setting: Setting, pairs: usize) {
    let mut sites = BTreeSet::new();
    let mut broken = Vec::new();
    for row in rows() {
        let found = Arc::new(Mutex::new((BTreeSet::new(), Vec::new())));
        let seen = Arc::clone(&found);
        let name = format!("{} {} {:?}", row.method, row.case, row.needs);
        let hangs = catch_unwind(AssertUnwindSafe(|| {
            must_not_hang(move || {
                let runtime = Builder::new_current_thread()
                    .enable_all()
                    .start_paused(true)
                    .build();
                let runtime = Arc::new(runtime.unwrap());
                let entered = Arc::clone(&runtime);
                let _entered = entered.enter();
                let (mut sites, mut broken) = (BTreeSet::new(), Vec::new());
                let mut go = |panics: &[usize], undisturbed: Option<&Entries>| {
                    let mut outcome = run(&runtime, setting, &row, panics, undisturbed);
                    sites.extend(outcome.sites.iter().copied());
                    broken.append(&mut outcome.broken);
                    outcome
                };
                let undisturbed = go(&[], None);
                let visits = undisturbed.sites.len();
                let entries = Some(&undisturbed.entries);
                for at in 0..visits {
                    go(&[at], entries);
                }
                let both =
                    (0..visits).flat_map(|first| (first + 1..=visits).map(move |second| [first, second]));
                for both in both.take(pairs) {
                    go(&both, entries);
                }
                *seen.lock().unwrap() = (sites, broken);
            })
        }));
        if hangs.is_err() {
            broken.insert(0, format!("{name} hangs, or the test is wrong"));
        }
        let (more_sites, more_broken) = mem::take(&mut *found.lock().unwrap());
        sites.extend(more_sites);
        broken.extend(more_broken);
    }
    assert!(
        broken.is_empty(),
        "{setting:?}: {} times:\n{}",
        broken.len(),
        broken[..broken.len().min(20)].join("\n")
    );
    assert!(
        sites.contains(&Site::DropValue) && sites.contains(&Site::DropMutation),
        "{sites:?}"
    );
}

const EVERYBODY: Setting = Setting {
    plain: false,
    audience: Audience::Everybody,
    history: 2,
    channel_cap: 64,
    loud: false,
};

#[test]
fn calls_of_which_everybody_is_told() {
    run_all(EVERYBODY, 400);
}

#[test]
fn calls_that_displace_what_was_told_while_visits_change_things() {
    run_all(
        Setting {
            channel_cap: 1,
            loud: true,
            ..EVERYBODY
        },
        0,
    );
}

#[test]
fn calls_of_which_deltas_are_told_with_mutations_in_place() {
    run_all(
        Setting {
            plain: true,
            audience: Audience::Deltas,
            history: 0,
            channel_cap: 1,
            loud: false,
        },
        400,
    );
}

#[test]
fn calls_of_which_nobody_is_told() {
    for plain in [false, true] {
        run_all(
            Setting {
                plain,
                audience: Audience::Nobody,
                history: 0,
                channel_cap: 64,
                loud: plain,
            },
            100,
        );
    }
}

/// The public methods of these types, as the library's sources have them.
fn methods(folder: &Path, types: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.append(&mut methods(&path, types));
            continue;
        }
        let mut of = None;
        for line in fs::read_to_string(&path).unwrap().lines() {
            if line.starts_with("impl") {
                of = types.iter().find(|name| {
                    let inherent = !line.contains(" for ");
                    inherent && line.contains(&format!("> {name}<"))
                });
            }
            let Some(rest) = line.strip_prefix("    pub ") else {
                continue;
            };
            let rest = rest.strip_prefix("async ").unwrap_or(rest);
            if let (Some(of), Some(rest)) = (of, rest.strip_prefix("fn ")) {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                found.insert(format!("{of}::{name}"));
            }
        }
    }
    found
}

#[test]
fn no_public_call_is_forgotten() {
    let types = [
        "LiveStore",
        "EntryGuard",
        "EntryHandle",
        "Guards",
        "Tx",
        "Watch",
        "DeltaWatch",
        "WatchAll",
        "MutateOnDrop",
        "Query",
        "Groups",
        "LiveQuery",
    ];
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../livestore/src");
    let found = methods(&source, &types);
    assert!(
        found.len() > 90 && found.contains("Tx::persist") && found.contains("Watch::next"),
        "{found:?}"
    );
    let listed: BTreeSet<String> = rows().iter().map(|row| row.method.to_owned()).collect();
    let forgotten: Vec<_> = found.difference(&listed).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
