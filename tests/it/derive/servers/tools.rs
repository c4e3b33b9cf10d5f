//! Where people work: a whiteboard, a document, a board of cards, a shopping list.

use super::*;

/// Layers: add, remove, rename, show, lock, opacity, move up; shapes: add, remove, move, resize, recolour, text, rotate, to
/// another layer, to the front, group; clear a layer; the board's title, its background; undo.
mod whiteboard {
    use super::*;

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Shape {
        #[live(set = Move)]
        pub(super) at: (i32, i32),
        #[live(set = Resize)]
        pub(super) size: (u32, u32),
        #[live(set = Paint)]
        pub(super) colour: u32,
        #[live(len = ..=2000)]
        pub(super) text: String,
        #[live(set = Rotate, range = 0..360)]
        pub(super) degrees: u16,
        #[live(set = Lift)]
        pub(super) height: i64,
        #[live(set = Group)]
        pub(super) group: Option<Uuid>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Layer {
        #[live(set = Rename, len = 1..=40)]
        pub(super) name: String,
        #[live(set = Show)]
        pub(super) visible: bool,
        #[live(set = Lock)]
        pub(super) locked: bool,
        #[live(range = 0..=100)]
        pub(super) opacity: u8,
        #[live(set = Lift)]
        pub(super) height: i64,
        #[live(insert = Draw, each, remove = Erase, clear)]
        pub(super) shapes: HashMap<Uuid, Shape>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Transfer { shape: Uuid, from: Uuid, to: Uuid }, Undo)))]
    pub(super) struct Whiteboard {
        #[live(len = 1..=80)]
        pub(super) title: String,
        pub(super) background: u32,
        #[live(insert = Add, each, remove = Drop, len = ..=32)]
        pub(super) layers: BTreeMap<Uuid, Layer>,
        #[live(skip)]
        pub(super) before: Option<Box<(String, u32)>>,
    }

    impl Whiteboard {
        fn transfer(&mut self, shape: &Uuid, from: &Uuid, to: &Uuid) -> Result<(), &'static str> {
            let moved = self
                .layers
                .get_mut(from)
                .and_then(|layer| layer.shapes.remove(shape));
            let (Some(moved), Some(target)) = (moved, self.layers.get_mut(to)) else {
                return Err("there is no such shape, or no such layer");
            };
            target.shapes.insert(*shape, moved);
            Ok(())
        }

        fn undo(&mut self) -> Result<(), &'static str> {
            (self.title, self.background) = *self.before.take().ok_or("nothing to undo")?;
            Ok(())
        }
    }
}

/// Insert a text, delete a range; the title; a comment: add, edit, resolve, delete, reply; an editor: add, remove, his role;
/// the language.
mod document {
    use super::*;

    #[derive(Clone, Debug, LiveValue)]
    pub(super) struct Comment {
        #[live(id)]
        pub(super) id: u32,
        #[live(set = Edit, len = 1..=1000)]
        pub(super) text: String,
        #[live(toggle = Resolve)]
        pub(super) resolved: bool,
        #[live(push = Reply, len = ..=50)]
        pub(super) replies: Vec<(User, String)>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Insert { at: usize, text: String }, Delete { from: usize, to: usize })))]
    pub(super) struct Document {
        #[live(skip, len = ..=100_000)]
        pub(super) text: String,
        #[live(len = 1..=80)]
        pub(super) title: String,
        #[live(push = Comment, each(by = id), remove = Uncomment)]
        pub(super) comments: Vec<Comment>,
        /// Adds, and gives another role.
        #[live(insert = Invite, remove = Uninvite)]
        pub(super) editors: BTreeMap<User, bool>,
        pub(super) language: String,
        #[live(message = Select)]
        pub(super) selection: (usize, usize),
    }

    impl Document {
        fn insert(&mut self, at: &usize, text: &str) -> Result<(), &'static str> {
            if !self.text.is_char_boundary(*at) {
                return Err("no such place");
            }
            self.text.insert_str(*at, text);
            Ok(())
        }

        fn delete(&mut self, from: &usize, to: &usize) -> Result<(), &'static str> {
            self.text.get(*from..*to).ok_or("no such place")?;
            self.text.replace_range(*from..*to, "");
            Ok(())
        }
    }
}

/// Columns: add, rename, remove, move, the most cards; cards: add, rename, describe, to another column, archive, label,
/// unlabel, assign, unassign, due, not due; checks: add, tick, rename, remove.
mod kanban {
    use super::*;

    #[derive(Clone, Debug, LiveValue)]
    pub(super) struct Check {
        #[live(id)]
        pub(super) id: u32,
        #[live(set = Rename)]
        pub(super) text: String,
        #[live(toggle = Tick)]
        pub(super) done: bool,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Card {
        #[live(set = Rename, len = 1..=120)]
        pub(super) title: String,
        #[live(set = Describe)]
        pub(super) description: String,
        #[live(set = Archive)]
        pub(super) archived: bool,
        #[live(insert = Label, remove = Unlabel)]
        pub(super) labels: BTreeSet<String>,
        #[live(insert = Assign, remove = Unassign)]
        pub(super) assigned: BTreeSet<User>,
        #[live(set, clear)]
        pub(super) due: Option<At>,
        #[live(push = AddCheck, each(by = id), remove = DropCheck)]
        pub(super) checks: Vec<Check>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Column {
        #[live(set = Rename)]
        pub(super) name: String,
        /// Left of those with a greater one.
        #[live(set = Move)]
        pub(super) place: i64,
        #[live(set = Allow)]
        pub(super) most: usize,
        #[live(insert(new) = Add, each, remove, len = ..=self.most)]
        pub(super) cards: HashMap<Uuid, Card>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(Transfer { card: Uuid, from: u32, to: u32 })))]
    pub(super) struct Board {
        #[live(insert = AddColumn, each, remove = DropColumn)]
        pub(super) columns: BTreeMap<u32, Column>,
    }

    impl Board {
        fn transfer(&mut self, card: &Uuid, from: &u32, to: &u32) -> Result<(), &'static str> {
            let moved = self
                .columns
                .get_mut(from)
                .and_then(|column| column.cards.remove(card));
            let (Some(moved), Some(column)) = (moved, self.columns.get_mut(to)) else {
                return Err("there is no such card, or no such column");
            };
            column.cards.insert(*card, moved);
            Ok(())
        }
    }
}

/// Add an item, remove it, tick it, rename it, more of it, less of it; clear what is ticked; a note; invite, uninvite; rename
/// the list.
mod shopping {
    use super::*;

    #[derive(Clone, Debug, Default, LiveValue)]
    pub(super) struct Item {
        #[live(set = Rename, len = 1..=60)]
        pub(super) name: String,
        #[live(toggle = Tick)]
        pub(super) bought: bool,
        #[live(increment, decrement, range = 1..=99)]
        pub(super) amount: u8,
        pub(super) note: Option<String>,
    }

    #[derive(Clone, Debug, Default, LiveValue)]
    #[live(mutation(variants(ClearTicked)))]
    pub(super) struct List {
        #[live(set = Rename)]
        pub(super) name: String,
        #[live(insert = Add, each, remove = Drop)]
        pub(super) items: BTreeMap<Uuid, Item>,
        #[live(insert = Invite, remove = Uninvite)]
        pub(super) members: BTreeSet<User>,
    }

    impl List {
        fn clear_ticked(&mut self) {
            self.items.retain(|_, item| !item.bought);
        }
    }
}

#[test]
fn a_shape_in_a_layer_is_changed_where_it_is() {
    use whiteboard::*;
    let (layer, other, shape) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let mut board = Whiteboard {
        title: "a".into(),
        ..Whiteboard::default()
    };
    for id in [layer, other] {
        let named = Layer {
            name: "one".into(),
            ..Layer::default()
        };
        board.apply(&WhiteboardMutation::Add(id, named)).unwrap();
    }
    let draw = LayerMutation::Draw(shape, Shape::default());
    board
        .apply(&WhiteboardMutation::UpdateLayers(layer, draw))
        .unwrap();
    let turn = |degrees| {
        let turn = LayerMutation::UpdateShapes(shape, ShapeMutation::Rotate(degrees));
        WhiteboardMutation::UpdateLayers(layer, turn)
    };
    board.apply(&turn(359)).unwrap();
    let error = board.apply(&turn(360)).unwrap_err().to_string();
    let place = format!("layers[{layer}]: shapes[{shape}]: degrees: the value is not within 0..360");
    assert_eq!(error, place);
    board
        .apply(&WhiteboardMutation::Transfer {
            shape,
            from: layer,
            to: other,
        })
        .unwrap();
    assert_eq!(board.layers[&other].shapes[&shape].degrees, 359);
    assert!(board.apply(&turn(0)).is_err(), "it is elsewhere");
    assert!(board.apply(&WhiteboardMutation::Undo).is_err());
}

#[test]
fn a_text_is_edited_and_talked_about() {
    use document::*;
    let mut document = Document {
        title: "a".into(),
        ..Document::default()
    };
    document
        .apply(&DocumentMutation::Insert {
            at: 0,
            text: "grün".into(),
        })
        .unwrap();
    assert!(
        document
            .apply(&DocumentMutation::Insert {
                at: 3,
                text: "e".into()
            })
            .is_err()
    );
    document
        .apply(&DocumentMutation::Delete { from: 2, to: 4 })
        .unwrap();
    assert_eq!(document.text, "grn");
    let comment = Comment {
        id: 1,
        text: "?".into(),
        resolved: false,
        replies: Vec::new(),
    };
    document.apply(&DocumentMutation::Comment(comment)).unwrap();
    for mutation in [CommentMutation::Reply((2, "!".into())), CommentMutation::Resolve] {
        document
            .apply(&DocumentMutation::UpdateComments(1, mutation))
            .unwrap();
    }
    assert!(document.comments[0].resolved);
}

#[test]
fn a_column_takes_so_many_cards() {
    use kanban::*;
    let (mut board, card) = (Board::default(), Uuid::from_u128(1));
    for (column, most) in [(1, 5), (2, 0)] {
        let column = BoardMutation::AddColumn(
            column,
            Column {
                most,
                ..Column::default()
            },
        );
        board.apply(&column).unwrap();
    }
    let add = ColumnMutation::Add(
        card,
        Card {
            title: "a".into(),
            ..Card::default()
        },
    );
    board.apply(&BoardMutation::UpdateColumns(1, add)).unwrap();
    let there = BoardMutation::Transfer { card, from: 1, to: 2 };
    assert_eq!(
        board.apply(&there).unwrap_err().to_string(),
        "columns[2]: cards: length 1 is not within ..=0",
    );
    board
        .apply(&BoardMutation::UpdateColumns(2, ColumnMutation::Allow(1)))
        .unwrap();
    board.apply(&there).unwrap();
    assert!(board.columns[&2].cards.contains_key(&card));
}

#[test]
fn what_is_bought_goes_from_the_list() {
    use shopping::*;
    let (mut list, milk) = (List::default(), Uuid::from_u128(1));
    let item = Item {
        name: "milk".into(),
        amount: 1,
        ..Item::default()
    };
    list.apply(&ListMutation::Add(milk, item)).unwrap();
    assert!(
        list.apply(&ListMutation::UpdateItems(milk, ItemMutation::DecrementAmount(1)))
            .is_err()
    );
    list.apply(&ListMutation::UpdateItems(milk, ItemMutation::Tick))
        .unwrap();
    list.apply(&ListMutation::ClearTicked).unwrap();
    assert!(list.items.is_empty());
}
