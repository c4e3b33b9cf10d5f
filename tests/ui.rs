//! What the derive says to mistakes, and the shapes that it must accept.

use std::process::Command;

/// The compiler whose own words are in `ui/fail/types`.
const RUSTC: &str = "rustc 1.95.0 ";

/// Our own words, on every toolchain.
#[test]
fn mistakes_are_told() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/fail/type/*.rs");
    cases.compile_fail("ui/fail/field/*.rs");
    cases.compile_fail("ui/fail/names/*.rs");
}

/// What only rustc can know, in its words and ours: they change with each of its versions.
#[test]
fn mistakes_that_rustc_finds_are_told() {
    let version = Command::new("rustc")
        .arg("--version")
        .output()
        .expect("rustc runs");
    if String::from_utf8_lossy(&version.stdout).starts_with(RUSTC) {
        trybuild::TestCases::new().compile_fail("ui/fail/types/*.rs");
    }
}

#[test]
fn shapes_are_accepted() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
