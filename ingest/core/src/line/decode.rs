//! Decodes one line, by the fast path or by serde_json.
//!
//! Of duplicate keys in an object the last wins. Of the elements of an array with the same name the first counts.

use std::sync::Arc;

use illshell_ingest_simd::{Isa, Spelling, Structure};

use super::{
    memo::{Found, Memo},
    strict,
    value::{EventIndex, Slots},
    visit,
};
use crate::{limits, projection::plan::Plan};

// The fast path must accept no number that the serde_json path would defer.
const _: () = assert!(illshell_ingest_simd::MAX_DIGITS <= limits::MAX_DIGITS);

pub(crate) enum Decoded {
    /// A selected event, whose values are in the slots.
    Event(EventIndex),
    /// A JSON object that is not a selected event.
    NotSelected,
    /// Left to the caller.
    Deferred,
}

pub(crate) struct Decoder {
    pub(crate) plan: Arc<Plan>,
    pub(crate) slots: Slots,
    fast: Option<(Structure, Memo)>,
    strict: bool,
}

impl Decoder {
    /// `isa`: the instruction set of the fast path; `None` uses serde_json only.
    pub(crate) fn new(plan: Arc<Plan>, strict: bool, isa: Option<Isa>) -> Self {
        // The fast path does not detect duplicate keys.
        let isa = isa.filter(|_| !strict);
        let fast = isa.map(|isa| (Structure::new(isa, Spelling::of(plan.spellings())), Memo::new()));
        Self { slots: Slots::new(plan.slots), plan, fast, strict }
    }

    /// Decodes `line`, which begins with `{` and ends with `}`.
    #[inline]
    pub(crate) fn decode(&mut self, line: &[u8]) -> Decoded {
        if let Some((structure, memo)) = &mut self.fast
            && let Some(marks) = structure.marks(line)
        {
            match memo.find(line, marks, &self.plan, &mut self.slots) {
                Found::Event(which) => return Decoded::Event(which),
                Found::NotSelected => return Decoded::NotSelected,
                Found::Unsupported => {}
            }
        }
        self.decode_with_serde(line)
    }

    fn decode_with_serde(&mut self, line: &[u8]) -> Decoded {
        let Ok(text) = simdutf8::basic::from_utf8(line) else { return Decoded::Deferred };
        if limits::too_many_digits(line) || (self.strict && !strict::unique_keys(text)) {
            return Decoded::Deferred;
        }
        self.slots.clear();
        if !visit::read(text, &self.plan, &mut self.slots) {
            return Decoded::Deferred;
        }
        self.slots.event(line, &self.plan).map_or(Decoded::NotSelected, Decoded::Event)
    }
}
