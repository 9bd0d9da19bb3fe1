/* One message in byte shuffles (SSSE3 or AVX2): a bit of the state is a byte of 00 or FF.
 *
 * Permutations are byte shuffles with constant patterns. All 32 output functions of a round run side by side, one to a
 * byte: the eight bits of a byte are the function for the eight values of x0 x1 x2, computed from x3 x4 x5 as an XOR
 * sum of products, and the right bit is then picked by AND and compare. No table is indexed by data.
 */
#include <immintrin.h>

#include "des_small_tables.h"

typedef struct {
    __m128i ALIGNED mask[16][6][2];
} small_key;

typedef struct {
    __m128i ALIGNED left[2];
    __m128i ALIGNED right[2];
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

#define TERM(m) TERMS(SMALL_NORMAL, m)
#define LINEAR(m) XOR(TERM(m), AND(x[5], TERM((m) + 1)))
/* Left alone, the compiler turns the sum below into one long chain. */
#define KEEP(v) __asm__("" : "+x"(v))

/* Byte by byte: the function of x3 x4 x5 for the eight values of x0 x1 x2, then the bit for the one that holds. */
#define PICK(v, one)                                                      \
    do {                                                                  \
        v = XOR(LINEAR(0), AND(x[4], LINEAR(2)));                         \
        one = XOR(AND(x[3], LINEAR(4)), AND(AND(x[3], x[4]), LINEAR(6))); \
        KEEP(v);                                                          \
        KEEP(one);                                                        \
        v = XOR(v, one);                                                  \
        one = AND(AND(x[0], x[1]), x[2]);                                 \
    } while (0)

#if defined(__AVX2__)
#define AND(a, b) _mm256_and_si256(a, b)
#define XOR(a, b) _mm256_xor_si256(a, b)
#define TERMS(table, i) _mm256_load_si256((const __m256i *)(const void *)(table) + (i))

/* The input bits of R above the outputs they decide. */
static inline void small_spread(__m256i *x, __m256i r) {
    __m256i crossed = _mm256_permute2x128_si256(r, r, 1);
    int i;
    for (i = 0; i < 6; i++) {
        x[i] = XOR(x[i], _mm256_shuffle_epi8(r, TERMS(SMALL_EXPAND, 2 * i)));
        x[i] = XOR(x[i], _mm256_shuffle_epi8(crossed, TERMS(SMALL_EXPAND, 2 * i + 1)));
    }
}

static inline __m256i small_boxes(const __m256i *x) {
    __m256i v, one;
    PICK(v, one);
    return _mm256_cmpeq_epi8(AND(v, one), one);
}

/* The next round's inputs are R spread, and R is L plus the output: L is spread and keyed while the S-boxes work. */
static NOINLINE void small_des(small_state *s, const small_key *key, int decrypt) {
    const __m256i *mask = (const __m256i *)(const void *)key->mask[decrypt ? 15 : 0];
    ptrdiff_t step = decrypt ? -6 : 6;
    __m256i l = TERMS(s->left, 0), r = TERMS(s->right, 0), f, x[6], next[6];
    int i, k;
    for (k = 0; k < 6; k++) {
        x[k] = mask[k];
    }
    small_spread(x, r);
    for (i = 0; i < 15; i++) {
        mask += step;
        for (k = 0; k < 6; k++) {
            next[k] = mask[k];
        }
        small_spread(next, l);
        f = small_boxes(x);
        small_spread(next, f);
        f = XOR(l, f);
        l = r;
        r = f;
        for (k = 0; k < 6; k++) {
            x[k] = next[k];
        }
    }
    l = XOR(l, small_boxes(x));
    _mm256_store_si256((__m256i *)(void *)s->left, l); /* no swap after the last round */
    _mm256_store_si256((__m256i *)(void *)s->right, r);
}
#else
#define AND(a, b) _mm_and_si128(a, b)
#define XOR(a, b) _mm_xor_si128(a, b)
#define TERMS(table, i) AT(table, 2 * (i) + h)

/* Half `h` of a round's output, from the same half of R and the other. */
static inline __m128i small_half(__m128i same, __m128i other, const __m128i (*mask)[2], int h) {
    __m128i x[6], v, one;
    int i;
    for (i = 0; i < 6; i++) {
        x[i] = XOR(XOR(_mm_shuffle_epi8(same, AT(SMALL_EXPAND, 4 * i + h)), mask[i][h]),
                   _mm_shuffle_epi8(other, AT(SMALL_EXPAND, 4 * i + 2 + h)));
    }
    PICK(v, one);
    return _mm_cmpeq_epi8(AND(v, one), one);
}

static NOINLINE void small_des(small_state *s, const small_key *key, int decrypt) {
    const __m128i(*mask)[6][2] = key->mask + (decrypt ? 15 : 0);
    ptrdiff_t step = decrypt ? -1 : 1;
    __m128i l0 = s->left[0], l1 = s->left[1], r0 = s->right[0], r1 = s->right[1];
    int i;
    for (i = 0; i < 8; i++) {
        l0 = XOR(l0, small_half(r0, r1, *mask, 0));
        l1 = XOR(l1, small_half(r1, r0, *mask, 1));
        mask += step;
        r0 = XOR(r0, small_half(l0, l1, *mask, 0));
        r1 = XOR(r1, small_half(l1, l0, *mask, 1));
        mask += step;
    }
    s->left[0] = r0; /* no swap after the last round */
    s->left[1] = r1;
    s->right[0] = l0;
    s->right[1] = l1;
}
#endif
