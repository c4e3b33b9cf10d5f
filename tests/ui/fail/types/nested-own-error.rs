use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct B { #[live(len = 1..)] a: String }
#[derive(Debug)] struct E;
#[derive(Clone, LiveValue)]
#[live(error = E)]
struct A { #[live(nested)] b: B }

fn main() {}
