//! Whole streams, against an oracle that splits, parses and looks up in the plainest way.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    os::fd::OwnedFd,
};

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray,
    types::{Int32Type, Int64Type},
};
use illshell_ingest_core::{
    BATCH_ROWS, BATCH_SPAN, Batch, Compression, ConfigError, Isa, MAX_DEPTH, MAX_DIGITS, MAX_LINE, MAX_LINE_CEILING,
    Options, Projection, ReadError, Reader, Scanner, Step,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const NAMES: [&str; 2] = ["security_bprm_check", "sched_process_exec"];
const ARGUMENTS: [&str; 2] = ["pathname", "prev_comm"];

fn projection() -> Projection {
    let events: Vec<Value> =
        NAMES.iter().map(|name| json!({"event": name, "when": [{"path": "eventName", "values": [name]}]})).collect();
    let request = json!({
        "columns": [
            {"name": "event_name", "kind": "text"},
            {"name": "comm", "kind": "text"},
            {"name": "pathname", "kind": "text"},
            {"name": "prev_comm", "kind": "text"},
        ],
        "dialects": [{
            "name": "tracee",
            "needles": NAMES,
            "events": events,
            "fields": {
                "comm": ["processName"],
                "pathname": ["args[name=pathname].value"],
                "prev_comm": ["args[name=prev_comm].value"],
            },
            "default": {"comm": ""},
        }],
    });
    Projection::from_json(&request.to_string()).expect("a sound request")
}

fn options(max_line: usize, isa: Option<Isa>) -> Options {
    Options { strict: false, max_line, isa }
}

fn scanner(max_line: usize) -> Scanner {
    Scanner::new(&projection(), &options(max_line, Some(Isa::best()))).expect("a sound request")
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    event: Option<String>,
    process: Option<String>,
    arguments: Vec<Option<String>>,
    position: u64,
    record: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Outcome {
    rows: Vec<Row>,
    skipped: u64,
    deferred: Vec<(u64, Vec<u8>, bool)>,
    /// Positions of all rows and deferred lines, in the order that `at` gives.
    order: Vec<u64>,
    end: u64,
}

impl Outcome {
    fn in_order(mut self) -> Self {
        let rows = self.rows.iter().map(|row| row.position);
        self.order = rows.chain(self.deferred.iter().map(|(position, ..)| *position)).collect();
        self.order.sort_unstable();
        self
    }

    fn add(&mut self, batch: &Batch) {
        assert_eq!(batch.span.start, self.end);
        self.end = batch.span.end;
        self.rows.extend(rows(&batch.rows));
        self.skipped += batch.skipped;
        self.deferred.extend(batch.deferred().map(|d| (d.position, d.line.to_vec(), d.over_limit)));
        let mut positions = rows(&batch.rows).into_iter().map(|row| row.position).enumerate().peekable();
        for deferred in batch.deferred() {
            while let Some((_, position)) = positions.next_if(|(row, _)| *row < deferred.at) {
                self.order.push(position);
            }
            self.order.push(deferred.position);
        }
        self.order.extend(positions.map(|(_, position)| position));
    }
}

fn rows(batch: &RecordBatch) -> Vec<Row> {
    let text = |array: &dyn Array, row: usize| {
        let array = array.as_string::<i32>();
        array.is_valid(row).then(|| array.value(row).to_owned())
    };
    let last = batch.num_columns() - 1;
    (0..batch.num_rows())
        .map(|row| {
            let events = batch.column(0).as_dictionary::<Int32Type>();
            let record = batch.column(last).as_binary_view().value(row).to_vec();
            assert_eq!(batch.column(last - 1).as_primitive::<Int32Type>().value(row) as usize, record.len());
            Row {
                event: events.key(row).and_then(|key| text(events.values(), key)),
                process: text(batch.column(1), row),
                arguments: (2..last - 2).map(|column| text(batch.column(column), row)).collect(),
                position: batch.column(last - 2).as_primitive::<Int64Type>().value(row) as u64,
                record,
            }
        })
        .collect()
}

fn pushed<'a>(max_line: usize, pieces: impl IntoIterator<Item = &'a [u8]> + Clone) -> Outcome {
    let ways = Isa::available().into_iter().map(Some).chain([None]);
    let mut outcomes = ways.map(|isa| {
        let scanner = Scanner::new(&projection(), &options(max_line, isa)).expect("a sound request");
        (isa, pushed_to(scanner, pieces.clone()))
    });
    let (_, first) = outcomes.next().expect("a way");
    for (isa, outcome) in outcomes {
        assert_eq!(outcome, first, "{isa:?}");
    }
    assert!(first.order.is_sorted());
    first
}

fn pushed_to<'a>(mut scanner: Scanner, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut outcome = Outcome::default();
    for piece in pieces {
        let mut from = 0;
        while from < piece.len() {
            from += scanner.push(piece, from, None).expect("a short piece");
            outcome.add(&scanner.take());
        }
    }
    scanner.finish(false);
    outcome.add(&scanner.take());
    outcome
}

/// The oracle.
fn naive(stream: &[u8], max_line: usize) -> Outcome {
    let mut outcome = Outcome { end: stream.len() as u64, ..Outcome::default() };
    let mut start = 0;
    for raw in stream.split(|&b| b == b'\n') {
        let from = start;
        start += raw.len() + 1;
        if raw.len() > max_line {
            outcome.deferred.push((from as u64, raw[..max_line].to_vec(), true));
            continue;
        }
        let mut line = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
        while let [b' ' | b'\t' | b'\r', rest @ ..] = line {
            line = rest;
        }
        let position = (from + raw.len() - line.len()) as u64;
        let position = if line.is_empty() { from as u64 } else { position };
        while let [rest @ .., b' ' | b'\t' | b'\r'] = line {
            line = rest;
        }
        if line.is_empty() {
            continue;
        }
        let contains = |part: &[u8]| line.windows(part.len()).any(|window| window == part);
        let candidate = NAMES.iter().any(|name| contains(name.as_bytes())) || contains(b"\\u007");
        if !line.starts_with(b"{") || !line.ends_with(b"}") {
            outcome.deferred.push((position, line.to_vec(), false));
        } else if !candidate {
            outcome.skipped += 1;
        } else if let Ok(event) = serde_json::from_slice::<Value>(line) {
            let name = event.get("eventName").and_then(Value::as_str);
            if !name.is_some_and(|name| NAMES.contains(&name)) {
                outcome.skipped += 1;
                continue;
            }
            outcome.rows.push(Row {
                event: name.map(str::to_owned),
                process: match event.get("processName") {
                    None | Some(Value::Null) => Some(String::new()),
                    Some(value) => value.as_str().map(str::to_owned),
                },
                arguments: ARGUMENTS.iter().map(|name| argument(&event, name)).collect(),
                position,
                record: line.to_vec(),
            });
        } else {
            outcome.deferred.push((position, line.to_vec(), false));
        }
    }
    outcome.in_order()
}

fn argument(event: &Value, name: &str) -> Option<String> {
    for element in event.get("args")?.as_array()? {
        if element.as_object()?.get("name").and_then(Value::as_str) == Some(name) {
            return element.get("value")?.as_str().map(str::to_owned);
        }
    }
    None
}

/// Lines that between them touch every rule.
const LINES: &[&str] = &[
    r#"{"eventName":"sched_process_exec","processName":"sh","args":[{"name":"prev_comm","type":"string","value":"nginx"}]}"#,
    r#"{"eventName":"security_bprm_check","args":[{"name":"pathname","value":"/bin/sh"},{"name":"pathname","value":"/no"}]}"#,
    r#"{"eventName":"close","args":[]}"#,
    r#"{"eventName":"\u0073ched_process_exec","processName":"\u0073h"}"#,
    r#"{"eventName":"close","x":"sched_process_exec"}"#,
    r#"{"x":{"eventName":"sched_process_exec"},"eventName":"open"}"#,
    r#"{"eventName":"close","eventName":"sched_process_exec","processName":7}"#,
    r#"{"eventName":"sched_process_exec","args":[1,{"name":"pathname","value":"/bin/sh"}]}"#,
    r#"{"eventName":"sched_process_exec","args":[{"name":"pathname","value":null}],"processName":null}"#,
    r#"{"eventName":"sched_process_exec","args":{"name":"pathname"}}"#,
    r#"{"eventName":"sched_process_exec","args":[}"#,
    r#"{"eventName":"sched_process_exec"} x"#,
    "{\"eventName\":\"sched_process_exec\",\"x\":\"\u{e9}\"}\r",
    "\u{feff}{\"eventName\":\"sched_process_exec\"}",
    " \u{feff}{\"eventName\":\"sched_process_exec\"}",
    " \t{\"eventName\":\"sched_process_exec\"}  ",
    "",
    "\r",
    "[1]",
    "{",
    "{}",
];

#[test]
fn split_at_every_byte() {
    for lines in [&LINES[..7], &LINES[7..], LINES] {
        for end in ["", "\n", "\n\n"] {
            let stream = [lines.join("\n").as_bytes(), end.as_bytes()].concat();
            for max_line in [MAX_LINE, 40, 1] {
                let expected = naive(&stream, max_line);
                assert_eq!(pushed(max_line, [&stream[..]]), expected);
                assert_eq!(pushed(max_line, stream.chunks(1)), expected);
                for at in 0..stream.len() {
                    assert_eq!(pushed(max_line, [&stream[..at], &stream[at..]]), expected, "split at {at}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_lines_in_any_pieces(
        lines in prop::collection::vec(prop::sample::select(LINES), 0..30),
        pieces in prop::collection::vec(1..400_usize, 1..20),
        max_line in prop::sample::select(vec![MAX_LINE, 60, 100]),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut stream = lines.join("\n").into_bytes();
        if let Some((at, byte)) = damage && !stream.is_empty() {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        let mut rest = &stream[..];
        let mut cut = Vec::new();
        for &length in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, tail) = rest.split_at(length.min(rest.len()));
            cut.push(piece);
            rest = tail;
        }
        prop_assert_eq!(pushed(max_line, cut), naive(&stream, max_line));
    }

    #[test]
    fn any_bytes(stream in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(pushed(MAX_LINE, stream.chunks(7)), naive(&stream, MAX_LINE));
    }
}

#[test]
fn limits_are_those_that_are_documented() {
    for (given, sound) in [(0, false), (1, true), (MAX_LINE_CEILING, true), (MAX_LINE_CEILING + 1, false)] {
        let made = Scanner::new(&projection(), &options(given, None));
        assert_eq!(made.is_ok(), sound);
        assert!(sound || matches!(made, Err(ConfigError::MaxLine { .. })));
    }
    let event = |rest: &str| format!(r#"{{"eventName":"sched_process_exec","x":{rest}}}"#);
    let deep = |depth: usize| event(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    let long = |length: usize| event(&"1".repeat(length));
    for (line, rows) in [
        (deep(MAX_DEPTH - 1), 1),
        (deep(MAX_DEPTH), 0),
        (deep(100 * MAX_DEPTH), 0),
        (long(MAX_DIGITS), 1),
        (long(MAX_DIGITS + 1), 0),
    ] {
        let outcome = pushed(MAX_LINE, [line.as_bytes()]);
        assert_eq!((outcome.rows.len(), outcome.deferred.len()), (rows, 1 - rows));
    }
    let full = format!(r#"{{"x":"{}"}}"#, "y".repeat(MAX_LINE - 8));
    assert_eq!(pushed(MAX_LINE, full.as_bytes().chunks(4096)).skipped, 1);
    let over = [full.as_bytes(), b" \n{}"].concat();
    let outcome = pushed(MAX_LINE, over.chunks(4096));
    assert_eq!(outcome.deferred, [(0, full.into_bytes(), true)]);
    assert_eq!(outcome.skipped, 1);
}

#[test]
fn every_event_and_strict() {
    let request = r#"{
        "columns": [{"name": "event_name", "kind": "text"}],
        "dialects": [{"name": "any", "needles": null, "events": [{"event": {"path": "eventName"}, "when": []}]}]
    }"#;
    let options = Options { strict: true, ..Options::default() };
    let projection = Projection::from_json(request).expect("a sound request");
    let mut scanner = Scanner::new(&projection, &options).expect("a sound request");
    let lines = b"{\"eventName\":\"b\"}\n{}\n{\"eventName\":1}\n{\"eventName\":\"a\"}\n{\"eventName\":\"b\"}\n\
        {\"a\":[{\"b\":1,\"\\u0062\":2}]}\n";
    assert_eq!(scanner.push(lines, 0, None).unwrap(), lines.len());
    let batch = scanner.take();
    let events = batch.rows.column(0).as_dictionary::<Int32Type>();
    let names: Vec<_> = (0..batch.rows.num_rows())
        .map(|row| events.key(row).map(|key| events.values().as_string::<i32>().value(key).to_owned()))
        .collect();
    assert_eq!(names, [Some("b"), None, None, Some("a"), Some("b")].map(|name| name.map(str::to_owned)));
    assert_eq!((batch.skipped, batch.deferred().len()), (0, 1));
}

#[test]
fn what_is_no_projection_is_named() {
    let request = |columns: &str, dialect: &str| {
        let request = format!(
            r#"{{"columns": [{columns}], "dialects": [{{"name": "d", "needles": [], "events": [] {dialect}}}]}}"#
        );
        Projection::from_json(&request).and_then(|projection| Scanner::new(&projection, &Options::default()))
    };
    let (text, time) = (r#"{"name": "a", "kind": "text"}"#, r#"{"name": "a", "kind": "time"}"#);
    assert!(request(text, r#", "fields": {"a": ["b[name=x].c", "b[name=y].c", "b[]"]}"#).is_ok());
    for (columns, dialect, reason) in [
        (r#"{"name": "a", "kind": "float"}"#, "", "unknown kind"),
        (r#"{"name": "a"}"#, "", "kind is missing"),
        (r#"{"name": "length", "kind": "text"}"#, "", "there twice"),
        (r#"{"name": "event_name", "kind": "bool"}"#, "", "is of kind text"),
        (text, r#", "fields": {"b": ["c"]}"#, "there is no column \"b\""),
        (text, r#", "fields": {"a": ["c["]}"#, "no closing bracket"),
        (text, r#", "fields": {"a": [{"path": "c", "unit": "ns"}]}"#, "a time has a unit"),
        (text, r#", "fields": {"a": [{"path": "c", "derive": "hash64"}]}"#, "another kind"),
        (text, r#", "fields": {"a": [{"path": "c", "derive": "upper"}]}"#, "unknown derivation"),
        (time, r#", "fields": {"a": ["c"]}"#, "a time needs a unit"),
        (time, r#", "fields": {"a": [{"path": "c", "unit": "days"}]}"#, "unknown unit"),
        (text, r#", "missing": {"a": [1.5]}"#, "expected a text"),
        (text, r#", "default": {"a": 5}"#, "expected text"),
        (text, r#", "colour": 1"#, "unknown key \"colour\""),
        (text, r#", "fields": {"a": ["b[0].c", "b[name=x].c"]}"#, "by number and by a member"),
        (text, r#", "fields": {"a": ["b[id=1].c", "b[name=x].c"]}"#, "by another member"),
    ] {
        let error = request(columns, dialect).err().expect("no projection").to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert!(Projection::from_json("{").is_err() && Projection::from_json("[]").is_err());
}

// Sources.

fn stream(lines: usize) -> Vec<u8> {
    (0..lines).flat_map(|i| [LINES[i % LINES.len()].as_bytes(), b"\n"].concat()).collect()
}

fn regular(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("room");
    file.seek(SeekFrom::Start(0)).expect("a regular file");
    file
}

fn drain(file: File) -> (Outcome, Compression, Option<ReadError>) {
    let (mut reader, gauges) = Reader::new(file, scanner(MAX_LINE)).expect("readable");
    let mut outcome = Outcome::default();
    loop {
        match reader.step() {
            Ok(Step::Batch(batch)) => outcome.add(&batch),
            Ok(Step::Idle) => outcome.add(&reader.take()),
            Ok(Step::End) => return (outcome, gauges.compression(), None),
            Err(error) => {
                assert!(matches!(reader.step(), Ok(Step::End)));
                return (outcome, gauges.compression(), Some(error));
            }
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}

#[test]
fn files_and_pipes_of_each_compression() {
    let plain = stream(9000);
    let expected = naive(&plain, MAX_LINE);
    let (head, tail) = plain.split_at(plain.len() / 3);
    let skippable = b"\x5f\x2a\x4d\x18\x02\0\0\0hi".to_vec();
    let cases = [
        (Compression::None, plain.clone()),
        (Compression::Gzip, gzip(&plain)),
        (Compression::Gzip, [gzip(head), vec![0; 5], gzip(tail), vec![0; 300_000]].concat()),
        (Compression::Zstd, zstd(&plain)),
        (Compression::Zstd, [skippable.clone(), zstd(head), zstd(tail), skippable].concat()),
    ];
    for (compression, stored) in cases {
        let (outcome, told, error) = drain(regular(&stored));
        assert!(error.is_none() && told == compression && outcome == expected, "{compression}");
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let writing = std::thread::spawn(move || stored.chunks(3001).all(|part| writer.write_all(part).is_ok()));
        let (outcome, told, error) = drain(File::from(OwnedFd::from(reader)));
        assert!(error.is_none() && told == compression && outcome == expected, "{compression} through a pipe");
        assert!(writing.join().expect("no panic"));
    }
}

#[test]
fn what_came_before_the_damage_is_delivered() {
    let plain = stream(60);
    for (compression, stored) in [(Compression::Gzip, gzip(&plain)), (Compression::Zstd, zstd(&plain))] {
        for cut in 4..stored.len() {
            let (outcome, _, error) = drain(regular(&stored[..cut]));
            let Some(ReadError::Truncated { offset, compression: told }) = error else { panic!("cut at {cut}") };
            assert_eq!((told, outcome.end), (compression, offset));
            // The lines before, and the torn one as deferred.
            let before = &plain[..offset as usize];
            let whole = before.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1);
            let mut expected = naive(&before[..whole], MAX_LINE);
            let torn = naive(&before[whole..], MAX_LINE);
            if torn.rows.len() + torn.deferred.len() + torn.skipped as usize > 0 {
                let (position, line, over_limit) = outcome.deferred.last().expect("the torn line").clone();
                assert!(position as usize >= whole && before[position as usize..].starts_with(&line));
                expected.deferred.push((position, line, over_limit));
            }
            expected.end = offset;
            assert_eq!(outcome, expected.in_order(), "cut at {cut}");
        }
        let garbage = [&stored[..], b"garbage"].concat();
        let (outcome, _, error) = drain(regular(&garbage));
        assert_eq!(outcome, naive(&plain, MAX_LINE));
        assert!(matches!(error, Some(ReadError::Corrupt { offset, .. }) if offset == plain.len() as u64));
    }
}

#[test]
fn a_batch_is_bounded() {
    let row = format!("{}\n", LINES[0]);
    let bad = "x\n".repeat(30 * BATCH_ROWS);
    let idle = format!("{{\"x\":\"{}\"}}\n", "y".repeat(1 << 20)).repeat(70);
    for (bytes, least) in [(row.repeat(5 * BATCH_ROWS), 5), (bad, 25), (idle, 3)] {
        let (mut reader, _) = Reader::new(regular(bytes.as_bytes()), scanner(MAX_LINE)).expect("readable");
        let mut batches = 0;
        while let Ok(Step::Batch(batch)) = reader.step() {
            batches += 1;
            assert!(batch.span.end - batch.span.start <= 2 * BATCH_SPAN);
            // A window of the shortest lines more than the limit, at most.
            assert!(batch.rows.num_rows() + batch.deferred().len() < 2 * BATCH_ROWS);
        }
        assert!(batches >= least, "{batches} batches");
    }
}

#[test]
fn short_streams() {
    for bytes in [&b""[..], b"\n", b"x", b"P\n", b"(\xb5", b"\x1f", b"\x28\xb5\x2f"] {
        let (outcome, compression, error) = drain(regular(bytes));
        assert!(error.is_none() && compression == Compression::None, "{bytes:?}");
        assert_eq!(outcome, naive(bytes, MAX_LINE));
    }
    assert!(matches!(Reader::new(File::open("/").expect("a directory"), scanner(1)), Err(ReadError::Io(_))));
}
