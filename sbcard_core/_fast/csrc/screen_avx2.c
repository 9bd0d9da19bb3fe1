/* AVX2 path of the screen: 64 bytes of a file a time, a cell's bytes all at once. */
#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "target.h"

SBC_TARGET("avx2")

#include "screen_cells.h"

#define LEVEL(name) name##_avx2
#define SBC_IDCHECK sbc_idcheck_avx2
#define SBC_STRIPS

typedef __m256i vec;

static inline unsigned first_bit(uint64_t mask) {
    return (unsigned)__builtin_ctzll(mask);
}

static inline unsigned ones(uint64_t mask) {
    return (unsigned)__builtin_popcountll(mask);
}

static inline vec load256(const uint8_t *p) {
    return _mm256_loadu_si256((const vec *)(const void *)p);
}

static inline __m128i load128(const uint8_t *p) {
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline uint64_t mask64(vec low, vec high) {
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

static inline uint64_t equals64(const uint8_t *p, uint8_t byte) {
    vec wanted = _mm256_set1_epi8((char)byte);
    return mask64(_mm256_cmpeq_epi8(load256(p), wanted), _mm256_cmpeq_epi8(load256(p + 32), wanted));
}

static inline vec event(vec v, vec delimiter) {
    vec ends = _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\n')),
                               _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\r')));
    return _mm256_or_si256(ends, _mm256_cmpeq_epi8(v, delimiter));
}

static inline uint64_t events64(const uint8_t *p, uint8_t delimiter) {
    vec wanted = _mm256_set1_epi8((char)delimiter);
    return mask64(event(load256(p), wanted), event(load256(p + 32), wanted));
}

/* Bytes beyond the cell's end do not count; max(min(v, high), low) == v is low <= v <= high. */
static inline int shape16(const uint8_t *ranges, uint32_t count, sbc_cell cell) {
    __m128i v = load128(cell.at), ok = _mm_setzero_si128();
    uint32_t k;
    for (k = 0; k < count; k++, ranges += 2 * SBC_PAD) {
        __m128i held = _mm_max_epu8(_mm_min_epu8(v, load128(ranges + SBC_PAD)), load128(ranges));
        ok = _mm_or_si128(ok, _mm_cmpeq_epi8(held, v));
    }
    return (((uint32_t)_mm_movemask_epi8(ok) | 0xFFFFu << cell.length) & 0xFFFF) == 0xFFFF;
}

static inline int shape32(const uint8_t *ranges, uint32_t count, sbc_cell cell) {
    vec v = load256(cell.at), ok = _mm256_setzero_si256();
    uint32_t k;
    for (k = 0; k < count; k++, ranges += 2 * SBC_PAD) {
        vec held = _mm256_max_epu8(_mm256_min_epu8(v, load256(ranges + SBC_PAD)), load256(ranges));
        ok = _mm256_or_si256(ok, _mm256_cmpeq_epi8(held, v));
    }
    return (uint32_t)((uint32_t)_mm256_movemask_epi8(ok) | (uint32_t)(0xFFFFFFFFull << cell.length)) == 0xFFFFFFFFu;
}

#define IN_BOUNDS(check, cell) ((cell).length >= (check)->min && (cell).length <= (check)->max)

#define shapes(check, ranges, tile)                                                                \
    do {                                                                                           \
        if ((check)->max <= 16 && (check)->size == 1) {                                            \
            EACH(tile, check, cell, IN_BOUNDS(check, cell) && shape16(ranges, 1, cell));           \
        } else if ((check)->max <= 16) {                                                           \
            EACH(tile, check, cell, IN_BOUNDS(check, cell) && shape16(ranges, (check)->size, cell)); \
        } else {                                                                                   \
            EACH(tile, check, cell, IN_BOUNDS(check, cell) && shape32(ranges, (check)->size, cell)); \
        }                                                                                          \
    } while (0)

#include "screen_classes.h"

#define texts(check, tables, tile, k, gb)                                                \
    do {                                                                                 \
        if ((tile)->classes) {                                                           \
            const text_class own = (tile)->classes[k]; /* flags cannot change it */      \
            EACH(tile, check, cell, text_holds(&own, check, tables, cell, gb));          \
        } else {                                                                         \
            EACH(tile, check, cell, is_text(check, tables, cell, gb));                   \
        }                                                                                \
    } while (0)

#include "screen_level.h"

SBC_TARGET_END

#else
#include "screen.h"

size_t sbc_screen_count_avx2(const uint8_t *raw, size_t size) {
    return sbc_screen_count_portable(raw, size);
}

size_t sbc_screen_lines_avx2(const sbc_program *program, const sbc_lines *lines, size_t n, uint32_t *starts,
                             uint8_t *flags, uint64_t *keys) {
    return sbc_screen_lines_portable(program, lines, n, starts, flags, keys);
}

void sbc_screen_columns_avx2(const sbc_program *program, const sbc_column *columns, size_t n, uint8_t *flags,
                             uint64_t *keys) {
    sbc_screen_columns_portable(program, columns, n, flags, keys);
}
#endif
