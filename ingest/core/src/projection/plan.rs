//! A projection compiled: one automaton over all paths of all dialects.
//!
//! Its nodes are places in a JSON text. A value that a condition or field reads goes to a slot. The slots of all that
//! lies below a node are contiguous, so that a duplicate key can clear the values of the earlier one.

use std::ops::Range;

use super::{Column, EventName, Location, Parsed, Scalar, path::Step};
use crate::error::ConfigError;

pub(crate) type NodeId = usize;

/// The node of the line itself.
pub(crate) const ROOT: NodeId = 0;

/// The most projected keys of one object, and elements of one array.
pub(crate) const MAX_CHILDREN: usize = 128;

#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Takes the value, if it is no container.
    pub(crate) slot: Option<usize>,
    /// Of an object.
    pub(crate) keys: Vec<(String, NodeId)>,
    /// Of an array: elements by number.
    pub(crate) elements: Vec<(usize, NodeId)>,
    /// Of an array: the elements of its objects that have this member with one of these texts.
    pub(crate) member: Option<String>,
    pub(crate) named: Vec<(String, NodeId)>,
    /// Takes an array of scalars as a whole.
    pub(crate) whole: Option<usize>,
    /// All slots from here down.
    pub(crate) slots: Range<usize>,
}

impl Node {
    /// Whether the elements of an array matter.
    pub(crate) fn is_array(&self) -> bool {
        !self.elements.is_empty() || self.member.is_some() || self.whole.is_some()
    }

    #[inline]
    pub(crate) fn key(&self, key: &[u8]) -> Option<(usize, NodeId)> {
        self.keys.iter().position(|(wanted, _)| wanted.as_bytes() == key).map(|i| (i, self.keys[i].1))
    }

    pub(crate) fn element(&self, number: usize) -> Option<NodeId> {
        self.elements.iter().find(|(wanted, _)| *wanted == number).map(|(_, node)| *node)
    }
}

pub(crate) enum Name {
    NotSelected,
    /// An index into the names.
    Fixed(i32),
    At(usize),
}

pub(crate) struct Event {
    pub(crate) name: Name,
    pub(crate) when: Vec<(usize, Option<Vec<Scalar>>)>,
}

pub(crate) struct Dialect {
    /// An index into the names of dialects.
    pub(crate) name: usize,
    pub(crate) events: Vec<Event>,
    pub(crate) fields: Vec<Vec<(usize, Location)>>,
    pub(crate) missing: Vec<Vec<Scalar>>,
    pub(crate) default: Vec<Option<String>>,
}

pub(crate) struct Plan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) slots: usize,
    pub(crate) columns: Vec<Column>,
    pub(crate) dialects: Vec<Dialect>,
    /// Event names that stand in the projection.
    pub(crate) event_names: Vec<String>,
    pub(crate) dialect_names: Vec<String>,
    /// For each slot, whether a condition reads its value, and whether one tests its presence.
    pub(crate) conditions: Vec<Asked>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) value: bool,
    pub(crate) presence: bool,
}

impl Plan {
    pub(crate) fn new(projection: &Parsed) -> Result<Self, ConfigError> {
        let mut nodes = Nodes(vec![Node::default()]);
        for path in paths(projection) {
            nodes.add(path).map_err(|reason| ConfigError::Projection { reason })?;
        }
        let mut slots = 0;
        nodes.number(ROOT, &mut slots);
        let slot_of = |path: &[Step]| nodes.slot(path);
        let mut conditions = vec![Asked::default(); slots];
        let (mut event_names, mut dialect_names) = (Vec::new(), Vec::new());
        let mut dialects = Vec::new();
        for dialect in &projection.dialects {
            let mut events = Vec::new();
            for event in &dialect.events {
                let name = match &event.name {
                    EventName::NotSelected => Name::NotSelected,
                    EventName::Fixed(name) => Name::Fixed(index_of(&mut event_names, name) as i32),
                    EventName::At(path) => Name::At(slot_of(path)),
                };
                let when = event.when.iter().map(|condition| {
                    let slot = slot_of(&condition.path);
                    match condition.values {
                        Some(_) => conditions[slot].value = true,
                        None => conditions[slot].presence = true,
                    }
                    (slot, condition.values.clone())
                });
                events.push(Event { name, when: when.collect() });
            }
            let places = |places: &Vec<Location>| places.iter().map(|l| (slot_of(&l.path), l.clone())).collect();
            dialects.push(Dialect {
                name: index_of(&mut dialect_names, &dialect.name),
                events,
                fields: dialect.fields.iter().map(places).collect(),
                missing: dialect.missing.clone(),
                default: dialect.default.clone(),
            });
        }
        Ok(Self {
            nodes: nodes.0,
            slots,
            columns: projection.columns.clone(),
            dialects,
            event_names,
            dialect_names,
            conditions,
        })
    }

    /// What is compared with a line's own spelling: keys.
    pub(crate) fn spellings(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().flat_map(|node| {
            let keys = node.keys.iter().map(|(key, _)| key.as_str());
            keys.chain(node.member.as_deref())
        })
    }
}

fn index_of(list: &mut Vec<String>, name: &str) -> usize {
    list.iter().position(|known| known == name).unwrap_or_else(|| {
        list.push(name.to_owned());
        list.len() - 1
    })
}

fn paths(projection: &Parsed) -> impl Iterator<Item = &[Step]> {
    projection.dialects.iter().flat_map(|dialect| {
        let conditions = dialect.events.iter().flat_map(|event| {
            let at = if let EventName::At(path) = &event.name { Some(path.as_slice()) } else { None };
            event.when.iter().map(|condition| condition.path.as_slice()).chain(at)
        });
        conditions.chain(dialect.fields.iter().flatten().map(|location| location.path.as_slice()))
    })
}

struct Nodes(Vec<Node>);

impl Nodes {
    fn add(&mut self, path: &[Step]) -> Result<(), String> {
        let mut at = ROOT;
        for step in path {
            if *step == Step::Whole {
                self.0[at].whole = Some(0);
                return Ok(());
            }
            at = match self.child(at, step) {
                Some(child) => child,
                None => self.grow(at, step)?,
            };
        }
        self.0[at].slot = Some(0);
        Ok(())
    }

    fn child(&self, at: NodeId, step: &Step) -> Option<NodeId> {
        let node = &self.0[at];
        match step {
            Step::Key(key) => node.key(key.as_bytes()).map(|(_, child)| child),
            Step::Index(number) => node.element(*number),
            Step::Element { member, text } => {
                let same = |(wanted, _): &&(String, NodeId)| node.member.as_ref() == Some(member) && wanted == text;
                node.named.iter().find(same).map(|(_, child)| *child)
            }
            Step::Whole => None,
        }
    }

    fn grow(&mut self, at: NodeId, step: &Step) -> Result<NodeId, String> {
        let child = self.0.len();
        let node = &mut self.0[at];
        match step {
            Step::Key(key) => node.keys.push((key.clone(), child)),
            Step::Index(number) => node.elements.push((*number, child)),
            Step::Element { member, text } => {
                if node.member.as_ref().is_some_and(|known| known != member) {
                    return Err(format!("elements of one array by {member:?} and by another member"));
                }
                node.member = Some(member.clone());
                node.named.push((text.clone(), child));
            }
            Step::Whole => {}
        }
        if node.member.is_some() && !node.elements.is_empty() {
            return Err("elements of one array by number and by a member".to_owned());
        }
        if node.keys.len() > MAX_CHILDREN || node.named.len() > MAX_CHILDREN || node.elements.len() > MAX_CHILDREN {
            return Err(format!("more than {MAX_CHILDREN} fields of one object or array"));
        }
        self.0.push(Node::default());
        Ok(child)
    }

    fn number(&mut self, at: NodeId, next: &mut usize) {
        let from = *next;
        let node = &mut self.0[at];
        for slot in [&mut node.slot, &mut node.whole].into_iter().flatten() {
            *slot = *next;
            *next += 1;
        }
        let lists = [node.keys.iter().map(|(_, child)| *child).collect(), node.named.iter().map(|(_, c)| *c).collect()];
        let children: Vec<NodeId> = node.elements.iter().map(|(_, child)| *child).collect();
        for child in lists.into_iter().flat_map(|list: Vec<NodeId>| list).chain(children) {
            self.number(child, next);
        }
        self.0[at].slots = from..*next;
    }

    /// The slot of a path that was added.
    fn slot(&self, path: &[Step]) -> usize {
        let mut at = ROOT;
        for step in path {
            if *step == Step::Whole {
                return self.0[at].whole.unwrap_or_default();
            }
            at = self.child(at, step).unwrap_or(ROOT);
        }
        self.0[at].slot.unwrap_or_default()
    }
}
