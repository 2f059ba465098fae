//! The values of a line at the paths of the projection.

use std::ops::Range;

use crate::projection::{
    Scalar,
    plan::{Event, Name, Plan},
};

/// A value in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Absent,
    Null,
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A string without escapes: a range of the line.
    Plain(Range<usize>),
    /// A string: a range of the scratch bytes.
    Decoded(Range<usize>),
    /// An array of scalars: a range of the items.
    List(Range<usize>),
    /// Another number, or a container.
    Other,
}

/// A selected event: the numbers of its dialect and of the event in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventIndex {
    pub(crate) dialect: usize,
    pub(crate) event: usize,
}

/// The values of all slots of a line.
pub(crate) struct Slots {
    pub(crate) values: Vec<Value>,
    /// Elements of lists.
    pub(crate) items: Vec<Value>,
    /// Decoded strings, in UTF-8.
    pub(crate) scratch: Vec<u8>,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self { values: vec![Value::Absent; count], items: Vec::new(), scratch: Vec::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.values.fill(Value::Absent);
        self.clear_texts();
    }

    pub(crate) fn clear_texts(&mut self) {
        self.items.clear();
        self.scratch.clear();
    }

    /// The text of a value that is one.
    #[inline]
    pub(crate) fn text<'a>(&'a self, line: &'a [u8], value: &Value) -> Option<&'a [u8]> {
        match value {
            Value::Plain(range) => Some(&line[range.clone()]),
            Value::Decoded(range) => Some(&self.scratch[range.clone()]),
            _ => None,
        }
    }

    fn equals(&self, line: &[u8], value: &Value, wanted: &Scalar) -> bool {
        match (value, wanted) {
            (Value::Bool(value), Scalar::Bool(wanted)) => value == wanted,
            (Value::Int(value), Scalar::Int(wanted)) => value == wanted,
            (_, Scalar::Text(wanted)) => self.text(line, value) == Some(wanted.as_bytes()),
            _ => false,
        }
    }

    fn holds(&self, line: &[u8], slot: usize, values: Option<&[Scalar]>) -> bool {
        match (&self.values[slot], values) {
            (Value::Absent | Value::Null, _) => false,
            (_, None) => true,
            (Value::List(items), Some(values)) => {
                let mut items = self.items[items.clone()].iter();
                items.any(|item| values.iter().any(|wanted| self.equals(line, item, wanted)))
            }
            (value, Some(values)) => values.iter().any(|wanted| self.equals(line, value, wanted)),
        }
    }

    /// The event of the line; `None` if it is not a selected one.
    pub(super) fn event(&self, line: &[u8], plan: &Plan) -> Option<EventIndex> {
        let holds = |event: &Event| event.when.iter().all(|(slot, values)| self.holds(line, *slot, values.as_deref()));
        let mut dialects = plan.dialects.iter().enumerate();
        let which = dialects.find_map(|(dialect, it)| {
            let event = it.events.iter().position(holds)?;
            Some(EventIndex { dialect, event })
        })?;
        let is_selected = !matches!(plan.dialects[which.dialect].events[which.event].name, Name::NotSelected);
        is_selected.then_some(which)
    }
}
