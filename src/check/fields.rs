//! Fields of JSON objects, which may hold NaN and infinities as Python writes them.

use std::borrow::Cow;

use jiter::JsonValue;

/// The fields of an object, in their order.
pub(super) type Fields<'a, 'j> = &'a [(Cow<'j, str>, JsonValue<'j>)];

/// A field by its name; of several the last one.
pub(super) fn field<'a, 'j>(object: Fields<'a, 'j>, key: &str) -> Option<&'a JsonValue<'j>> {
    object.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
}
