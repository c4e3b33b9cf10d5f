use livestore::LiveValue;

#[derive(Clone)]
struct Room;

fn store<V: LiveValue>(_: V) {}

fn main() {
    store(Room);
}
