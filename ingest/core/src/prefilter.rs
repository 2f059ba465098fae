//! Which lines are worth decoding.
//!
//! An event with a wanted name spells it in its line: literally, or with at least one escape. So a line that holds
//! neither a wanted name nor an escape that stands for a byte of one cannot be a wanted event. The search looks at
//! raw bytes and only ever errs towards decoding.
//!
//! There are two ways to search, with the same answer. Where the processor and the names allow, one sweep marks
//! line ends, backslashes and likely names together ([`illshell_ingest_sweep`]). Elsewhere each is searched for by
//! itself, with searches that are vectorised on every platform.

use aho_corasick::AhoCorasick;
use illshell_ingest_sweep::{MAX_DISTANCE, Pair, is_fast, sweep};
use memchr::{memchr, memchr_iter, memmem::Finder};

/// More names than this are searched for all at once.
const FINDERS: usize = 4;

pub(crate) enum Prefilter {
    /// Every line is a candidate.
    Off,
    Sweep(Sweep),
    Search(Vec<Cursor>),
}

impl Prefilter {
    pub(crate) fn new(names: Option<&[String]>) -> Self {
        Self::choose(names, is_fast())
    }

    fn choose(names: Option<&[String]>, fast: bool) -> Self {
        let Some(names) = names.filter(|names| names.iter().all(|name| !name.is_empty())) else {
            return Self::Off;
        };
        let escapes = Escapes::new(names);
        if fast && let Some(sweep) = Sweep::new(names, &escapes) {
            return Self::Sweep(sweep);
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

    /// Calls `each` with the start and the end of every line of `window` (the place of its newline, or the window's
    /// end) and whether it is a candidate.
    pub(crate) fn lines(&mut self, window: &[u8], mut each: impl FnMut(usize, usize, bool)) {
        match self {
            Self::Off => {
                let mut start = 0;
                for end in memchr_iter(b'\n', window).chain(unended(window)) {
                    each(start, end, true);
                    start = end + 1;
                }
            }
            Self::Sweep(sweep) => sweep.lines(window, each),
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
                    each(start, end, candidate);
                    start = end + 1;
                }
            }
        }
    }
}

/// The end of a last line that has no newline.
fn unended(window: &[u8]) -> Option<usize> {
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
        for byte in names.iter().flat_map(|name| name.bytes()) {
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

pub(crate) struct Sweep {
    pair: Pair,
    /// The names, and where the pair lies in them.
    names: Vec<(usize, Box<[u8]>)>,
    escapes: Escapes,
    marks: Vec<u32>,
}

impl Sweep {
    /// `None` if no pair is in all of the names.
    fn new(names: &[String], escapes: &Escapes) -> Option<Self> {
        let pair = pairs(names.first()?)
            .filter(|pair| names.iter().all(|name| pairs(name).any(|other| other == *pair)))
            .min_by_key(|pair| weight(pair.first) * weight(pair.second))?;
        let names = names.iter().flat_map(|name| {
            let places = (0..name.len()).filter(|&at| holds(name.as_bytes(), at, pair));
            places.map(|at| (at, name.as_bytes().into()))
        });
        Some(Self { pair, names: names.collect(), escapes: escapes.clone(), marks: Vec::new() })
    }

    fn lines(&mut self, window: &[u8], mut each: impl FnMut(usize, usize, bool)) {
        self.marks.clear();
        sweep(window, self.pair, &mut self.marks);
        let (mut start, mut candidate) = (0, false);
        for &mark in &self.marks {
            let mark = mark as usize;
            match window[mark] {
                b'\n' => {
                    each(start, mark, candidate);
                    (start, candidate) = (mark + 1, false);
                }
                _ if candidate => {}
                b'\\' => candidate = self.escapes.at(&window[mark..]),
                _ => {
                    candidate = self.names.iter().any(|(place, name)| {
                        mark.checked_sub(*place).is_some_and(|from| window[from..].starts_with(name))
                    });
                }
            }
        }
        if start < window.len() {
            each(start, window.len(), candidate);
        }
    }
}

fn holds(name: &[u8], at: usize, pair: Pair) -> bool {
    name[at] == pair.first && name.get(at + pair.distance) == Some(&pair.second)
}

/// The pairs of plain bytes in `name`.
fn pairs(name: &str) -> impl Iterator<Item = Pair> {
    let name = name.as_bytes();
    let usable = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    (0..name.len()).flat_map(move |at| {
        (1..=MAX_DISTANCE.min(name.len() - 1 - at)).filter_map(move |distance| {
            let (first, second) = (name[at], name[at + distance]);
            (usable(first) && usable(second)).then_some(Pair { first, second, distance })
        })
    })
}

/// How common a byte is in events, roughly. It only decides how fast the search is.
fn weight(byte: u8) -> u32 {
    match byte {
        b'e' | b'a' | b't' | b'i' | b'n' | b'o' | b's' | b'r' | b'0'..=b'9' | b'"' | b',' => 8,
        b'd' | b'p' | b'c' | b'u' | b'l' | b'm' | b':' | b'/' => 5,
        b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'{' | b'}' => 3,
        b'_' => 2,
        _ => 1,
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
        for fast in [false, true] {
            let found = run(Prefilter::choose(Some(&names), fast), window);
            assert_eq!(
                found,
                naive(&names, window),
                "fast {fast}, {names:?} in {:?}",
                window.escape_ascii().to_string()
            );
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

    #[test]
    fn one_pair_serves_both_default_names() {
        let names = ["security_bprm_check".to_owned(), "sched_process_exec".to_owned()];
        let sweep = Sweep::new(&names, &Escapes::new(&names)).expect("a pair");
        assert_eq!(sweep.pair, Pair { first: b'_', second: b'c', distance: 4 });
    }
}
