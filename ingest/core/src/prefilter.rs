//! The prefilter: skips lines that can't be selected events without decoding them.
//!
//! A selected event spells one of its dialect's needles in its line: literally, or with at least one escape. So a line
//! that holds neither a needle nor an escape that stands for a byte of one cannot be a selected event. The search looks
//! at raw bytes and only ever errs towards decoding. A quote at either end of a needle is JSON's own, which no escape
//! stands for.
//!
//! There are two searches with the same result. Where the processor and the needles allow, one scan marks line ends,
//! backslashes and likely needles together ([`illshell_ingest_simd::scan`]). Otherwise each needle is searched for by
//! itself, with searches that are vectorised on every platform.

use aho_corasick::AhoCorasick;
use illshell_ingest_simd::{Fingerprints, Isa, scan};
use memchr::{memchr, memchr_iter, memmem::Finder};

/// More needles than this are searched for all at once.
const FINDERS: usize = 4;

pub(crate) enum Prefilter {
    /// Every line is a candidate.
    Off,
    Scan(Box<Scan>),
    Search(Vec<Cursor>),
}

impl Prefilter {
    /// `names`: the needles. `isa`: the instruction set of the marker scan, which is used where it is faster than the
    /// separate searches.
    pub(crate) fn new(names: &[String], isa: Option<Isa>) -> Self {
        if names.iter().any(String::is_empty) {
            return Self::Off;
        }
        let escapes = Escapes::new(names);
        if let Some(isa) = isa
            && let Some(scan) = Scan::new(names, &escapes, isa)
        {
            return Self::Scan(Box::new(scan));
        }
        let mut needles = Vec::new();
        if names.len() <= FINDERS {
            needles.extend(names.iter().map(|name| Needle::Name(Finder::new(name).into_owned())));
        } else {
            match AhoCorasick::new(names) {
                Ok(automaton) => needles.push(Needle::Names(Box::new(automaton))),
                Err(_) => return Self::Off,
            }
        }
        needles.push(Needle::Escape(Finder::new(b"\\u00").into_owned(), escapes));
        Self::Search(needles.into_iter().map(|needle| Cursor { needle, next: 0 }).collect())
    }

    /// Whether a line is a candidate.
    pub(crate) fn is_candidate(&mut self, line: &[u8]) -> bool {
        let mut is_candidate = false;
        self.lines(line, |_, _, candidate| is_candidate = candidate);
        is_candidate
    }

    /// Calls `handle` with the start and the end of every line of `window` (the place of its newline, or the window's
    /// end) and whether it is a candidate.
    pub(crate) fn lines(&mut self, window: &[u8], mut handle: impl FnMut(usize, usize, bool)) {
        match self {
            Self::Off => {
                let mut start = 0;
                for end in memchr_iter(b'\n', window).chain(unended(window)) {
                    handle(start, end, true);
                    start = end + 1;
                }
            }
            Self::Scan(scan) => scan.lines(window, handle),
            Self::Search(cursors) => {
                for cursor in &mut *cursors {
                    cursor.next = cursor.needle.find(window, 0);
                }
                let mut start = 0;
                for end in memchr_iter(b'\n', window).chain(unended(window)) {
                    let mut candidate = false;
                    for cursor in cursors.iter_mut().filter(|cursor| cursor.next < end) {
                        candidate = true;
                        cursor.next = cursor.needle.find(window, end);
                    }
                    handle(start, end, candidate);
                    start = end + 1;
                }
            }
        }
    }
}

/// The end of a last line that has no newline.
pub(crate) fn unended(window: &[u8]) -> Option<usize> {
    window.last().is_some_and(|&b| b != b'\n').then_some(window.len())
}

/// Which escapes may spell a byte of a name.
#[derive(Clone)]
enum Escapes {
    /// `\u00XX` with a value in the set.
    Values(Box<[bool; 256]>),
    /// Any backslash.
    Any,
}

impl Escapes {
    fn new(names: &[String]) -> Self {
        // Bytes that JSON can write as themselves or as `\u00XX`, and in no other way.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':' | b' ');
        let mut values = Box::new([false; 256]);
        for byte in names.iter().flat_map(|name| name.trim_matches('"').bytes()) {
            if !plain(byte) {
                return Self::Any;
            }
            values[byte as usize] = true;
        }
        Self::Values(values)
    }

    /// Whether the backslash at the beginning of `text` may begin such an escape.
    fn at(&self, text: &[u8]) -> bool {
        let Self::Values(values) = self else { return true };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match *text {
            [_, b'u', b'0', b'0', high, low, ..] => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => values[(high * 16 + low) as usize],
                _ => false,
            },
            _ => false,
        }
    }
}

pub(crate) struct Scan {
    isa: Isa,
    prints: Fingerprints,
    /// By the byte that is marked: the needles, and where in them it is.
    needles: Vec<Vec<(usize, Box<[u8]>)>>,
    escapes: Escapes,
    marks: Vec<u32>,
}

impl Scan {
    /// `None` if a needle has no two bytes to look for.
    fn new(names: &[String], escapes: &Escapes, isa: Isa) -> Option<Self> {
        let bytes: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
        let (prints, places) = Fingerprints::choose(&bytes)?;
        let mut needles = vec![Vec::new(); 256];
        for (name, place) in bytes.iter().zip(places) {
            needles[usize::from(name[place])].push((place, Box::from(*name)));
        }
        Some(Self { isa, prints, needles, escapes: escapes.clone(), marks: Vec::new() })
    }

    fn lines(&mut self, window: &[u8], mut handle: impl FnMut(usize, usize, bool)) {
        self.marks.clear();
        scan(self.isa, window, &self.prints, &mut self.marks);
        let (mut start, mut candidate) = (0, false);
        for &mark in &self.marks {
            let mark = mark as usize;
            match window[mark] {
                b'\n' => {
                    handle(start, mark, candidate);
                    (start, candidate) = (mark + 1, false);
                }
                _ if candidate => {}
                b'\\' => candidate = self.escapes.at(&window[mark..]),
                byte => {
                    candidate = self.needles[usize::from(byte)].iter().any(|(place, needle)| {
                        mark.checked_sub(*place).is_some_and(|from| window[from..].starts_with(needle))
                    });
                }
            }
        }
        if start < window.len() {
            handle(start, window.len(), candidate);
        }
    }
}

/// A search with the place of its next occurrence in the window.
pub(crate) struct Cursor {
    needle: Needle,
    next: usize,
}

enum Needle {
    Name(Finder<'static>),
    Names(Box<AhoCorasick>),
    Escape(Finder<'static>, Escapes),
}

impl Needle {
    fn find(&self, window: &[u8], from: usize) -> usize {
        let rest = &window[from..];
        let found = match self {
            Self::Name(finder) => finder.find(rest),
            Self::Names(automaton) => automaton.find(rest).map(|found| found.start()),
            Self::Escape(_, Escapes::Any) => memchr(b'\\', rest),
            Self::Escape(finder, escapes) => finder.find_iter(rest).find(|&at| escapes.at(&rest[at..])),
        };
        found.map_or(usize::MAX, |at| from + at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(mut prefilter: Prefilter, window: &[u8]) -> Vec<(usize, usize, bool)> {
        let mut lines = Vec::new();
        prefilter.lines(window, |start, end, candidate| lines.push((start, end, candidate)));
        lines
    }

    fn naive(names: &[String], window: &[u8]) -> Vec<(usize, usize, bool)> {
        let escapes = Escapes::new(names);
        let mut start = 0;
        let mut lines = Vec::new();
        for line in window.split(|&b| b == b'\n') {
            let has = |name: &String| line.windows(name.len()).any(|part| part == name.as_bytes());
            let escaped = (0..line.len()).any(|at| line[at] == b'\\' && escapes.at(&line[at..]));
            lines.push((start, start + line.len(), names.iter().any(has) || escaped));
            start += line.len() + 1;
        }
        if lines.last().is_some_and(|(start, end, _)| start == end) {
            lines.pop();
        }
        lines
    }

    fn check(names: &[&str], window: &[u8]) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        for fast in [None, Some(Isa::portable()), Some(Isa::best())] {
            let found = run(Prefilter::new(&names, fast), window);
            assert_eq!(found, naive(&names, window), "{fast:?}, {names:?} in {:?}", window.escape_ascii().to_string());
        }
    }

    const SETS: &[&[&str]] = &[
        &["security_bprm_check", "sched_process_exec"],
        &["sched_process_exec"],
        &["close"],
        &["a"],
        &["a/b", "a_b"],
        &["\u{e9}xec"],
        &["read", "write", "close", "openat", "exec"],
        &["\"exec\"", "100701"],
        &[],
    ];

    #[test]
    fn seeds_at_every_shift() {
        let seeds = [
            "security_bprm_check",
            "sched_process_exec",
            "sched_process_exe",
            "_bprm_check",
            r"\u0073ched",
            r"\u003c",
            r"\u00",
            r"\",
            r"\u007",
            "close\nclose",
            "\n\n",
            "a",
            "\u{e9}xec",
            r"\u005F",
            r"\\u0061",
        ];
        for set in SETS {
            for seed in seeds {
                for shift in (0..4).chain(20..34).chain(44..66) {
                    for tail in ["", "\n", "tail\n", "sched_process_exec"] {
                        check(set, [&b".".repeat(shift)[..], seed.as_bytes(), tail.as_bytes()].concat().as_slice());
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_text(
            parts in prop::collection::vec(prop::sample::select(vec![
                "\n", "\\", "\\u00", "61", "7", "_", "exec", "sched_process_", "sched_process_exec", "security_bprm_check",
                "close", "a/b", "\u{e9}", "........................", "c", "s", "\r",
            ]), 0..60),
            set in 0..SETS.len(),
        ) {
            check(SETS[set], parts.concat().as_bytes());
        }
    }
}
