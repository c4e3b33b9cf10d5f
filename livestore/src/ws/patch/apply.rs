//! [`apply`]: carries a patch out.

use std::error::Error;
use std::fmt;

use serde_json::Value;

/// Carries out the operations of a patch, as [`patch`](crate::ws::patch) describes them.
///
/// If one does not fit, those before it have been carried out, so the value is of no more use.
pub(crate) fn apply(value: &mut Value, patch: &Value) -> Result<(), PatchError> {
    let operations = patch.as_array().ok_or(PatchError::Malformed)?;
    operations.iter().try_for_each(|operation| one(value, operation))
}

/// Why a patch cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchError {
    /// It is not written as a patch is.
    Malformed,
    /// The value has no such place.
    NoSuchPlace,
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PatchError::Malformed => "this is no patch",
            PatchError::NoSuchPlace => "the patch is for another value: take the whole",
        })
    }
}

impl Error for PatchError {}

fn one(value: &mut Value, operation: &Value) -> Result<(), PatchError> {
    let parts = operation.as_array().ok_or(PatchError::Malformed)?;
    let (path, parts) = parts.split_first().ok_or(PatchError::Malformed)?;
    let path = path.as_array().ok_or(PatchError::Malformed)?;
    match parts {
        [] => {
            let (last, path) = path.split_last().ok_or(PatchError::Malformed)?;
            let key = last.as_str().ok_or(PatchError::Malformed)?;
            let object = find(value, path)?.as_object_mut();
            let gone = object.and_then(|object| object.remove(key));
            gone.map(drop).ok_or(PatchError::NoSuchPlace)
        }
        [new] => {
            let Some((last, path)) = path.split_last() else {
                *value = new.clone();
                return Ok(());
            };
            match (find(value, path)?, last) {
                (Value::Object(object), Value::String(key)) => {
                    object.insert(key.clone(), new.clone());
                    Ok(())
                }
                (parent, last) => {
                    *step(parent, last)? = new.clone();
                    Ok(())
                }
            }
        }
        [at, delete, Value::Array(items)] => {
            let (at, delete) = (index(at)?, index(delete)?);
            let array = find(value, path)?.as_array_mut();
            let array = array.ok_or(PatchError::NoSuchPlace)?;
            let end = at.checked_add(delete).filter(|&end| end <= array.len());
            let end = end.ok_or(PatchError::NoSuchPlace)?;
            array.splice(at..end, items.iter().cloned());
            Ok(())
        }
        _ => Err(PatchError::Malformed),
    }
}

fn find<'a>(value: &'a mut Value, path: &[Value]) -> Result<&'a mut Value, PatchError> {
    path.iter().try_fold(value, step)
}

fn step<'a>(value: &'a mut Value, segment: &Value) -> Result<&'a mut Value, PatchError> {
    let found = match (value, segment) {
        (Value::Object(object), Value::String(key)) => object.get_mut(key),
        (Value::Array(array), Value::Number(_)) => array.get_mut(index(segment)?),
        (_, Value::String(_) | Value::Number(_)) => None,
        _ => return Err(PatchError::Malformed),
    };
    found.ok_or(PatchError::NoSuchPlace)
}

fn index(number: &Value) -> Result<usize, PatchError> {
    let number = number.as_u64().ok_or(PatchError::Malformed)?;
    usize::try_from(number).map_err(|_| PatchError::NoSuchPlace)
}
