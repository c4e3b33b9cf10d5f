//! What the derive says to mistakes, and the shapes that it must accept.

#[test]
fn mistakes_are_told() {
    let cases = trybuild::TestCases::new();
    // Our own words, on every toolchain.
    cases.compile_fail("ui/fail/type/*.rs");
    cases.compile_fail("ui/fail/field/*.rs");
    cases.compile_fail("ui/fail/names/*.rs");
    cases.compile_fail("ui/fail/types/*.rs");
}
