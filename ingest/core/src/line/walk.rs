//! A walk over the marks of a line: checks what the structural pass left to check, and finds the projected values.
//!
//! Lines that it does not support are rare: a projected key twice in one object, an element's value before its name,
//! deep nesting.

use std::ops::Range;

use super::{
    scalar,
    shape::{Bytes, Shape, Source},
    value::{Slots, Value},
};
use crate::projection::plan::{Node, NodeId, Plan, ROOT};

/// Levels of nesting; deeper lines are not supported here.
const MAX_NESTING: usize = 64;

/// Where a container is in the plan.
#[derive(Clone, Copy)]
enum Place {
    /// Nothing in it is projected.
    Nowhere,
    At(NodeId),
    /// An element of the array at a node whose elements are identified by a member; which one, once that was seen.
    /// `early`: a value came before it.
    Element {
        array: NodeId,
        named: bool,
        early: bool,
        node: Option<NodeId>,
    },
}

struct Container {
    is_object: bool,
    place: Place,
    /// Of an object: the keys that have come; of an array: the named elements that have come.
    seen: u128,
    /// Elements of an array so far.
    elements: usize,
}

/// Fills the slots. `None`: unsupported. `shape` records what the walk looked at.
pub(super) fn walk(
    line: &[u8],
    marks: &[u32],
    plan: &Plan,
    slots: &mut Slots,
    shape: Option<&mut Shape>,
) -> Option<()> {
    let mut walker = Walker { line, plan, slots, shape, stack: Vec::with_capacity(16), key: None, presence: None };
    walker.stack.push(Container { is_object: true, place: Place::At(ROOT), seen: 0, elements: 0 });
    for (number, &at) in marks.iter().enumerate() {
        let at = at as usize;
        if walker.stack.is_empty() {
            return None;
        }
        match line[at] {
            b'{' | b'[' => walker.open(number, at)?,
            b'}' | b']' => walker.close(at)?,
            b':' => walker.key(number, at)?,
            _ => {
                if !scalar::is_right(line, at) {
                    return None;
                }
                // Null or not null decides whether a value is there.
                let decides = walker.presence.take().is_some_and(|token| token.contains(&at));
                if let Some(shape) = &mut walker.shape {
                    shape.mark(line, at, Bytes(u32::from(decides)));
                    shape.scalars.push(number as u32);
                }
            }
        }
    }
    let ended = marks.last().is_some_and(|&last| last as usize + 1 == line.len());
    (walker.stack.is_empty() && ended).then_some(())
}

struct Walker<'a> {
    line: &'a [u8],
    plan: &'a Plan,
    slots: &'a mut Slots,
    shape: Option<&'a mut Shape>,
    stack: Vec<Container>,
    /// The node of the key whose value is a container that comes next.
    key: Option<NodeId>,
    /// The token of a scalar: whether it is null decides a condition.
    presence: Option<Range<usize>>,
}

impl<'a> Walker<'a> {
    fn array(&self, place: Place) -> Option<&'a Node> {
        let Place::At(node) = place else { return None };
        Some(&self.plan.nodes[node]).filter(|node| node.is_array())
    }

    fn open(&mut self, number: usize, at: usize) -> Option<()> {
        let in_object = self.line[at - 1] == b':';
        let is_object = self.line[at] == b'{';
        let key = self.key.take();
        let outer = self.stack.last()?;
        if in_object != outer.is_object || self.stack.len() >= MAX_NESTING {
            return None;
        }
        if let Some(shape) = &mut self.shape {
            // With the byte in front: a colon, or, in an array with projected elements, the end of another element.
            let counted = matches!(outer.place, Place::At(_)) && !in_object && self.line[at - 1] == b',';
            shape.mark(self.line, at, Bytes(if counted { 3 } else { 2 }));
        }
        let place = if in_object { key.map_or(Place::Nowhere, Place::At) } else { self.element(at, is_object)? };
        self.stack.push(Container { is_object, place, seen: 0, elements: 0 });
        if !is_object && let Some(array) = self.array(place) {
            self.first_element(array, number, at)?;
        }
        Some(())
    }

    /// The place of a container that is an element of the innermost array.
    fn element(&mut self, at: usize, is_object: bool) -> Option<Place> {
        let outer = self.stack.last_mut()?;
        let Place::At(node) = outer.place else { return Some(Place::Nowhere) };
        let array = &self.plan.nodes[node];
        let number = outer.elements;
        outer.elements += 1;
        if array.member.is_some() {
            if !is_object || (number == 0 && self.line[at - 1] != b'[') {
                // An element that is no object ends the search.
                outer.place = Place::Nowhere;
                return Some(Place::Nowhere);
            }
            return Some(Place::Element { array: node, named: false, early: false, node: None });
        }
        if number == 0 && self.line[at - 1] != b'[' && !array.elements.is_empty() {
            // Scalars before it are not counted.
            return if array.elements.iter().any(|(wanted, _)| *wanted > 0) { None } else { Some(Place::Nowhere) };
        }
        Some(array.element(number).map_or(Place::Nowhere, Place::At))
    }

    /// What an array's first element is, if that is a scalar, or the whole of it.
    fn first_element(&mut self, array: &Node, number: usize, at: usize) -> Option<()> {
        let first = *self.line.get(at + 1)?;
        if let Some(slot) = array.whole {
            let (list, end) = scalar::list(self.line, at, self.slots)?;
            self.slots.values[slot] = list;
            let asked = self.plan.conditions[slot].value || self.plan.conditions[slot].presence;
            if let Some(shape) = &mut self.shape {
                // Its value begins where the bracket is: one byte behind the mark before, if that is a key's.
                shape.is_incomplete |= self.line[at - 1] != b':';
                shape.sources.push(Source { slot, mark: number.wrapping_sub(1), whole: true });
                if asked {
                    shape.text(self.line, number, at, at..end);
                }
            }
        }
        if array.elements.iter().any(|(wanted, _)| *wanted > 0) {
            match (first, &mut self.shape) {
                (b'{' | b'[', _) | (b']', None) => {}
                (b']', Some(shape)) => shape.text(self.line, number, at, at + 1..at + 2),
                _ => return None,
            }
        }
        if let Some(slot) = array.element(0).and_then(|node| self.plan.nodes[node].slot) {
            self.scalar(slot, number, at)?;
        }
        Some(())
    }

    fn close(&mut self, at: usize) -> Option<()> {
        let inner = self.stack.pop()?;
        if inner.is_object != (self.line[at] == b'}') {
            return None;
        }
        if let Some(shape) = &mut self.shape {
            shape.mark(self.line, at, Bytes(1));
        }
        let Some(outer) = self.stack.last_mut() else { return Some(()) };
        let Place::At(node) = outer.place else { return Some(()) };
        let array = &self.plan.nodes[node];
        if outer.is_object || !array.is_array() {
            return Some(());
        }
        let wants_more = array.elements.iter().any(|(wanted, _)| *wanted >= outer.elements);
        if self.line.get(at + 1) == Some(&b']') {
            if let Some(shape) = &mut self.shape
                && wants_more
            {
                let mark = shape.marks() - 1;
                shape.text(self.line, mark, at, at + 1..at + 2);
            }
            return Some(());
        }
        // Behind an element there is another container, or a scalar: which ends a search, and is not counted.
        if matches!(self.line.get(at + 2), Some(b'{' | b'[')) {
            return Some(());
        }
        if wants_more {
            return None;
        }
        outer.place = Place::Nowhere;
        if let Some(shape) = &mut self.shape {
            shape.is_incomplete = true;
        }
        Some(())
    }

    /// Whether the key before the colon at `at` is this one. It has no escapes that spell it.
    fn is_key(&self, at: usize, key: &str) -> bool {
        let Some(from) = at.checked_sub(key.len() + 3) else { return false };
        let text = &self.line[from..at];
        matches!(text[0], b'{' | b',')
            && text[1] == b'"'
            && text[text.len() - 1] == b'"'
            && text[2..text.len() - 1] == *key.as_bytes()
    }

    fn key(&mut self, number: usize, at: usize) -> Option<()> {
        self.key = None;
        let plan = self.plan;
        let container = self.stack.last()?;
        let (keys, array): (&[(String, NodeId)], Option<&Node>) = match container.place {
            Place::Nowhere => (&[], None),
            Place::At(node) => (&plan.nodes[node].keys, None),
            Place::Element { array, node, .. } => {
                (node.map_or(&[], |node| &plan.nodes[node].keys), Some(&plan.nodes[array]))
            }
        };
        if !container.is_object {
            return None;
        }
        if let Some(array) = array {
            let member = array.member.as_deref().unwrap_or_default();
            if self.is_key(at, member) {
                self.note_key(number, at, Some(member), keys, Some(array));
                return self.name(array, number, at);
            }
        }
        let found = keys.iter().position(|(key, _)| self.is_key(at, key));
        self.note_key(number, at, found.map(|i| keys[i].0.as_str()), keys, array);
        if let Place::Element { named: false, .. } = self.stack.last()?.place
            && let Some(array) = array
        {
            // If another element of the projection has this key, its value comes before its name.
            let mut wanted = array.named.iter().flat_map(|(_, node)| &plan.nodes[*node].keys);
            let is_wanted = wanted.any(|(key, _)| self.is_key(at, key));
            if let Place::Element { early, .. } = &mut self.stack.last_mut()?.place {
                *early |= is_wanted;
            }
            return Some(());
        }
        let container = self.stack.last_mut()?;
        let Some(which) = found else { return Some(()) };
        if container.seen >> which & 1 == 1 {
            return None;
        }
        container.seen |= 1 << which;
        let child = keys[which].1;
        match self.line.get(at + 1)? {
            b'{' | b'[' => self.key = Some(child),
            _ => {}
        }
        if let Some(slot) = plan.nodes[child].slot {
            self.scalar(slot, number, at)?;
        }
        Some(())
    }

    /// The member that identifies elements.
    fn name(&mut self, array: &Node, number: usize, at: usize) -> Option<()> {
        let (text, escaped) = match self.line.get(at + 1) {
            Some(b'"') => scalar::string(self.line, at + 1)?,
            _ => (0..0, true),
        };
        if let Some(shape) = &mut self.shape {
            shape.is_incomplete |= escaped;
            // The first bytes are enough if no projected name begins with them.
            let token = &self.line[at + 1..text.end.max(at) + 1];
            let alike = |(name, _): &(String, NodeId)| {
                let name = format!("\"{name}\"");
                name.bytes().zip(token).take(8).all(|(a, b)| a == *b)
            };
            let count = if array.named.iter().any(alike) { token.len() } else { token.len().min(8) };
            shape.text(self.line, number, at, at + 1..at + 1 + count);
        }
        if escaped && !text.is_empty() {
            return None;
        }
        let which = array.named.iter().position(|(wanted, _)| wanted.as_bytes() == &self.line[text.clone()]);
        let which = which.filter(|_| !escaped);
        let depth = self.stack.len();
        let decided = self.stack.get(depth.checked_sub(2)?)?.seen;
        let which = which.filter(|which| decided >> which & 1 == 0);
        self.stack[depth - 2].seen |= which.map_or(0, |which| 1 << which);
        let Place::Element { named, early, node, .. } = &mut self.stack[depth - 1].place else { return None };
        if *named || (*early && which.is_some()) {
            return None;
        }
        (*named, *node) = (true, which.map(|which| array.named[which].1));
        Some(())
    }

    /// The value of a slot, one byte behind a mark.
    fn scalar(&mut self, slot: usize, number: usize, at: usize) -> Option<()> {
        let value = scalar::value(self.line, at + 1, self.slots)?;
        let asked = self.plan.conditions[slot];
        if let Some(shape) = &mut self.shape {
            shape.sources.push(Source { slot, mark: number, whole: false });
            let first = self.line[at + 1];
            if !matches!(first, b'{' | b'[') && (asked.value || asked.presence) {
                let end = match first {
                    b'"' => scalar::string(self.line, at + 1)?.0.end + 1,
                    b']' => at + 2,
                    // With what is behind it.
                    _ => at + 2 + self.line[at + 2..].iter().position(|b| matches!(b, b',' | b'}' | b']'))? + 1,
                };
                if asked.value {
                    shape.text(self.line, number, at, at + 1..end);
                } else if first != b'"' && first != b']' {
                    self.presence = Some(at + 1..end);
                }
                if first == b']' {
                    shape.text(self.line, number, at, at + 1..end);
                }
            }
        }
        self.slots.values[slot] = value;
        Some(())
    }

    /// Records what distinguishes the key at a colon from the projected ones.
    fn note_key(
        &mut self,
        number: usize,
        at: usize,
        found: Option<&str>,
        keys: &[(String, NodeId)],
        array: Option<&Node>,
    ) {
        let (line, plan) = (self.line, self.plan);
        let Some(shape) = &mut self.shape else { return };
        let of_array = array.map(|array| {
            let named = array.named.iter().flat_map(|(_, node)| plan.nodes[*node].keys.iter());
            named.map(|(key, _)| key.as_str()).chain(array.member.as_deref())
        });
        let mut wanted: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
        wanted.extend(of_array.into_iter().flatten());
        if wanted.is_empty() {
            return shape.mark(line, at, Bytes(1));
        }
        // From the last quote before the closing one on, or its last six bytes.
        let text = &line[..at - 1];
        let quote = text.iter().rposition(|&b| b == b'"').unwrap_or_default();
        let count = (at + 1 - quote).min(8);
        let tail = &line[at + 1 - count..=at];
        shape.mark(line, at, Bytes(count as u32));
        let alike = |key: &&str| {
            let key = format!("\"{key}\":");
            let count = key.len().min(tail.len());
            key.as_bytes()[key.len() - count..] == tail[tail.len() - count..]
        };
        if found.is_some() || wanted.iter().any(alike) {
            // The whole key, with what stands in front of it. If that is no `{` or comma, its quote is escaped.
            let before = quote.wrapping_sub(1);
            if matches!(line.get(before), Some(b'{' | b',')) {
                shape.text(line, number, at, before..at + 1);
            } else {
                shape.is_incomplete = true;
            }
        }
    }
}

/// The value of a source in a line of the shape.
#[inline(always)]
pub(super) fn source(line: &[u8], marks: &[u32], source: Source, slots: &mut Slots) -> Option<Value> {
    let at = *marks.get(source.mark)? as usize + 1;
    if source.whole { Some(scalar::list(line, at, slots)?.0) } else { scalar::value(line, at, slots) }
}
