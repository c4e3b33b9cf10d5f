//! [`Here`]: who is at a key, as it is shown.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::value::entry::Entry;
use crate::value::invalid::Never;
use crate::value::value::LiveValue;
use crate::ws::whole::json_without_hidden;

/// Who is at a key. It is replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Here {
    /// How many people there are.
    pub(crate) count: usize,
    pub(crate) people: Cards,
    /// Others may be on their way back: the server has only begun.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) partial: bool,
}

/// What is shown of some of them, in the order in which they came, and what tells them apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cards(pub(crate) Vec<(u64, Card)>);

/// What is shown of one of them: a document that was encoded once. A clone costs a reference count.
#[derive(Clone, Debug)]
pub(crate) struct Card(Arc<RawValue>);

impl Card {
    /// Encodes a card, without what is hidden. `None` if it cannot be, or if it is null: nothing is to be shown.
    pub(crate) fn of<T: Serialize>(card: &T) -> Option<Card> {
        let text = String::from_utf8(json_without_hidden(card).ok()?).ok()?;
        let card = RawValue::from_string(text).ok()?;
        (card.get() != "null").then(|| Card(Arc::from(card)))
    }
}

impl PartialEq for Card {
    fn eq(&self, other: &Card) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Serialize for Cards {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut cards = serializer.serialize_map(Some(self.0.len()))?;
        for (tag, card) in &self.0 {
            // As long as it is, no browser takes it for an index, and puts it before others.
            cards.serialize_entry(&format_args!("{tag:016x}"), &*card.0)?;
        }
        cards.end()
    }
}

impl LiveValue for Here {
    type Message = Never;
    type Mutation = Never;
    type MutError = Never;

    fn mutate(_: &Entry<Self>, mutation: &Never) -> Result<Self, Never> {
        match *mutation {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::hidden::Hidden;

    #[test]
    fn a_card_is_shown_without_what_is_hidden_and_null_is_none() {
        #[derive(Serialize)]
        struct Given {
            name: &'static str,
            token: Hidden<&'static str>,
        }
        let given = Given {
            name: "ann",
            token: "sentinel".into(),
        };
        let here = Here {
            count: 2,
            people: Cards(vec![
                (1 << 60, Card::of(&given).expect("is one")),
                (7, Card::of(&"ben").expect("is one")),
            ]),
            partial: false,
        };
        assert_eq!(
            serde_json::to_string(&here).expect("it can be written"),
            r#"{"count":2,"people":{"1000000000000000":{"name":"ann"},"0000000000000007":"ben"}}"#
        );
        assert_eq!(Card::of(&None::<u8>), None);
        assert_eq!(Card::of(&std::collections::HashMap::from([((1, 2), 3)])), None);
    }
}
