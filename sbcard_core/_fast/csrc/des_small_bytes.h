/* One message in byte shuffles (SSSE3): a bit of the state is a byte of 00 or FF.
 *
 * Permutations are byte shuffles with constant patterns. All 32 output functions of a round run side by side, one to a
 * byte: the eight bits of a byte are the function for the eight values of x0 x1 x2, computed from x3 x4 x5 as an XOR
 * sum of products, and the right bit is then picked by AND and compare. No table is indexed by data.
 */
#include <tmmintrin.h>

#include "des_small_tables.h"

typedef struct {
    __m128i mask[16][6][2];
} small_key;

typedef struct {
    __m128i left[2], right[2];
} small_state;

#define AT(table, i) _mm_load_si128((const __m128i *)(const void *)(table) + (i))

static inline __m128i bits_to_bytes(__m128i word, const uint8_t *byte, const uint8_t *bit, int i) {
    return _mm_cmpeq_epi8(_mm_and_si128(_mm_shuffle_epi8(word, AT(byte, i)), AT(bit, i)), AT(bit, i));
}

static void small_schedule(small_key *key, const uint8_t *bytes) {
    static const uint8_t turns[16] = {1, 2, 4, 6, 8, 10, 12, 14, 15, 17, 19, 21, 23, 25, 27, 28};
    static const uint8_t pick[3] = {0x0F, 0x33, 0x55}; /* so that x0 x1 x2 select one bit of eight */
    __m128i registers[2][4];
    __m128i word = _mm_loadl_epi64((const __m128i *)(const void *)bytes);
    int half, i, r;
    for (half = 0; half < 2; half++) {
        for (i = 0; i < 4; i++) {
            registers[half][i] = bits_to_bytes(word, SMALL_KEY_BYTE, SMALL_KEY_BIT, 4 * half + i);
        }
    }
    for (half = 0; half < 2; half++) {
        const uint8_t *from = (const uint8_t *)(const void *)registers[half];
        for (r = 0; r < 16; r++) {
            __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(from + turns[r]));
            __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(from + turns[r] + 16));
            for (i = 0; i < 6; i++) {
                __m128i v = _mm_or_si128(_mm_shuffle_epi8(low, AT(SMALL_CHOICE, 4 * i + 2 * half)),
                                         _mm_shuffle_epi8(high, AT(SMALL_CHOICE, 4 * i + 2 * half + 1)));
                key->mask[r][i][half] = i < 3 ? _mm_xor_si128(v, _mm_set1_epi8((char)pick[i])) : v;
            }
        }
    }
    sbc_des_wipe(registers, sizeof registers);
}

static inline void small_set(small_state *s, uint64_t word) {
    __m128i w = _mm_cvtsi64_si128((long long)word);
    s->left[0] = bits_to_bytes(w, SMALL_IN_BYTE, SMALL_IN_BIT, 0);
    s->left[1] = bits_to_bytes(w, SMALL_IN_BYTE, SMALL_IN_BIT, 1);
    s->right[0] = bits_to_bytes(w, SMALL_IN_BYTE, SMALL_IN_BIT, 2);
    s->right[1] = bits_to_bytes(w, SMALL_IN_BYTE, SMALL_IN_BIT, 3);
}

static inline void small_add(small_state *s, uint64_t word) {
    small_state t;
    small_set(&t, word);
    s->left[0] = _mm_xor_si128(s->left[0], t.left[0]);
    s->left[1] = _mm_xor_si128(s->left[1], t.left[1]);
    s->right[0] = _mm_xor_si128(s->right[0], t.right[0]);
    s->right[1] = _mm_xor_si128(s->right[1], t.right[1]);
}

static inline uint64_t small_get(const small_state *s) {
    uint64_t word = 0;
    int i;
    for (i = 0; i < 4; i++) {
        __m128i v = _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(s->left[0], AT(SMALL_OUT, 4 * i)),
                                              _mm_shuffle_epi8(s->left[1], AT(SMALL_OUT, 4 * i + 1))),
                                 _mm_or_si128(_mm_shuffle_epi8(s->right[0], AT(SMALL_OUT, 4 * i + 2)),
                                              _mm_shuffle_epi8(s->right[1], AT(SMALL_OUT, 4 * i + 3))));
        word |= (uint64_t)(unsigned)_mm_movemask_epi8(v) << (16 * i);
    }
    return word;
}

/* Half `h` of a round's output, from both halves of R. */
static inline __m128i small_half(const __m128i r0, const __m128i r1, const __m128i (*mask)[2], int h) {
    __m128i x[6], v, w;
    int i;
    for (i = 0; i < 6; i++) {
        x[i] = _mm_xor_si128(_mm_xor_si128(_mm_shuffle_epi8(r0, AT(SMALL_EXPAND, 4 * i + 2 * h)), mask[i][h]),
                             _mm_shuffle_epi8(r1, AT(SMALL_EXPAND, 4 * i + 2 * h + 1)));
    }
#define TERM(m) AT(SMALL_NORMAL, 2 * (m) + h)
#define LINEAR(m) _mm_xor_si128(TERM(m), _mm_and_si128(x[5], TERM((m) + 1)))
    v = _mm_xor_si128(LINEAR(0), _mm_and_si128(x[4], LINEAR(2)));
    w = _mm_xor_si128(LINEAR(4), _mm_and_si128(x[4], LINEAR(6)));
    v = _mm_xor_si128(v, _mm_and_si128(x[3], w));
    w = _mm_and_si128(_mm_and_si128(x[0], x[1]), x[2]); /* one bit of eight */
    return _mm_cmpeq_epi8(_mm_and_si128(v, w), w);
}

static NOINLINE void small_des(small_state *s, const small_key *key, int decrypt) {
    const __m128i (*mask)[6][2] = key->mask + (decrypt ? 15 : 0);
    ptrdiff_t step = decrypt ? -1 : 1;
    __m128i l0 = s->left[0], l1 = s->left[1], r0 = s->right[0], r1 = s->right[1], f0, f1;
    int i;
    for (i = 0; i < 8; i++) {
        f0 = small_half(r0, r1, *mask, 0);
        f1 = small_half(r0, r1, *mask, 1);
        l0 = _mm_xor_si128(l0, f0);
        l1 = _mm_xor_si128(l1, f1);
        mask += step;
        f0 = small_half(l0, l1, *mask, 0);
        f1 = small_half(l0, l1, *mask, 1);
        r0 = _mm_xor_si128(r0, f0);
        r1 = _mm_xor_si128(r1, f1);
        mask += step;
    }
    s->left[0] = r0; /* no swap after the last round */
    s->left[1] = r1;
    s->right[0] = l0;
    s->right[1] = l1;
}
