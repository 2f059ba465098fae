//! A cache of shapes: a line of a known shape needs no walk.
//!
//! Sensors write events of a kind with the same keys in the same order. So a few shapes cover most lines, whatever
//! the number of dialects and fields: a shape knows the event that its lines are, and where its fields lie.

use illshell_ingest_simd::Marks;

use super::{
    scalar,
    shape::{Shape, Source},
    value::{EventIndex, Slots, Value},
    walk,
};
use crate::projection::plan::{Name, Plan};

/// Buckets of the cache, each with two shapes.
const BUCKETS: usize = 128;

/// A line with more marks than this is walked each time.
const MAX_MARKS: usize = 1024;

struct Known {
    shape: Shape,
    which: Option<EventIndex>,
    /// Where the values of the event's fields lie.
    sources: Vec<Source>,
    /// Slots of its fields that lines of this shape do not have.
    absent: Vec<usize>,
}

#[derive(Default)]
struct Bucket {
    known: [Option<Box<Known>>; 2],
    /// The hash of the last line that matched no shape here. A shape is kept for the second such line, so that lines
    /// that are all different cost no more than their walk.
    seen: u64,
}

pub(super) struct Memo {
    buckets: Vec<Bucket>,
}

pub(super) enum Found {
    Event(EventIndex),
    NotSelected,
    Unsupported,
}

impl Memo {
    pub(super) fn new() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| Bucket::default()).collect() }
    }

    /// Returns the event of a line, and fills the slots of its fields.
    #[inline]
    pub(super) fn find(&mut self, line: &[u8], marks: Marks<'_>, plan: &Plan, slots: &mut Slots) -> Found {
        let places = marks.places();
        let hash = hash(line, places);
        let bucket = &mut self.buckets[(hash >> 32) as usize % BUCKETS];
        for i in 0..2 {
            if let Some(known) = &bucket.known[i]
                && known.shape.fits(line, marks)
            {
                slots.clear_texts();
                if let Some(found) = known.values(line, places, slots) {
                    if i == 1 {
                        bucket.known.swap(0, 1);
                    }
                    return found;
                }
                break;
            }
        }
        walk_and_learn(line, places, plan, slots, bucket, hash)
    }
}

impl Known {
    /// Fills the slots from a line that fits the shape. `None`: it has to be walked.
    #[inline(always)]
    fn values(&self, line: &[u8], marks: &[u32], slots: &mut Slots) -> Option<Found> {
        let right = |&mark: &u32| marks.get(mark as usize).is_some_and(|&at| scalar::is_right(line, at as usize));
        if !self.shape.scalars.iter().all(right) {
            return None;
        }
        let Some(which) = self.which else { return Some(Found::NotSelected) };
        for &slot in &self.absent {
            slots.values[slot] = Value::Absent;
        }
        for &source in &self.sources {
            slots.values[source.slot] = walk::source(line, marks, source, slots)?;
        }
        Some(Found::Event(which))
    }
}

/// A hash that is equal for lines of one shape, and mostly differs between shapes.
#[inline(always)]
fn hash(line: &[u8], marks: &[u32]) -> u64 {
    let count = marks.len();
    let byte = |part: usize| {
        let at = marks.get(count * part / 4).map_or(0, |&at| at as usize);
        // A bracket, a colon, or what is left out because it differs between lines of one shape.
        line.get(at).filter(|b| b"{}[]:".contains(b)).map_or(0, |&b| u64::from(b))
    };
    let sample = byte(1) | byte(2) << 8 | byte(3) << 16;
    (count as u64 ^ sample << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cold]
#[inline(never)]
fn walk_and_learn(line: &[u8], marks: &[u32], plan: &Plan, slots: &mut Slots, bucket: &mut Bucket, hash: u64) -> Found {
    slots.clear();
    let learn = bucket.seen == hash && marks.len() <= MAX_MARKS;
    bucket.seen = hash;
    let mut shape = learn.then(Shape::default);
    if walk::walk(line, marks, plan, slots, shape.as_mut()).is_none() {
        return Found::Unsupported;
    }
    let which = slots.event(line, plan);
    if let Some(shape) = shape.filter(|shape| !shape.is_incomplete) {
        bucket.known.swap(0, 1);
        bucket.known[0] = Some(Box::new(known(shape, which, plan)));
    }
    which.map_or(Found::NotSelected, Found::Event)
}

fn known(shape: Shape, which: Option<EventIndex>, plan: &Plan) -> Known {
    let mut wanted = vec![false; plan.slots];
    if let Some(which) = which {
        let dialect = &plan.dialects[which.dialect];
        for (slot, _) in dialect.fields.iter().flatten() {
            wanted[*slot] = true;
        }
        if let Name::At(slot) = dialect.events[which.event].name {
            wanted[slot] = true;
        }
    }
    let sources: Vec<Source> = shape.sources.iter().filter(|source| wanted[source.slot]).copied().collect();
    let absent = (0..plan.slots).filter(|slot| wanted[*slot] && sources.iter().all(|source| source.slot != *slot));
    Known { absent: absent.collect(), shape, which, sources }
}
