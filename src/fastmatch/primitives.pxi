# Loads that need no alignment, and what the C compiler offers beside C.

cdef extern from *:
    """
    #include <string.h>

    #if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    #error "illshell's core reads names as little-endian words"
    #endif

    /* The two words of 16 bytes, shifted down by 0 to 15 bytes. */
    static inline void illshell_shift_down(uint64_t *low, uint64_t *high, int bytes) {
        unsigned __int128 both = ((unsigned __int128)*high << 64 | *low) >> (8 * bytes);
        *low = (uint64_t)both;
        *high = (uint64_t)(both >> 64);
    }
    /* Which of the 8 bytes of a word is the last slash, or -1. */
    static inline int illshell_last_slash(uint64_t word) {
        const uint64_t sevens = 0x7f7f7f7f7f7f7f7full;
        uint64_t x = word ^ 0x2f2f2f2f2f2f2f2full;
        uint64_t zeros = ~(((x & sevens) + sevens) | x | sevens);
        return zeros ? (63 - __builtin_clzll(zeros)) >> 3 : -1;
    }
    static inline uint64_t illshell_mix(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    static inline uint64_t illshell_load_8(const void *p) {
        uint64_t word; memcpy(&word, p, sizeof word); return word;
    }
    static inline uint32_t illshell_load_4(const void *p) {
        uint32_t word; memcpy(&word, p, sizeof word); return word;
    }
    static inline uint16_t illshell_load_2(const void *p) {
        uint16_t word; memcpy(&word, p, sizeof word); return word;
    }
    /* 16 bytes from illshell_window + 16 - n: n bytes of ones, then zeros. */
    static const uint8_t illshell_window[32] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

    #define illshell_lowest_bit(word) __builtin_ctzll(word)
    #define illshell_count_bits(word) __builtin_popcountll(word)
    #define illshell_prefetch(address) __builtin_prefetch(address)
    #define illshell_unlikely(condition) __builtin_expect(!!(condition), 0)
    """
    uint64_t mix "illshell_mix"(uint64_t a, uint64_t b) noexcept nogil
    uint64_t load_8 "illshell_load_8"(const void *p) noexcept nogil
    uint32_t load_4 "illshell_load_4"(const void *p) noexcept nogil
    uint16_t load_2 "illshell_load_2"(const void *p) noexcept nogil
    const uint8_t *window "illshell_window"
    void shift_down "illshell_shift_down"(
        uint64_t *low, uint64_t *high, int bytes) noexcept nogil
    int last_slash "illshell_last_slash"(uint64_t word) noexcept nogil
    int lowest_bit "illshell_lowest_bit"(uint64_t word) noexcept nogil
    int count_bits "illshell_count_bits"(uint64_t word) noexcept nogil
    void prefetch "illshell_prefetch"(const void *address) noexcept nogil
    bint unlikely "illshell_unlikely"(bint condition) noexcept nogil

cdef enum:
    LONGEST_NAME = 15     # a comm is 16 bytes with its NUL
    BLOCK = 16384         # rows judged at a time: enough that one wait for memory serves many rows
    BLOCK_WORDS = 256     # words of a bitmap of a block

ctypedef fused unsigned_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef inline uint64_t load(const unsigned_t *p) noexcept nogil:
    if unsigned_t is uint8_t:
        return p[0]
    elif unsigned_t is uint16_t:
        return load_2(p)
    elif unsigned_t is uint32_t:
        return load_4(p)
    else:
        return load_8(p)
