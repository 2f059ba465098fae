//! One line to the values of the projected fields.
//!
//! Two paths give the same values. The fast path ([`walk`], [`memo`]) works on the marks of the structural pass. A line
//! that it does not support takes the serde_json path ([`visit`]). A line that this does not accept either is deferred
//! to the caller's `json.loads`, which is the definition.

pub(crate) mod convert;
pub(crate) mod decode;
mod memo;
mod scalar;
mod shape;
mod strict;
pub(crate) mod value;
mod visit;
mod walk;
