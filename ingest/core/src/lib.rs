//! Event streams as Arrow record batches.
//!
//! Bytes go in (JSON lines, plain or compressed), record batches come out. This crate decodes and never judges: which
//! lines are wanted events and where the wanted fields lie is data that the caller brings ([`Projection`]).
//!
//! What a line means is what a JSON decoder makes of it that keeps the last of duplicate keys. A line that this crate
//! does not vouch for is handed back whole as *deferred*; a line that it accepts is one that Python's `json.loads`
//! accepts too, with the same values.
#![forbid(unsafe_code)]

mod batch;
mod column;
mod compress;
mod error;
mod guard;
mod line;
mod lines;
mod prefilter;
mod projection;
mod raw;
mod reader;
mod scanner;
mod source;

pub use batch::{Batch, Deferred};
pub use compress::{Compression, WINDOW_LOG_MAX};
pub use error::{ConfigError, ReadError};
pub use guard::{MAX_DEPTH, MAX_DIGITS};
pub use illshell_ingest_simd::Isa;
pub use projection::Projection;
pub use reader::{BATCH_SPAN, Gauges, Reader, Step};
pub use scanner::{BATCH_BYTES, BATCH_ROWS, MAX_LINE, MAX_LINE_CEILING, MAX_PUSH, Options, Scanner};
