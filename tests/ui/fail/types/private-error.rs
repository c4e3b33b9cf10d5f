mod room {
    use livestore::{FieldError, LiveValue};

    struct Refusal;

    impl From<FieldError> for Refusal {
        fn from(_: FieldError) -> Self {
            Refusal
        }
    }

    #[derive(Clone, LiveValue)]
    #[live(error = Refusal)]
    pub struct Room {
        #[live(len = 1..)]
        pub name: String,
    }
}

fn main() {
    let _ = room::Room { name: String::new() };
}
