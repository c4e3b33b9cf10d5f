use livestore::LiveValue;

#[derive(Clone)]
enum Note {}

#[derive(Clone, LiveValue)]
#[live(message = Note, message(variants(Ping)))]
struct Room {}

#[derive(Clone, LiveValue)]
#[live(message = Note, message(name = Event, derive(Debug), attr(non_exhaustive)))]
struct Options {}

#[derive(Clone, LiveValue)]
#[live(error = String, error(derive(PartialEq)))]
struct OfError {}

fn main() {}
