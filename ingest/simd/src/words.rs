//! Eight 64-bit words as one value, the unit of the structure's logic.

/// Eight words, on which all operations but [`Words::up`] and [`Words::prefix_xor`] are wordwise.
///
/// # Safety
///
/// Every function may use the instruction set that the type is named after, and may be called only where the processor
/// has it. They must all be inlined into a function that enables it.
pub(crate) trait Words: Copy {
    unsafe fn load(words: &[u64; 8]) -> Self;
    unsafe fn store(self, words: &mut [u64; 8]);
    unsafe fn splat(word: u64) -> Self;
    unsafe fn and(self, other: Self) -> Self;
    unsafe fn or(self, other: Self) -> Self;
    unsafe fn xor(self, other: Self) -> Self;
    /// `self & !other`
    unsafe fn but(self, other: Self) -> Self;
    /// Wrapping.
    unsafe fn add(self, other: Self) -> Self;
    /// `self << 1`
    unsafe fn shl1(self) -> Self;
    /// `self >> 63`
    unsafe fn shr63(self) -> Self;
    /// Bit i is the highest bit of word i.
    unsafe fn top(self) -> u32;
    /// Word i is all ones where bit i is set, else zero.
    unsafe fn fill(bits: u32) -> Self;
    /// Bit i is set where word i is less than that of `other`, both unsigned.
    unsafe fn less(self, other: Self) -> u32;
    /// Bit i is set where word i is all ones.
    unsafe fn full(self) -> u32;
    /// Each word one place up; the first is the last of `before`.
    unsafe fn up(self, before: Self) -> Self;
    unsafe fn any(self) -> bool;
    /// Bit i of a word becomes the parity of its bits 0 to i.
    unsafe fn prefix_xor(self) -> Self;
}

/// Eight words without any special instruction.
#[derive(Clone, Copy)]
pub(crate) struct Plain([u64; 8]);

impl Plain {
    #[inline(always)]
    fn map(self, f: impl Fn(u64) -> u64) -> Self {
        Self(self.0.map(f))
    }
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
    #[inline(always)]
    fn bits(self, f: impl Fn(u64) -> bool) -> u32 {
        self.0.iter().enumerate().map(|(i, &word)| u32::from(f(word)) << i).sum()
    }
}

impl Words for Plain {
    #[inline(always)]
    unsafe fn load(words: &[u64; 8]) -> Self {
        Self(*words)
    }
    #[inline(always)]
    unsafe fn store(self, words: &mut [u64; 8]) {
        *words = self.0;
    }
    #[inline(always)]
    unsafe fn splat(word: u64) -> Self {
        Self([word; 8])
    }
    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }
    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }
    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        self.zip(other, |a, b| a ^ b)
    }
    #[inline(always)]
    unsafe fn but(self, other: Self) -> Self {
        self.zip(other, |a, b| a & !b)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, u64::wrapping_add)
    }
    #[inline(always)]
    unsafe fn shl1(self) -> Self {
        self.map(|a| a << 1)
    }
    #[inline(always)]
    unsafe fn shr63(self) -> Self {
        self.map(|a| a >> 63)
    }
    #[inline(always)]
    unsafe fn top(self) -> u32 {
        self.bits(|a| a >> 63 == 1)
    }
    #[inline(always)]
    unsafe fn fill(bits: u32) -> Self {
        Self(std::array::from_fn(|i| u64::from(bits >> i & 1).wrapping_neg()))
    }
    #[inline(always)]
    unsafe fn less(self, other: Self) -> u32 {
        (0..8).map(|i| u32::from(self.0[i] < other.0[i]) << i).sum()
    }
    #[inline(always)]
    unsafe fn full(self) -> u32 {
        self.bits(|a| a == !0)
    }
    #[inline(always)]
    unsafe fn up(self, before: Self) -> Self {
        Self(std::array::from_fn(|i| if i == 0 { before.0[7] } else { self.0[i - 1] }))
    }
    #[inline(always)]
    unsafe fn any(self) -> bool {
        self.0.iter().any(|&a| a != 0)
    }
    #[inline(always)]
    unsafe fn prefix_xor(self) -> Self {
        self.map(prefix_xor)
    }
}

/// Bit i becomes the parity of bits 0 to i.
#[inline(always)]
pub(crate) fn prefix_xor(mut word: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        word ^= word << shift;
    }
    word
}
