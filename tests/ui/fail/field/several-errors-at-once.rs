use livestore::LiveValue;

#[derive(Clone, LiveValue)]
#[live(mutatoin(name = X), mutation(variants(Kick { who: u32 } = 3)))]
struct Room {
    #[live(set = rename, len = 32)]
    name: String,
    #[live(insert)]
    chat: Vec<u8>,
    score: u32,
}

#[derive(Clone, LiveValue)]
struct Borrowed<'a, T> {
    name: &'a str,
    list: Vec<T>,
}

// None of these is a mistake, and none is reported.
fn main() {
    let mut room = Room { name: String::new(), chat: Vec::new(), score: 0 };
    let mutations: [RoomMutation; 4] = [
        RoomMutation::rename("a".to_owned()),
        RoomMutation::InsertChat(1),
        RoomMutation::SetScore(1),
        RoomMutation::Kick { who: 1 },
    ];
    for mutation in &mutations {
        let _: Result<(), RoomError> = room.apply(mutation);
    }
    let mut borrowed = Borrowed { name: "a", list: vec![1] };
    let _ = borrowed.apply(&BorrowedMutation::<u8>::SetName("b"));
    let _ = borrowed.apply(&BorrowedMutation::SetList(vec![2]));
}
