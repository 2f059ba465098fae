//! One line to the values of the wanted fields.
//!
//! There are two ways, to the same values. The fast one ([`walk`], [`memo`]) works on the marks of the structural
//! pass. What that finds odd goes the other way ([`visit`]), by the JSON library. What that does not vouch for is
//! deferred to the caller's own JSON library, which is the definition.

pub(crate) mod convert;
pub(crate) mod decode;
mod memo;
mod scalar;
mod shape;
mod strict;
pub(crate) mod value;
mod visit;
mod walk;
