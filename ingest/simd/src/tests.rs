//! Every instruction set against the portable form, and that against a walk from token to token.

use proptest::prelude::*;

use crate::{Check, Fingerprints, Isa, MAX_DISTANCE, Spelling, Structure, Word, scan};

/// A text that ends where the next page can't be read, and begins where the page before can't be.
struct Guarded {
    base: *mut u8,
    pages: usize,
    length: usize,
}

const PAGE: usize = 4096;

impl Guarded {
    fn new(text: &[u8]) -> Self {
        use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
        let pages = text.len().div_ceil(PAGE).max(1) + 1;
        // SAFETY: a fresh mapping, of which the last page is taken away again.
        unsafe {
            let flags = ProtFlags::READ | ProtFlags::WRITE;
            let base = mmap_anonymous(std::ptr::null_mut(), pages * PAGE, flags, MapFlags::PRIVATE).expect("memory");
            mprotect(base.byte_add((pages - 1) * PAGE), PAGE, MprotectFlags::empty()).expect("a page");
            let guarded = Self { base: base.cast(), pages, length: text.len() };
            std::ptr::copy_nonoverlapping(text.as_ptr(), guarded.start(), text.len());
            guarded
        }
    }

    fn start(&self) -> *mut u8 {
        // SAFETY: within the mapping.
        unsafe { self.base.add((self.pages - 1) * PAGE - self.length) }
    }

    fn text(&self) -> &[u8] {
        // SAFETY: written by `new`.
        unsafe { std::slice::from_raw_parts(self.start(), self.length) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping of `new`.
        unsafe { rustix::mm::munmap(self.base.cast(), self.pages * PAGE).expect("mapped") }
    }
}

/// What each instruction set makes of a line, which must be the same.
fn marks(line: &[u8]) -> Option<Vec<u32>> {
    let guarded = Guarded::new(line);
    let all: Vec<_> = Isa::available()
        .into_iter()
        .map(|isa| {
            let mut structure = Structure::new(isa, Spelling::of(["name"]));
            (isa.name(), structure.marks(guarded.text()).map(|marks| marks.places().to_vec()))
        })
        .collect();
    for (name, marks) in &all {
        assert_eq!(marks, &all[0].1, "{name}: {}", line.escape_ascii());
    }
    all[0].1.clone()
}

/// Whether marks leave nothing to check: brackets match and say rightly where they stand, scalars are right.
fn sound(line: &[u8], marks: &[u32]) -> bool {
    let mut stack: Vec<u8> = vec![b'{'];
    for &at in marks {
        let at = at as usize;
        match line[at] {
            open @ (b'{' | b'[') => {
                if (line[at - 1] == b':') != (stack.last() == Some(&b'{')) || stack.is_empty() {
                    return false;
                }
                stack.push(open);
            }
            close @ (b'}' | b']') => {
                if stack.pop() != Some(close - 2) || (stack.is_empty() && at + 1 != line.len()) {
                    return false;
                }
            }
            b':' => {}
            _ => {
                let start = line[..at].iter().rposition(|b| b",:[".contains(b)).map_or(0, |before| before + 1);
                let end = line[at..].iter().position(|b| b",]}".contains(b)).map_or(line.len(), |end| at + end);
                let token = &line[start..end];
                if token.contains(&b' ') || serde_json::from_slice::<serde_json::Value>(token).is_err() {
                    return false;
                }
            }
        }
    }
    stack.is_empty()
}

fn check(line: &[u8]) -> bool {
    let taken = marks(line).is_some_and(|marks| sound(line, &marks));
    let right = serde_json::from_slice::<serde_json::Value>(line).is_ok();
    assert!(right || !taken, "taken, and not JSON: {}", line.escape_ascii());
    taken
}

const SEEDS: &[&str] = &[
    r#"{"a":1,"b":[1,2,{"c":"d"}],"e":{},"f":[],"g":null}"#,
    r#"{"name":"x","value":"a\"b\\","t":true,"f":false,"n":-1.5e-7}"#,
    r#"{"a":[[],[{}],[[1,"2"],{"x":[{"y":"z"}]}]],"b":0,"c":10}"#,
    r#"{"":"","\u00e9":"\n\/","u":"äöü","empty":{}}"#,
    r#"{"k":"a long value that fills a block and some more of the next one, with , : { } [ ] in it","l":[0,"x",0.5]}"#,
    "{}",
];
const PARTS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "0",
    "1",
    "-",
    ".",
    "e",
    " ",
    "\t",
    "null",
    "true",
    "nul",
    "\\u0041",
    "\\u006e",
    "\\ud800",
    "\\x",
    "\\n",
    "\u{e9}",
    "\u{1}",
    "{}",
    "[]",
    "\"a\":1,",
    ",\"a\":1",
    "\"a\"",
    ",\"a\"",
    "00",
    "01",
    "-0",
    "1e5",
    "\"\"",
    "\"a\"\"b\"",
    "],[",
    "},{",
    "1,",
    "\\\\",
    "\\\"",
];

#[test]
fn whole_lines_at_every_length() {
    for seed in SEEDS {
        for padding in 0..200 {
            let line = format!(r#"{{"{}":{seed}}}"#, "p".repeat(padding));
            assert_eq!(check(line.as_bytes()), !line.contains(' ') || !line.contains(r#"": "#), "{line}");
            let line = format!(r#"{{"p":"{}","q":{seed}}}"#, "\\\\".repeat(padding));
            assert!(check(line.as_bytes()), "{line}");
        }
    }
    // Many groups, and one more byte each time.
    for count in 250..330 {
        let line =
            format!(r#"{{"a":[{}],"b":"{}"}}"#, vec![r#"{"name":"pathname"}"#; count].join(","), "x".repeat(count));
        assert!(check(line.as_bytes()));
    }
}

#[test]
fn what_is_odd() {
    for line in [
        r#"{"a": "b"}"#,
        r#"{"a":"\ud83d\ude00"}"#,
        r#"{"\u006eame":1}"#,
        r#"{"a":"b"#,
        "",
        "{",
        "}",
        "[]",
        "{\"a\":\"\t\"}",
    ] {
        assert_eq!(marks(line.as_bytes()), None, "{line}");
    }
    // White space next to a number is part of what is marked.
    assert!(!check(br#"{"a": 1}"#) && !check(br#"{"a":1 }"#));
    assert_eq!(marks(b"{\"a\":\"\xff\"}"), None);
    for shift in 0..64 {
        let digits = |count| format!(r#"{{"{}":{}}}"#, "x".repeat(shift), "7".repeat(count));
        assert!(check(digits(62).as_bytes()));
        assert_eq!(marks(digits(crate::MAX_DIGITS + 1).as_bytes()), None);
    }
    let long = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length - 8));
    assert!(marks(long(crate::MAX_LENGTH).as_bytes()).is_some());
    assert_eq!(marks(long(crate::MAX_LENGTH + 1).as_bytes()), None);
}

#[test]
fn damage_at_every_byte() {
    for seed in SEEDS {
        for shift in [0, 1, 40, 60, 61, 62, 63, 64, 125, 126, 500, 503, 504, 505] {
            let line = format!(r#"{{"{}":{seed}}}"#, "p".repeat(shift)).into_bytes();
            for at in shift..line.len() {
                check(&line[..at]);
                for part in PARTS {
                    let (head, tail) = line.split_at(at);
                    check(&[head, part.as_bytes(), tail].concat());
                    check(&[head, part.as_bytes(), &tail[1..]].concat());
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_parts(parts in prop::collection::vec(prop::sample::select(PARTS), 0..400)) {
        check(format!("{{{}}}", parts.concat()).as_bytes());
        check(format!(r#"{{"a":[{}]}}"#, parts.concat()).as_bytes());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&[b"{\"a\":\"", &bytes[..], b"\"}"].concat());
        check(&[b"{", &bytes[..], b"}"].concat());
    }
}

fn scanned(text: &[u8], prints: &Fingerprints) -> Vec<u32> {
    let guarded = Guarded::new(text);
    let all: Vec<_> = Isa::available()
        .into_iter()
        .map(|isa| {
            let mut marks = Vec::new();
            scan(isa, guarded.text(), prints, &mut marks);
            (isa.name(), marks)
        })
        .collect();
    for (name, marks) in &all {
        assert_eq!(marks, &all[0].1, "{name}: {}", text.escape_ascii());
    }
    all[0].1.clone()
}

const NAMES: &[&[&[u8]]] = &[
    &[b"security_bprm_check", b"sched_process_exec"],
    &[b"close"],
    &[b"ab"],
    &[
        b"process_exec",
        b"\"SYSCALL\"",
        b"100701",
        b"@timestamp",
        b"output_fields",
        b"workload",
        b"a-b",
        b"x_y",
        b"zq",
        b"~!",
    ],
];

#[test]
fn every_name_is_marked_wherever_it_is() {
    for names in NAMES {
        let (prints, places) = Fingerprints::choose(names).expect("names of ASCII");
        for (name, place) in names.iter().zip(places) {
            for shift in 0..3 * 64 {
                let text = [&b".".repeat(shift)[..], name, b"\n\\"].concat();
                let end = (shift + name.len()) as u32;
                let marks = scanned(&text, &prints);
                assert!(marks.contains(&((shift + place) as u32)), "{prints:?}");
                assert!(marks.ends_with(&[end, end + 1]));
            }
        }
    }
    assert!(Fingerprints::choose(&[]).is_none());
    assert!(Fingerprints::choose(&[b"a"]).is_none());
    assert!(Fingerprints::choose(&["\u{e9}\u{e8}".as_bytes()]).is_none());
    assert!(NAMES[3].iter().all(|name| name.len() <= MAX_DISTANCE));
}

proptest! {
    #[test]
    fn every_instruction_set_scans_the_same(
        text in prop::collection::vec(prop::sample::select(b"_bpcexskz~!\n\\.\0\xff\xdf".to_vec()), 0..400),
        names in prop::sample::select(NAMES),
    ) {
        let (prints, _) = Fingerprints::choose(names).expect("names of ASCII");
        scanned(&text, &prints);
    }
}

#[test]
fn comparisons_around_marks() {
    let line = br#"{"id":1,"name":"value","list":[null,"x"]}"#;
    let guarded = Guarded::new(line);
    let mut structure = Structure::new(Isa::best(), Spelling::of([]));
    let marks = structure.marks(guarded.text()).expect("a line");
    let places = marks.places();
    assert_eq!(places.iter().map(|&at| line[at as usize]).collect::<Vec<_>>(), b":::[n]}");
    let word =
        |from: usize| Word { word: u64::from_le_bytes(line[from..from + 8].try_into().expect("eight")), mask: !0 };
    // The first mark is too near to the beginning for a word.
    let words: Vec<Word> = places[1..].iter().map(|&at| word(at as usize - 7)).collect();
    assert!(marks.are(1, &words, &[]));
    assert!(!marks.are(0, &words, &[]) && !marks.are(1, &words[1..], &[]) && !marks.are(2, &words, &[]));
    assert!(!marks.are(9, &[], &[]));
    for (i, word) in words.iter().enumerate() {
        for bit in 0..64 {
            let mut other = words.clone();
            other[i].word ^= 1 << bit;
            assert!(!marks.are(1, &other, &[]));
            other[i] = Word { word: other[i].word & !(1 << bit), mask: word.mask & !(1 << bit) };
            assert!(!marks.are(1, &[Word { word: !0, mask: 0 }; 6], &[Check { mark: 1, offset: 0, word: other[i] }]));
        }
    }
    let skip = [Word { word: 0, mask: 0 }; 6];
    let check = |mark: u32, offset: i32, from: usize| marks.are(1, &skip, &[Check { mark, offset, word: word(from) }]);
    assert!(check(0, 1, 6) && check(0, -5, 0) && check(6, -7, line.len() - 8));
    assert!(!check(0, 1, 5) && !check(0, -6, 0) && !check(6, -6, line.len() - 8) && !check(7, 0, 0));
}
