//! One line, by whichever way takes it.
//!
//! Of duplicate keys in an object the last wins. Of the elements of an array with the same name the first counts.

use illshell_ingest_simd::{Isa, Spelling, Structure};

use super::{
    memo::{Found, Memo},
    strict,
    value::{Slots, Which},
    visit,
};
use crate::{guard, projection::plan::Plan};

// The structural pass leaves no number that the other way would not vouch for.
const _: () = assert!(illshell_ingest_simd::MAX_DIGITS <= guard::MAX_DIGITS);

pub(crate) enum Decoded {
    /// A wanted event, whose values are in the slots.
    Event(Which),
    /// A JSON object that is no wanted event.
    Unwanted,
    /// Not vouched for.
    Deferred,
}

pub(crate) struct Decoder {
    pub(crate) plan: Plan,
    pub(crate) slots: Slots,
    fast: Option<(Structure, Memo)>,
    strict: bool,
}

impl Decoder {
    /// `isa`: of the fast way; `None` goes the other way alone.
    pub(crate) fn new(plan: Plan, strict: bool, isa: Option<Isa>) -> Self {
        // Duplicate keys are not seen on the fast way.
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
                Found::Unwanted => return Decoded::Unwanted,
                Found::Odd => {}
            }
        }
        self.slowly(line)
    }

    fn slowly(&mut self, line: &[u8]) -> Decoded {
        let Ok(text) = simdutf8::basic::from_utf8(line) else { return Decoded::Deferred };
        if guard::too_many_digits(line) || (self.strict && !strict::unique_keys(text)) {
            return Decoded::Deferred;
        }
        self.slots.clear();
        if !visit::read(text, &self.plan, &mut self.slots) {
            return Decoded::Deferred;
        }
        self.slots.event(line, &self.plan).map_or(Decoded::Unwanted, Decoded::Event)
    }
}
