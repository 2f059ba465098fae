//! What can go wrong, as closed enums.

use std::io;

use crate::compress::Compression;

/// A request that no input could satisfy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The limit of a line is zero or above [`crate::MAX_LINE_CEILING`].
    #[error("max_line must be between 1 and {ceiling}, not {given}")]
    MaxLine {
        /// The limit that was requested.
        given: usize,
        /// The greatest limit.
        ceiling: usize,
    },
    /// The projection is invalid.
    #[error("projection: {reason}")]
    Projection {
        /// What is wrong with it.
        reason: String,
    },
    /// More bytes were pushed at once than one batch can address.
    #[error("{given} bytes in one piece; at most {limit} can be taken at once")]
    PushTooLong {
        /// Length of the piece.
        given: usize,
        /// The greatest length.
        limit: usize,
    },
}

/// Why a stream could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system's error.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The compressed stream is damaged: `offset` decompressed bytes came out of it before.
    #[error("corrupt {compression} stream at decompressed byte {offset}: {reason}")]
    Corrupt {
        /// The kind of compression.
        compression: Compression,
        /// Decompressed bytes before the damage.
        offset: u64,
        /// What the decoder says.
        reason: String,
    },
    /// The compressed stream ends in the middle of a member or frame.
    #[error("truncated {compression} stream at decompressed byte {offset}")]
    Truncated {
        /// The kind of compression.
        compression: Compression,
        /// Decompressed bytes before the end.
        offset: u64,
    },
}
