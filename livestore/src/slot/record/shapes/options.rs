//! Options, in every place in which they can stand.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde_json::Value;

use crate::slot::record::shapes::{Table, shapes};

#[test]
fn options_in_every_place() {
    shapes! {
        struct Marker;
        struct Empty {}
        struct New(Option<u8>);
        struct Fields { a: Option<u8>, b: Option<String>, c: Option<Vec<u8>> }
        struct Deep { a: Option<Option<u8>> }
        struct Unit { a: Option<()> }
        enum Choice { None, Some(Option<u8>), Two(Option<u8>, Option<u8>), Named { a: Option<u8> } }
    }
    let mut table = Table::default();
    table.same([None, Some(0_u8)]);
    table.same((None::<u8>, None::<String>));
    table.same(Some(Some(1)));
    table.same(Some(Some(Some(1))));
    table.strict(Some(None::<u8>));
    table.strict(Some(Some(None::<u8>)));
    table.strict(Some(()));
    table.strict(vec![Some(None), Some(Some(1)), None]);
    table.strict(Some(Box::new(None::<u8>)));
    table.strict(Some(New(None)));
    table.same(Some(New(Some(1))));
    table.strict(BTreeMap::from([(1, Some(None::<u8>))]));
    table.same(BTreeMap::from([(1, None), (2, Some(Some(3)))]));
    table.better(Some(Marker));
    table.same(None::<Marker>);
    table.same(Some(Empty {}));
    table.same(Some(vec![None, Some(1)]));
    table.same(Some((None::<u8>, ())));
    table.same(Some([(); 2]));
    table.same(Some(Vec::<u8>::new()));
    table.better(Some(f64::NAN));
    table.same(Some(Value::Bool(false)));
    table.strict(Some(Value::Null));
    table.same(None::<Value>);
    table.better(Some(PhantomData::<u8>));
    table.same(Fields {
        a: None,
        b: Some(String::new()),
        c: Some(vec![192]),
    });
    table.same(Deep { a: None });
    table.same(Deep { a: Some(Some(0)) });
    table.strict(Deep { a: Some(None) });
    table.same(Unit { a: None });
    table.strict(Unit { a: Some(()) });
    table.same([
        Choice::None,
        Choice::Some(None),
        Choice::Some(Some(1)),
        Choice::Two(None, Some(1)),
    ]);
    table.same(Choice::Named { a: None });
    table.same([Some(Choice::None), None, Some(Choice::Some(None))]);
    table.same([Ok(None), Ok(Some(1)), Err(())]);
    table.same([Some(Ok(None::<u8>)), Some(Err(None::<u8>)), None]);
    // It is refused nowhere because of what else there is: these have bytes that are like those of `None`.
    table.better((Some(Marker), "Łódź".to_owned()));
    table.better((Some(Marker), None::<u8>));
    table.better((Some(Marker), 192_u8));
    table.better((Some(Marker), i128::MIN));
    table.end(40);
}
