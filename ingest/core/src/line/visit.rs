//! The serde_json path: visitors that put projected values into slots. Other values are checked and dropped.
//!
//! Any error defers the line.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::value::{Slots, Value};
use crate::{
    limits,
    projection::plan::{Node, NodeId, Plan, ROOT},
};

/// Fills the slots from `text`. `false`: the line is deferred.
pub(crate) fn read(text: &str, plan: &Plan, slots: &mut Slots) -> bool {
    if limits::too_deep(text.as_bytes()) {
        return false;
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let at = At { node: Some(ROOT), keep: false, plan, slots };
    at.deserialize(&mut deserializer).is_ok() && deserializer.end().is_ok()
}

/// Reads a value: into the slot of `node`, or to be kept by the caller, or both. Returns it; a container as `Other`.
struct At<'a> {
    node: Option<NodeId>,
    keep: bool,
    plan: &'a Plan,
    slots: &'a mut Slots,
}

impl At<'_> {
    fn node(&self) -> Option<&Node> {
        self.node.map(|node| &self.plan.nodes[node])
    }

    /// Whether a scalar's value is needed.
    fn is_asked(&self) -> bool {
        self.keep || self.node().is_some_and(|node| node.slot.is_some())
    }

    fn put<E>(self, value: Value) -> Result<Value, E> {
        if let Some(slot) = self.node().and_then(|node| node.slot) {
            self.slots.values[slot] = value.clone();
        }
        Ok(value)
    }
}

fn expecting(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("a JSON value")
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.node.is_none() && !self.keep {
            deserializer.deserialize_ignored_any(IgnoredAny)?;
            return Ok(Value::Other);
        }
        // An earlier duplicate of the key may have filled the slots.
        if let Some(slots) = self.node().map(|node| node.slots.clone()) {
            self.slots.values[slots].fill(Value::Absent);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Value;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        self.put(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        self.put(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        self.put(Value::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        self.put(i64::try_from(value).map_or(Value::Other, Value::Int))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // serde_json does not distinguish -0, an integer, from -0.0.
        if value == 0.0 && value.is_sign_negative() && self.is_asked() {
            return Err(E::custom("minus zero"));
        }
        self.put(Value::Other)
    }
    #[inline]
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        if !self.is_asked() {
            return Ok(Value::Other);
        }
        let from = self.slots.scratch.len();
        self.slots.scratch.extend_from_slice(text.as_bytes());
        let value = Value::Decoded(from..self.slots.scratch.len());
        self.put(value)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let Self { node, plan, slots, .. } = self;
        let keys = node.map_or(&[][..], |node| &plan.nodes[node].keys);
        while let Some(key) = map.next_key_seed(Key(keys))? {
            map.next_value_seed(At { node: key.map(|i| keys[i].1), keep: false, plan, slots: &mut *slots })?;
        }
        At { node, keep: false, plan, slots }.put(Value::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let Self { node, plan, slots, .. } = self;
        let array = node.map(|node| &plan.nodes[node]).filter(|node| node.is_array());
        if let Some(array) = array {
            elements(array, &mut sequence, plan, slots)?;
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        At { node, keep: false, plan, slots }.put(Value::Other)
    }
}

fn elements<'de, A: SeqAccess<'de>>(
    array: &Node,
    sequence: &mut A,
    plan: &Plan,
    slots: &mut Slots,
) -> Result<(), A::Error> {
    if array.member.is_some() {
        // Bit i: an earlier element had name i, so that later ones do not count.
        let mut decided = 0_u128;
        loop {
            let element = Element { array, decided, plan, slots: &mut *slots };
            match sequence.next_element_seed(element)? {
                Some(Found::Object(which)) => decided |= which.map_or(0, |which| 1 << which),
                Some(Found::Other) | None => return Ok(()),
            }
        }
    }
    let mut items = Vec::new();
    let mut number = 0;
    let keep = array.whole.is_some();
    while let Some(value) =
        sequence.next_element_seed(At { node: array.element(number), keep, plan, slots: &mut *slots })?
    {
        number += 1;
        if keep {
            items.push(value);
        }
    }
    if let Some(slot) = array.whole {
        let from = slots.items.len();
        slots.items.extend(items);
        slots.values[slot] = Value::List(from..slots.items.len());
    }
    Ok(())
}

/// Reads a key as its index in a list.
struct Key<'a>(&'a [(String, NodeId)]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;
    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    #[inline]
    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|(wanted, _)| wanted == key))
    }
}

/// Reads an element of an array whose elements are identified by a member.
struct Element<'a> {
    array: &'a Node,
    decided: u128,
    plan: &'a Plan,
    slots: &'a mut Slots,
}

enum Found {
    /// An object, and which of the named ones it is.
    Object(Option<usize>),
    Other,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Found;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Found;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let Self { array, decided, plan, slots } = self;
        let (mut named, mut early) = (false, false);
        let mut found: Option<usize> = None;
        while let Some(key) = map.next_key_seed(ElementKey { array, plan, found })? {
            match key {
                // The values before it were read for the other name.
                MemberKey::Member if named => return Err(A::Error::custom("a second name")),
                MemberKey::Member => {
                    named = true;
                    found = map.next_value_seed(MemberText(array))?.filter(|which| decided >> which & 1 == 0);
                    if early && found.is_some() {
                        return Err(A::Error::custom("a value before the name"));
                    }
                }
                MemberKey::OtherElement | MemberKey::Other => {
                    early |= matches!(key, MemberKey::OtherElement);
                    map.next_value::<IgnoredAny>()?;
                }
                MemberKey::At(node) => {
                    map.next_value_seed(At { node: Some(node), keep: false, plan, slots: &mut *slots })?;
                }
            }
        }
        Ok(Found::Object(found))
    }
    fn visit_str<E>(self, _: &str) -> Result<Found, E> {
        Ok(Found::Other)
    }
    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::Other)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        Ok(Found::Other)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        Ok(Found::Other)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Found, E> {
        Ok(Found::Other)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        Ok(Found::Other)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Found, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Other)
    }
}

enum MemberKey {
    Member,
    At(NodeId),
    /// Projected for another element.
    OtherElement,
    Other,
}

struct ElementKey<'a> {
    array: &'a Node,
    plan: &'a Plan,
    found: Option<usize>,
}

impl<'de> DeserializeSeed<'de> for ElementKey<'_> {
    type Value = MemberKey;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<MemberKey, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for ElementKey<'_> {
    type Value = MemberKey;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    fn visit_str<E>(self, key: &str) -> Result<MemberKey, E> {
        let node = |which: usize| &self.plan.nodes[self.array.named[which].1];
        if self.array.member.as_deref() == Some(key) {
            return Ok(MemberKey::Member);
        }
        if let Some((_, child)) = self.found.and_then(|which| node(which).key(key.as_bytes())) {
            return Ok(MemberKey::At(child));
        }
        let wanted = (0..self.array.named.len()).any(|which| node(which).key(key.as_bytes()).is_some());
        Ok(if wanted { MemberKey::OtherElement } else { MemberKey::Other })
    }
}

/// Reads the member that identifies an element, as its index among the names of the projection.
struct MemberText<'a>(&'a Node);

impl<'de> DeserializeSeed<'de> for MemberText<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MemberText<'_> {
    type Value = Option<usize>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.0.named.iter().position(|(wanted, _)| wanted == text))
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}
