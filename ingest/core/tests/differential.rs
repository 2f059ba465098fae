//! The fast way against the JSON library, with every instruction set, on mutated lines of several dialects.
//!
//! `ILLSHELL_LINES` says how many lines (by default 100,000), `ILLSHELL_SECONDS` after how long to stop at the latest,
//! `ILLSHELL_SEED` where to begin. What the JSON library makes of a line is checked in stream.rs.

use std::{
    env,
    str::FromStr,
    time::{Duration, Instant},
};

use arrow_array::cast::AsArray;
use illshell_ingest_core::{Batch, Isa, Options, Projection, Scanner};

const PROJECTION: &str = r#"{
    "columns": [
        {"name": "event_name", "kind": "text"}, {"name": "comm", "kind": "text"}, {"name": "prev_comm", "kind": "text"},
        {"name": "pathname", "kind": "text"}, {"name": "argv", "kind": "text"}, {"name": "pid", "kind": "int64"},
        {"name": "process_id64", "kind": "int64"}, {"name": "time", "kind": "time"}, {"name": "started", "kind": "bool"},
        {"name": "container", "kind": "text"}
    ],
    "dialects": [
        {"name": "tracee", "needles": ["security_bprm_check", "sched_process_exec"],
         "events": [
            {"event": "security_bprm_check", "when": [{"path": "eventName", "values": ["security_bprm_check"]}]},
            {"event": "sched_process_exec", "when": [{"path": "eventName", "values": ["sched_process_exec"]}]}],
         "fields": {
            "comm": ["processName"], "prev_comm": ["args[name=prev_comm].value"],
            "pathname": ["args[name=pathname].value"], "argv": ["args[name=argv].value[]"], "pid": ["hostProcessId"],
            "process_id64": ["processEntityId"], "time": [{"path": "timestamp", "unit": "ns"}],
            "started": ["contextFlags.containerStarted"], "container": ["container.id", "containerId"]},
         "missing": {"container": [""], "process_id64": [0]}, "default": {"comm": ""}},
        {"name": "tetragon", "needles": ["\"process_exec\""],
         "events": [{"event": "sched_process_exec", "when": [{"path": "process_exec.process"}]}],
         "fields": {
            "comm": [{"path": "process_exec.process.binary", "derive": "basename"}],
            "prev_comm": [{"path": "process_exec.ancestors[1].binary", "derive": "basename"}],
            "pathname": ["process_exec.process.binary"], "argv": ["process_exec.process.arguments"],
            "pid": ["process_exec.process.pid"],
            "process_id64": [{"path": "process_exec.process.exec_id", "derive": "hash64"}],
            "time": [{"path": "time", "unit": "rfc3339"}],
            "container": [{"path": "process_exec.process.pod.container.id", "derive": "container_id"}]}},
        {"name": "ecs", "needles": ["\"exec\"", "process_started"],
         "events": [
            {"event": null, "when": [{"path": "event.outcome", "values": ["failure"]}]},
            {"event": "sched_process_exec", "when": [
                {"path": "event.action", "values": ["exec", "process_started"]},
                {"path": "event.category[]", "values": ["process"]}]},
            {"event": "sched_process_exec", "when": [{"path": "\"event.action\"", "values": ["exec"]}]}],
         "fields": {
            "comm": ["process.name", "\"process.name\"", "\"process.name\"[0]"],
            "prev_comm": [{"path": "process.previous[0].executable", "derive": "basename"}],
            "pathname": ["process.executable"], "argv": ["process.args[]", "\"process.args\"[]"],
            "pid": [{"path": "process.pid", "text_integer": true}],
            "time": [{"path": "\"@timestamp\"", "unit": "rfc3339"}]}},
        {"name": "laurel", "needles": ["\"EXECVE\""],
         "events": [{"event": "exec", "when": [{"path": "EXECVE"}, {"path": "SYSCALL.success", "values": ["yes", true, 1]}]}],
         "fields": {"comm": ["SYSCALL.comm"], "pathname": ["PATH[0].name"], "argv": ["EXECVE.ARGV[]"],
            "pid": ["SYSCALL.pid"], "time": [{"path": "ID", "unit": "audit"}],
            "process_id64": [{"path": "PATH[0].dev", "derive": "device"}]},
         "missing": {"comm": ["(null)"], "pid": [4242]}}
    ]
}"#;

const SEEDS: &[&str] = &[
    r#"{"timestamp":1767312000000017805,"processorId":12,"hostProcessId":2747390,"processName":"cron","executable":{"path":""},"hostName":"worker-4","containerId":"","container":{},"kubernetes":{},"eventName":"security_bprm_check","argsNum":5,"returnValue":-2,"stackAddresses":null,"contextFlags":{"containerStarted":false,"isCompat":false},"processEntityId":3664309246,"args":[{"name":"pathname","type":"string","value":"/bin/sh"},{"name":"dev","type":"uint32","value":271581185},{"name":"argv","type":"[]string","value":["sh","-c","test -x a \u0026\u0026 b"]},{"name":"envp","type":"[]string","value":[]}]}"#,
    r#"{"timestamp":1767312000000023848,"hostProcessId":1,"processName":"sh","containerId":"ab","container":{"id":"abc","name":"x"},"eventName":"sched_process_exec","contextFlags":{"containerStarted":true},"processEntityId":0,"args":[{"name":"cmdpath","type":"string","value":"/bin/sh"},{"name":"interpreter_pathname","type":"string","value":"/lib/ld.so"},{"name":"pathname","type":"string","value":"/bin/sh"},{"name":"prev_comm","type":"string","value":"nginx"},{"name":"argv","type":"[]string","value":["sh","-c","x \"y\" é"]},{"name":"prev_comm","type":"string","value":"second"}]}"#,
    r#"{"eventName":"sched_process_exec","args":[{"name":"pathname","value":"/x"}]}"#,
    r#"{"process_exec":{"process":{"exec_id":"Z2tl","pid":68790,"binary":"/usr/bin/netserver","arguments":"-D","pod":{"container":{"id":"containerd://19a0"}}},"parent":{"pid":1},"ancestors":[{"binary":"/usr/bin/a"},{"binary":"/usr/bin/b"},{"binary":"/usr/bin/c"}]},"node_name":"n","time":"2022-10-18T03:16:18.273546829Z"}"#,
    r#"{"@timestamp":"2026-02-01T10:00:00.105Z","event":{"action":"exec","category":["process","x"],"type":["start"]},"process":{"name":"sh","executable":"/usr/bin/dash","args":["sh","-c","id"],"pid":4242,"previous":[{"executable":"/usr/sbin/apache2"}],"parent":{"pid":700}},"host":{"name":"web-1"}}"#,
    r#"{"@timestamp":"2026-02-01T10:00:00Z","event.action":"exec","process.name":["sh"],"process.args":["a"],"event":{"outcome":"success"}}"#,
    r#"{"ID":"1769940000.105:812","SYSCALL":{"arch":"0xc000003e","success":"yes","ppid":700,"pid":4242,"comm":"sh","key":null},"EXECVE":{"argc":3,"ARGV":["sh","-c","id"]},"PATH":[{"item":0,"name":"/bin/sh","dev":"08:02"},{"item":1,"name":"/lib/ld.so"}]}"#,
    r#"{"eventName":"open","x":"sched_process_exec","n":[0,1.5e-7,-0,{"a":[[]]}]}"#,
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
    "+",
    " ",
    "\t",
    "null",
    "true",
    "false",
    "nul",
    "\\u0041",
    "\\u0065",
    "\\ud800",
    "\\ud83d\\ude00",
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
    "[1,2]",
    "\"eventName\":\"x\",",
    "\"args\":[],",
    "\"processName\":null,",
    "{\"name\":\"pathname\",\"type\":\"string\",\"value\":\"/x\"},",
    "\"name\":\"pathname\",",
    "\"name\":\"prev_comm\"",
    "\"value\":\"x\"",
    "1.5e-7",
    "00",
    "01",
    "-0",
    "1e999",
    "1e5",
    "\"\"",
    "\"a\"\"b\"",
    "],[",
    "},{",
    "1,",
    "\"a\",",
    "\"eventName\":\"sched_process_exec\"",
    "\"action\":\"exec\"",
    "\"process\":{}",
    "\"EXECVE\":null,",
    "9223372036854775807",
    "-9223372036854775809",
    "77777777777777777777777777777777777777777777777777777777777777777777777777777777777777",
];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn part(&mut self) -> &'static [u8] {
        PARTS[self.below(PARTS.len())].as_bytes()
    }

    fn mutate(&mut self, line: &mut Vec<u8>) {
        let at = self.below(line.len());
        match self.below(8) {
            0 => _ = line.remove(at),
            1 => _ = line.splice(at..at, self.part().iter().copied()),
            2 => {
                let part = self.part();
                let to = (at + part.len()).min(line.len());
                line.splice(at..to, part.iter().copied());
            }
            3 => {
                let to = (at + self.below(30)).min(line.len());
                line.drain(at..to);
            }
            4 => {
                let to = (at + self.below(200)).min(line.len());
                let copy = line[at..to].to_vec();
                let place = self.below(line.len());
                line.splice(place..place, copy);
            }
            5 => {
                let places: Vec<usize> = (0..line.len()).filter(|&i| b"{}[],:\"".contains(&line[i])).collect();
                if !places.is_empty() {
                    let at = places[self.below(places.len())];
                    let taken = self.below(2);
                    line.splice(at..at + taken, self.part().iter().copied());
                }
            }
            6 => line[at] = b"{}[],:\"\\0123456789-+.eEtfn \0\x1f\x7f\x80\xff"[self.below(31)],
            _ => {
                let other = self.below(line.len());
                line.swap(at, other);
            }
        }
        if line.is_empty() {
            line.push(b'{');
        }
        line.retain(|&byte| byte != b'\n');
    }
}

fn variable<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn batches(scanner: &mut Scanner, stream: &[u8]) -> Vec<Batch> {
    let (mut from, mut batches) = (0, Vec::new());
    while from < stream.len() {
        from += scanner.push(stream, from, None).expect("a short piece");
        batches.push(scanner.take());
    }
    batches
}

fn deferred(batch: &Batch) -> Vec<(u64, usize)> {
    batch.deferred().map(|line| (line.position, line.at)).collect()
}

/// The first line of which two batches say different things.
fn difference(one: &Batch, other: &Batch) -> String {
    let show = |batch: &Batch, row: usize| {
        let raw = batch.rows.column_by_name("raw_event").expect("a column").as_binary_view();
        (row < batch.rows.num_rows()).then(|| raw.value(row).escape_ascii().to_string())
    };
    let rows = one.rows.num_rows().max(other.rows.num_rows());
    let row = (0..rows).find(|&row| {
        row >= one.rows.num_rows() || row >= other.rows.num_rows() || one.rows.slice(row, 1) != other.rows.slice(row, 1)
    });
    let row = row.map(|row| (show(one, row), show(other, row), one.rows.slice(row.min(one.rows.num_rows() - 1), 1)));
    let lines = [deferred(one), deferred(other)];
    let missing = |i: usize, batch: &Batch| {
        let line = batch.deferred().find(|line| !lines[1 - i].contains(&(line.position, line.at)));
        line.map(|line| line.line.escape_ascii().to_string())
    };
    let lines = (missing(0, one), missing(1, other));
    format!("{row:#?}\nskipped {} and {}; deferred {lines:#?}", one.skipped, other.skipped)
}

#[test]
fn every_way_says_the_same() {
    let wanted = variable("ILLSHELL_LINES", 100_000_u64);
    let limit = Duration::from_secs(variable("ILLSHELL_SECONDS", 120));
    let mut random = Random(variable("ILLSHELL_SEED", 0x9e37_79b9_7f4a_7c15_u64));
    let projection = Projection::from_json(PROJECTION).expect("a sound request");
    let ways: Vec<Option<Isa>> = [None].into_iter().chain(Isa::available().into_iter().map(Some)).collect();
    let mut scanners: Vec<Scanner> = (ways.iter())
        .map(|&isa| Scanner::new(&projection, &Options { isa, ..Options::default() }).expect("a sound request"))
        .collect();
    let (start, mut lines, mut rows, mut not_json) = (Instant::now(), 0, 0, 0);
    while lines < wanted && start.elapsed() < limit {
        let mut stream = Vec::new();
        for _ in 0..500 {
            let seed = SEEDS[random.below(SEEDS.len())].as_bytes();
            let mut line = seed.to_vec();
            // Some remain as they are, so that their shapes are known.
            for _ in 0..random.below(4) {
                random.mutate(&mut line);
            }
            stream.extend(line);
            stream.push(b'\n');
            lines += 1;
        }
        let mut results = scanners.iter_mut().map(|scanner| batches(scanner, &stream));
        let reference = results.next().expect("the library");
        for (isa, result) in ways[1..].iter().zip(results) {
            for (one, other) in reference.iter().zip(&result) {
                let same = one.rows == other.rows
                    && deferred(one) == deferred(other)
                    && (one.skipped, &one.dialects) == (other.skipped, &other.dialects);
                assert!(same, "{isa:?}: {}", difference(one, other));
            }
            assert_eq!(reference.len(), result.len());
        }
        rows += reference.iter().map(|batch| batch.rows.num_rows()).sum::<usize>();
        not_json += reference.iter().map(|batch| batch.deferred().len()).sum::<usize>();
    }
    println!("{lines} lines, {rows} rows, {not_json} deferred, {:?}", start.elapsed());
    assert!(rows > 0 && not_json > 0);
}
