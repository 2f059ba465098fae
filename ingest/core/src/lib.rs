//! Event streams as Arrow record batches.
//!
//! Bytes go in (JSON lines, plain or compressed), record batches come out. This crate decodes and never judges: which
//! lines are selected events and where the projected fields lie is data from the caller ([`Projection`]).
//!
//! A line means what Python's `json.loads` makes of it; of duplicate keys the last wins. A line that this crate accepts
//! is one that `json.loads` accepts, with the same values. Any other line is *deferred*: returned whole, for the caller
//! to decode.
#![forbid(unsafe_code)]

mod batch;
mod column;
mod compress;
mod error;
mod limits;
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
pub use illshell_ingest_simd::Isa;
pub use limits::{MAX_DEPTH, MAX_DIGITS};
pub use projection::Projection;
pub use reader::{BATCH_SPAN, Gauges, Reader, Step};
pub use scanner::{BATCH_BYTES, BATCH_ROWS, MAX_LINE, MAX_LINE_CEILING, MAX_PUSH, Options, Scanner};
