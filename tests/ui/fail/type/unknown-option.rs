use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutations(variants(Start)))]
struct Plural {}

#[derive(Clone, LiveValue)]
#[live(banana)]
struct Banana {}

#[derive(Clone, LiveValue)]
#[live(serde(tag = "op"))]
struct Passed {}

#[derive(Clone, LiveValue)]
#[live(non_exhaustive)]
struct PassedAlone {}

#[derive(Clone, LiveValue)]
#[live(rename_all = "snake_case")]
struct OfSerde {}

#[derive(Clone, LiveValue)]
#[live(Explicit, msg(variants(Ping)), strict, err = String)]
struct Synonyms {}

#[derive(Clone, LiveValue)]
#[live(name = RoomOp)]
struct Renamed {}

#[derive(Clone, LiveValue)]
#[live(bound = "T: Clone")]
struct Bounded {}

#[derive(Clone, LiveValue)]
#[live(vis = pub)]
struct Public {}

#[derive(Clone, LiveValue)]
#[live(r#explicit, r#derive(Debug))]
struct Raw {}

fn main() {}
