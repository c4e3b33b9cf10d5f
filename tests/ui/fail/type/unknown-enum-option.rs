use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutation(rename = Op, variant(Start), banana))]
struct Mutation {}

#[derive(Clone, LiveValue)]
#[live(message(vis = pub, serde(untagged)), error(nam = Problem))]
struct Others {}

#[derive(Clone, LiveValue)]
#[live(message)]
struct Message {}

fn main() {}
