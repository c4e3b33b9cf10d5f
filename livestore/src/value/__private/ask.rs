//! The traits that answer where a type has no better answer of its own, for generated code to have in scope. None of
//! them brings its name along.

pub use crate::value::__private::errors::{ByFrom as _, NotDerived as _};
pub use crate::value::__private::plain::NotPlain as _;
pub use crate::value::__private::same::{NotPair as _, NotShared as _};
pub use crate::value::__private::shown::{ByDebug as _, ByDisplay as _, Hidden as _, NotShown as _};
pub use crate::value::__private::small::{NotDrop as _, NotSmall as _};
pub use crate::value::__private::takes::{ByReference as _, ByValue as _, TakesOther as _};
pub use crate::value::__private::{OwnCheck as _, TraitCheck as _};
