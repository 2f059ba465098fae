//! One line to fields.
//!
//! Only the top level of the event counts. Of duplicate keys in an object the last wins. An argument is decided by
//! the first element of `args` whose name is equal; it is text if that element's value is a string and null
//! otherwise. An element that is not an object leaves every argument after it null.

use std::{collections::HashMap, ops::Range};

use serde::de::Deserializer;

use crate::{guard, strict, visit::TopVisitor};

/// A field that should be text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    /// Not there.
    Missing,
    /// JSON's null.
    Null,
    /// Neither string nor null.
    Other,
    /// A range of the scratch text.
    Str(Range<usize>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// An index into the wanted names.
    Wanted(i32),
    /// A name, where every name is wanted.
    Named(&'a str),
    /// No name, or none that is a string.
    Nameless,
}

/// The fields of one event.
pub(crate) struct Row<'a> {
    pub(crate) event: Event<'a>,
    pub(crate) process: Option<&'a str>,
    pub(crate) arguments: &'a [Text],
    pub(crate) scratch: &'a str,
}

pub(crate) enum Decoded<'a> {
    Row(Row<'a>),
    /// A JSON object whose event name is not wanted.
    Unwanted,
    /// Not vouched for.
    Refused,
}

pub(crate) struct Decoder {
    /// `None`: every event is wanted.
    names: Option<Names>,
    arguments: Vec<String>,
    strict: bool,
    scratch: String,
    slots: Vec<Text>,
}

impl Decoder {
    pub(crate) fn new(names: Option<&[String]>, arguments: &[String], strict: bool) -> Self {
        Self {
            names: names.map(Names::new),
            arguments: arguments.to_vec(),
            strict,
            scratch: String::new(),
            slots: vec![Text::Missing; arguments.len()],
        }
    }

    /// Decodes `line`, which begins with `{` and ends with `}`.
    pub(crate) fn decode(&mut self, line: &[u8]) -> Decoded<'_> {
        let Ok(text) = simdutf8::basic::from_utf8(line) else { return Decoded::Refused };
        if guard::too_many_digits(line) || (self.strict && !strict::unique_keys(text)) {
            return Decoded::Refused;
        }
        self.scratch.clear();
        self.slots.fill(Text::Missing);
        let mut fields = Fields::new(self.names.as_ref(), &self.arguments, &mut self.slots, &mut self.scratch);
        if !fields.read(text) {
            return Decoded::Refused;
        }
        let (name, process) = (fields.event, fields.process);
        let event = match name {
            Name::Wanted(index) => Event::Wanted(index),
            Name::Unwanted => return Decoded::Unwanted,
            Name::Nameless if self.names.is_some() => return Decoded::Unwanted,
            Name::Nameless => Event::Nameless,
            Name::Named(range) => Event::Named(&self.scratch[range]),
        };
        let process = match process {
            Text::Missing | Text::Null => Some(""),
            Text::Other => None,
            Text::Str(range) => Some(&self.scratch[range]),
        };
        Decoded::Row(Row { event, process, arguments: &self.slots, scratch: &self.scratch })
    }
}

pub(crate) enum Name {
    Wanted(i32),
    Unwanted,
    Named(Range<usize>),
    Nameless,
}

/// The fields of an event while they are being read.
pub(crate) struct Fields<'a> {
    pub(crate) names: Option<&'a Names>,
    arguments: &'a [String],
    pub(crate) slots: &'a mut [Text],
    pub(crate) scratch: &'a mut String,
    pub(crate) event: Name,
    pub(crate) process: Text,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(
        names: Option<&'a Names>,
        arguments: &'a [String],
        slots: &'a mut [Text],
        scratch: &'a mut String,
    ) -> Self {
        Self { names, arguments, slots, scratch, event: Name::Nameless, process: Text::Missing }
    }

    /// Reads `text` with the JSON library. `false`: not vouched for.
    pub(crate) fn read(&mut self, text: &str) -> bool {
        if guard::too_deep(text.as_bytes()) {
            return false;
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        deserializer.deserialize_map(TopVisitor(self)).is_ok() && deserializer.end().is_ok()
    }

    /// What the argument `name` is to the caller.
    #[inline]
    pub(crate) fn argument(&self, name: &str) -> ArgName {
        match self.arguments.iter().position(|argument| argument == name) {
            Some(index) if self.slots[index] == Text::Missing => ArgName::Wanted(index),
            _ => ArgName::Unwanted,
        }
    }

    /// Takes in an element of `args` and gives the number of arguments that it decides. `None`: a second "name"
    /// made a value count that was passed over, which is too odd to be worth a second look.
    pub(crate) fn settle(&mut self, name: ArgName, value: Text, passed_over: bool) -> Option<usize> {
        let ArgName::Wanted(first) = name else { return Some(0) };
        if passed_over {
            return None;
        }
        // Missing in a slot means undecided.
        let value = if value == Text::Missing { Text::Null } else { value };
        let mut count = 0;
        for index in first..self.slots.len() {
            if self.arguments[index] == self.arguments[first] {
                self.slots[index] = value.clone();
                count += 1;
            }
        }
        Some(count)
    }
}

/// The wanted names.
pub(crate) struct Names {
    list: Vec<String>,
    index: HashMap<String, i32>,
}

impl Names {
    pub(crate) fn new(names: &[String]) -> Self {
        Self { list: names.to_vec(), index: names.iter().cloned().zip(0..).collect() }
    }

    #[inline]
    pub(crate) fn find(&self, name: &str) -> Option<i32> {
        if self.list.len() <= 4 {
            self.list.iter().zip(0..).find(|(wanted, _)| *wanted == name).map(|(_, index)| index)
        } else {
            self.index.get(name).copied()
        }
    }
}

pub(crate) fn append(scratch: &mut String, text: &str) -> Range<usize> {
    let from = scratch.len();
    scratch.push_str(text);
    from..scratch.len()
}

/// What the "name" of an argument is to the caller.
pub(crate) enum ArgName {
    Unseen,
    /// Not asked for, already decided, or not a string.
    Unwanted,
    /// The first index of an argument that is asked for.
    Wanted(usize),
}
