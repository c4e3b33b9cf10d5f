use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(attr(#[non_exhaustive]))]
struct Room {}

#[derive(Clone, LiveValue)]
#[live(attr("serde"), attr(3), attr(serde(default) non_exhaustive))]
struct NoPath {}

#[derive(Clone, LiveValue)]
#[live(derive("Debug"), derive(3, Debug))]
struct NoDerive {}

fn main() {}
