"""Declares what illshell_core.h has beside its structs."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "illshell_core.h" nogil:
    uint64_t mix "illshell_mix"(uint64_t a, uint64_t b) noexcept
    uint64_t load_8 "illshell_load_8"(const void *p) noexcept
    uint32_t load_4 "illshell_load_4"(const void *p) noexcept
    uint16_t load_2 "illshell_load_2"(const void *p) noexcept
    const uint8_t *window "illshell_window"
    void shift_down "illshell_shift_down"(uint64_t *low, uint64_t *high, int bytes) noexcept
    int last_slash "illshell_last_slash"(uint64_t word) noexcept
    int lowest_bit "illshell_lowest_bit"(uint64_t word) noexcept
    int count_bits "illshell_count_bits"(uint64_t word) noexcept
    void prefetch "illshell_prefetch"(const void *address) noexcept
    void prefetch_at "illshell_prefetch_at"(const void *base, uint64_t offset) noexcept
    bint unlikely "illshell_unlikely"(bint condition) noexcept
    uint64_t bits_of_64 "illshell_bits_of_64"(const uint8_t *bytes, int bit) noexcept
    void compare_64_words "illshell_compare_64_words"(
        const uint8_t *codes, uint32_t first, uint32_t second, uint32_t last,
        uint64_t *are_first, uint64_t *are_second, uint64_t *beyond) noexcept
    void compare_64_bytes "illshell_compare_64_bytes"(
        const uint8_t *codes, uint32_t first, uint32_t second, uint32_t last,
        uint64_t *are_first, uint64_t *are_second, uint64_t *beyond) noexcept


ctypedef fused unsigned_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef inline uint64_t load(const unsigned_t *p) noexcept nogil:
    """Load a little-endian integer that need not be aligned."""
    if unsigned_t is uint8_t:
        return p[0]
    elif unsigned_t is uint16_t:
        return load_2(p)
    elif unsigned_t is uint32_t:
        return load_4(p)
    else:
        return load_8(p)
