//! How the JSON library is told which values of an event are fields; the others are checked and passed over.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::decode::{ArgName, Fields, Name, Names, Text, append};

/// Visits any value; `$visit_str` for a string, `$other` for the rest (consumed), `$null` for null.
macro_rules! scalar_visits {
    ($null:expr, $other:expr) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok($null)
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok($other)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok($other)
        }
    };
}

macro_rules! ignore_map {
    ($other:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
}

macro_rules! ignore_seq {
    ($other:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
}

macro_rules! seed {
    ($seed:ty, $value:ty, $method:ident) => {
        impl<'de> DeserializeSeed<'de> for $seed {
            type Value = $value;
            #[inline]
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                deserializer.$method(self)
            }
        }
    };
}

fn expecting(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("a JSON value")
}

#[derive(Clone, Copy)]
enum TopKey {
    EventName,
    ProcessName,
    Args,
    Other,
}

struct TopKeySeed;
seed!(TopKeySeed, TopKey, deserialize_str);

impl Visitor<'_> for TopKeySeed {
    type Value = TopKey;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    #[inline]
    fn visit_str<E>(self, key: &str) -> Result<TopKey, E> {
        Ok(match key {
            "eventName" => TopKey::EventName,
            "processName" => TopKey::ProcessName,
            "args" => TopKey::Args,
            _ => TopKey::Other,
        })
    }
}

/// Reads a whole event into the fields.
pub(crate) struct TopVisitor<'f, 'a>(pub(crate) &'f mut Fields<'a>);

impl<'de> Visitor<'de> for TopVisitor<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let fields = self.0;
        while let Some(key) = map.next_key_seed(TopKeySeed)? {
            match key {
                TopKey::EventName => fields.event = map.next_value_seed(NameSeed(fields.names, fields.scratch))?,
                TopKey::ProcessName => fields.process = map.next_value_seed(TextSeed(fields.scratch))?,
                TopKey::Args => {
                    fields.slots.fill(Text::Missing);
                    map.next_value_seed(ArgsSeed(fields))?;
                }
                TopKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The event's name.
struct NameSeed<'s>(Option<&'s Names>, &'s mut String);
seed!(NameSeed<'_>, Name, deserialize_any);

impl<'de> Visitor<'de> for NameSeed<'_> {
    type Value = Name;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(match self.0 {
            Some(names) => names.find(name).map_or(Name::Unwanted, Name::Wanted),
            None => Name::Named(append(self.1, name)),
        })
    }
    scalar_visits!(Name::Nameless, Name::Nameless);
    ignore_seq!(Name::Nameless);
    ignore_map!(Name::Nameless);
}

/// A value that may be text.
struct TextSeed<'s>(&'s mut String);
seed!(TextSeed<'_>, Text, deserialize_any);

impl<'de> Visitor<'de> for TextSeed<'_> {
    type Value = Text;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    #[inline]
    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text::Str(append(self.0, text)))
    }
    scalar_visits!(Text::Null, Text::Other);
    ignore_seq!(Text::Other);
    ignore_map!(Text::Other);
}

/// The whole `args`.
struct ArgsSeed<'f, 'a>(&'f mut Fields<'a>);
seed!(ArgsSeed<'_, '_>, (), deserialize_any);

impl<'de> Visitor<'de> for ArgsSeed<'_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let fields = self.0;
        let mut open = fields.slots.len();
        while open > 0 {
            match seq.next_element_seed(ElementSeed(fields))? {
                None => return Ok(()),
                Some(Element::NotObject) => break,
                Some(Element::Decided(count)) => open -= count,
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
    // `visit_str` for a string; its text does not matter.
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    scalar_visits!((), ());
    ignore_map!(());
}

enum Element {
    NotObject,
    /// How many arguments it decided.
    Decided(usize),
}

struct ElementSeed<'f, 'a>(&'f mut Fields<'a>);
seed!(ElementSeed<'_, '_>, Element, deserialize_any);

impl<'de> Visitor<'de> for ElementSeed<'_, '_> {
    type Value = Element;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element, A::Error> {
        let fields = self.0;
        let mut name = ArgName::Unseen;
        let mut value = Text::Missing;
        let mut passed_over = false;
        while let Some(key) = map.next_key_seed(ElementKeySeed)? {
            match key {
                ElementKey::Name => name = map.next_value_seed(ArgNameSeed(fields))?,
                ElementKey::Value if matches!(name, ArgName::Unwanted) => {
                    map.next_value::<IgnoredAny>()?;
                    passed_over = true;
                }
                ElementKey::Value => {
                    value = map.next_value_seed(TextSeed(fields.scratch))?;
                    passed_over = false;
                }
                ElementKey::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let count = fields.settle(name, value, passed_over);
        count.map(Element::Decided).ok_or_else(|| A::Error::custom("name after value"))
    }
    fn visit_str<E>(self, _: &str) -> Result<Element, E> {
        Ok(Element::NotObject)
    }
    scalar_visits!(Element::NotObject, Element::NotObject);
    ignore_seq!(Element::NotObject);
}

enum ElementKey {
    Name,
    Value,
    Other,
}

struct ElementKeySeed;
seed!(ElementKeySeed, ElementKey, deserialize_str);

impl Visitor<'_> for ElementKeySeed {
    type Value = ElementKey;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    #[inline]
    fn visit_str<E>(self, key: &str) -> Result<ElementKey, E> {
        Ok(match key {
            "name" => ElementKey::Name,
            "value" => ElementKey::Value,
            _ => ElementKey::Other,
        })
    }
}

struct ArgNameSeed<'f, 'a>(&'f Fields<'a>);
seed!(ArgNameSeed<'_, '_>, ArgName, deserialize_any);

impl<'de> Visitor<'de> for ArgNameSeed<'_, '_> {
    type Value = ArgName;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        expecting(f)
    }
    #[inline]
    fn visit_str<E>(self, name: &str) -> Result<ArgName, E> {
        Ok(self.0.argument(name))
    }
    scalar_visits!(ArgName::Unwanted, ArgName::Unwanted);
    ignore_seq!(ArgName::Unwanted);
    ignore_map!(ArgName::Unwanted);
}
