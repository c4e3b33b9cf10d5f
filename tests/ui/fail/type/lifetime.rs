use livestore::LiveValue;

#[derive(Clone, LiveValue)]
struct Room<'a> {
    name: &'a str,
}

#[derive(Clone, LiveValue)]
struct Pair<'a, 'b: 'a, T>
where
    T: 'a,
{
    one: std::borrow::Cow<'a, str>,
    two: &'b [T],
}

fn main() {}
