/* The structs that illshell's core shares with other native code, and what C compilers offer beside
   C: unaligned loads, wide products, SSE2. Needs GCC or Clang, and a little-endian machine. */

#ifndef ILLSHELL_CORE_H
#define ILLSHELL_CORE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "illshell's core reads names as little-endian words"
#endif

/* ---- structs ---- */

/* Bytes of any length in memory that somebody else owns; data NULL: a null value. */
typedef struct {
    const uint8_t *data;
    int64_t length;
} illshell_text;

/* A perfect-hash table of names of 1 to 15 bytes: each has a slot of its own, and a slot is two
   words, the name zero-padded to 16 bytes. An empty slot repeats the table's first name. */
typedef struct {
    uint64_t count; /* names */
    uint64_t seed_low, seed_high;
    uint64_t slot_mask, bucket_mask;
    uint32_t *displacements; /* bucket_mask + 1 */
    uint64_t *words;         /* 2 * (slot_mask + 1) */
    uint8_t *lengths;        /* slot_mask + 1 */
    uint32_t *numbers;       /* slot_mask + 1: which of the names stands in the slot */
    uint64_t *filter;        /* a bit for the hash of each name's first word */
    int filter_shift;        /* the hash's top 64 - filter_shift bits number the bits */
} illshell_name_table;

/* Names, and prefixes in a table for each length that a prefix has. */
typedef struct {
    illshell_name_table names; /* count 0: no names */
    int n_lengths;
    int lengths[15]; /* of prefixes, in bytes, the longest first */
    illshell_name_table prefixes[15];
} illshell_pattern_table;

enum {
    ILLSHELL_FIXED = 1, /* values of the same width, zero-padded */
    ILLSHELL_OFFSETS_32,
    ILLSHELL_OFFSETS_64,
    ILLSHELL_VIEWS,
    ILLSHELL_INDEXED,
    ILLSHELL_INTEGERS, /* integers of 1, 2, 4 or 8 bytes */
    ILLSHELL_BITS      /* booleans, a bit each */
};

/* What a column's values are: byte strings, integers within int64, booleans. */
enum { ILLSHELL_BYTES = 1, ILLSHELL_INT64, ILLSHELL_BOOL };

/* A column in memory that somebody else owns. */
typedef struct illshell_column {
    int layout;              /* one of the layouts above */
    int kind;                /* one of the kinds above; of INDEXED, its entries' */
    int64_t length;          /* rows */
    const uint8_t *validity; /* bitmap, a 0 bit is a null; NULL: no nulls */
    int64_t validity_offset; /* bits before row 0 */
    const uint8_t *data;     /* FIXED, INTEGERS: row 0; OFFSETS: the bytes that offset 0 means;
                                     BITS: the bitmap */
    int64_t data_size;       /* OFFSETS: readable bytes from data on */
    ptrdiff_t stride;        /* FIXED, INTEGERS: bytes from a row to the next */
    int64_t width;           /* FIXED, INTEGERS: bytes of a value */
    int is_signed;           /* INTEGERS */
    int64_t bit_offset;      /* BITS: bits before row 0 */
    const uint8_t *items;    /* row 0's offset, view or index */
    int index_bytes;         /* INDEXED: 1, 2, 4 or 8 */
    int64_t n_buffers;       /* VIEWS */
    const uint8_t **buffers; /* VIEWS: n_buffers */
    int64_t *buffer_sizes;   /* VIEWS: n_buffers */
    const struct illshell_column *values; /* INDEXED */
} illshell_column;

/* ---- words ---- */

static inline uint64_t illshell_load_8(const void *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}
static inline uint32_t illshell_load_4(const void *p) {
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}
static inline uint16_t illshell_load_2(const void *p) {
    uint16_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

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

/* 16 bytes from illshell_window + 16 - n: n bytes of ones, then zeros. */
static const uint8_t illshell_window[32]
    __attribute__((unused)) = {255, 255, 255, 255, 255, 255, 255, 255,
                               255, 255, 255, 255, 255, 255, 255, 255};

#define illshell_lowest_bit(word) __builtin_ctzll(word)
#define illshell_count_bits(word) __builtin_popcountll(word)
/* An address that may lie nowhere: it is not made a pointer by arithmetic on one. */
#define illshell_prefetch_at(base, offset)                                                         \
    __builtin_prefetch((const void *)((uintptr_t)(base) + (uintptr_t)(offset)))
#define illshell_prefetch(address) __builtin_prefetch(address)
#define illshell_unlikely(condition) __builtin_expect(!!(condition), 0)

/* ---- 64 rows at once ---- */

/* The bitmap of one bit (0 to 7) of 64 bytes. */
static inline uint64_t illshell_bits_of_64(const uint8_t *bytes, int bit) {
    uint64_t bits = 0;
#ifdef __SSE2__
    const __m128i up = _mm_cvtsi32_si128(7 - bit);
    for (int i = 0; i < 64; i += 16) {
        const __m128i b = _mm_loadu_si128((const __m128i *)(bytes + i));
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_sll_epi16(b, up)) << i;
    }
#else
    for (int i = 0; i < 64; i++) bits |= (uint64_t)(bytes[i] >> bit & 1) << i;
#endif
    return bits;
}

/* For 64 codes: which are the first wanted, which the second, and is any beyond the last?
   The codes of a dictionary of at most 65536 entries, so that signed compares will do. */
static inline void illshell_compare_64_words(
    const uint8_t *codes, uint32_t first, uint32_t second, uint32_t last, uint64_t *are_first,
    uint64_t *are_second, uint64_t *beyond
) {
    uint64_t firsts = 0, seconds = 0;
#ifdef __SSE2__
    const __m128i a = _mm_set1_epi32((int)first), b = _mm_set1_epi32((int)second);
    const __m128i top = _mm_set1_epi32((int)last);
    __m128i wrong = _mm_setzero_si128();
    for (int i = 0; i < 64; i += 16) {
        __m128i c[4], p[2], q[2];
        for (int k = 0; k < 4; k++) {
            c[k] = _mm_loadu_si128((const __m128i *)(codes + 4 * (i + 4 * k)));
            wrong = _mm_or_si128(wrong, _mm_or_si128(c[k], _mm_sub_epi32(top, c[k])));
        }
        for (int k = 0; k < 2; k++) {
            const __m128i even = c[2 * k], odd = c[2 * k + 1];
            p[k] = _mm_packs_epi32(_mm_cmpeq_epi32(even, a), _mm_cmpeq_epi32(odd, a));
            q[k] = _mm_packs_epi32(_mm_cmpeq_epi32(even, b), _mm_cmpeq_epi32(odd, b));
        }
        firsts |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(p[0], p[1])) << i;
        seconds |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(q[0], q[1])) << i;
    }
    *beyond |= (uint64_t)_mm_movemask_ps(_mm_castsi128_ps(wrong));
#else
    for (int i = 0; i < 64; i++) {
        uint32_t code = illshell_load_4(codes + 4 * i);
        firsts |= (uint64_t)(code == first) << i;
        seconds |= (uint64_t)(code == second) << i;
        *beyond |= code > last;
    }
#endif
    *are_first = firsts;
    *are_second = seconds;
}

static inline void illshell_compare_64_bytes(
    const uint8_t *codes, uint32_t first, uint32_t second, uint32_t last, uint64_t *are_first,
    uint64_t *are_second, uint64_t *beyond
) {
    uint64_t firsts = 0, seconds = 0;
#ifdef __SSE2__
    const __m128i a = _mm_set1_epi8((char)first), b = _mm_set1_epi8((char)second);
    const __m128i top = _mm_set1_epi8((char)last);
    __m128i wrong = _mm_setzero_si128();
    for (int i = 0; i < 64; i += 16) {
        __m128i c = _mm_loadu_si128((const __m128i *)(codes + i));
        wrong = _mm_or_si128(wrong, _mm_subs_epu8(c, top));
        firsts |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(c, a)) << i;
        seconds |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(c, b)) << i;
    }
    wrong = _mm_cmpeq_epi8(wrong, _mm_setzero_si128());
    *beyond |= (uint64_t)(_mm_movemask_epi8(wrong) != 0xffff);
#else
    for (int i = 0; i < 64; i++) {
        firsts |= (uint64_t)(codes[i] == first) << i;
        seconds |= (uint64_t)(codes[i] == second) << i;
        *beyond |= codes[i] > last;
    }
#endif
    *are_first = firsts;
    *are_second = seconds;
}

#endif
