//! Event streams as Arrow record batches.
//!
//! Bytes go in (JSON lines, plain or compressed), record batches come out. This crate decodes and never judges:
//! it knows which event names and which arguments its caller wants, and nothing about what they mean.
//!
//! What a line means is what a JSON decoder makes of it that keeps the last of duplicate keys. A line that this crate
//! does not vouch for is handed back whole as *refused*; a line that it accepts is one that Python's `json.loads`
//! accepts too, with the same values.
#![forbid(unsafe_code)]

mod batch;
mod compress;
mod decode;
mod error;
mod guard;
mod lines;
mod prefilter;
mod reader;
mod scanner;
mod source;
mod strict;
mod visit;

pub use batch::{Batch, Refusal};
pub use compress::{Compression, WINDOW_LOG_MAX};
pub use error::{ConfigError, ReadError};
pub use guard::{MAX_DEPTH, MAX_DIGITS};
pub use reader::{BATCH_BYTES, BATCH_ROWS, BATCH_SPAN, Gauges, Reader, Step};
pub use scanner::{MAX_LINE, MAX_LINE_CEILING, MAX_PUSH, Scanner, Wanted};
