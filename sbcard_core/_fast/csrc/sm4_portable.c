/* SM4 in plain C: bit planes of sixteen lanes, the S-box as a circuit, no table.
 *
 * A word of the cipher is eight planes of 64 bits: bit j of its byte p (0 the
 * most significant) in lane l is bit 16 p + l of plane j. Turning a word left by
 * eight bits is then a turn of each plane by sixteen, and turning it by two is a
 * renaming of planes.
 */
#include <string.h>

#include "sm4.h"
#include "sm4_sbox.h"
#include "wipe.h"

#define LANES 16

typedef struct {
    uint64_t word[4][8];
} lanes_block;

typedef struct {
    uint64_t round[32][8];
} lanes_keys;

static const uint32_t FK[4] = {0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc};

static inline uint64_t turn(uint64_t plane, int bytes) {
    return plane >> 16 * bytes | plane << (64 - 16 * bytes);
}

/* 8 x 8 bits across eight words: bit i of byte k of word j and bit j of byte k of word i change places. */
static inline void transpose(uint64_t q[8]) {
#define EXCHANGE(a, b, mask, by)                  \
    do {                                          \
        uint64_t t = ((a >> (by)) ^ b) & (mask);  \
        b ^= t;                                   \
        a ^= t << (by);                           \
    } while (0)
    int i;
    for (i = 0; i < 8; i += 2) {
        EXCHANGE(q[i], q[i + 1], UINT64_C(0x5555555555555555), 1);
    }
    for (i = 0; i < 8; i += i & 1 ? 3 : 1) {
        EXCHANGE(q[i], q[i + 2], UINT64_C(0x3333333333333333), 2);
    }
    for (i = 0; i < 4; i++) {
        EXCHANGE(q[i], q[i + 4], UINT64_C(0x0f0f0f0f0f0f0f0f), 4);
    }
#undef EXCHANGE
}

/* The four bytes at p as the even (or, shifted by 8, odd) bytes of a word. */
static inline uint64_t spread(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 16 | (uint64_t)p[2] << 32 | (uint64_t)p[3] << 48;
}

static void lanes_load(lanes_block *x, const uint8_t *const at[LANES], size_t used) {
    int word, i;
    (void)used;
    for (word = 0; word < 4; word++) {
        for (i = 0; i < 8; i++) {
            x->word[word][i] = spread(at[i] + 4 * word) | spread(at[i + 8] + 4 * word) << 8;
        }
        transpose(x->word[word]);
    }
}

static void lanes_store(const lanes_block *x, uint8_t *const at[LANES], size_t used) {
    uint64_t q[8];
    int word, i, byte;
    (void)used;
    for (word = 0; word < 4; word++) {
        memcpy(q, x->word[word], sizeof q);
        transpose(q);
        for (i = 0; i < 8; i++) {
            for (byte = 0; byte < 4; byte++) {
                at[i][4 * word + byte] = (uint8_t)(q[i] >> 16 * byte);
                at[i + 8][4 * word + byte] = (uint8_t)(q[i] >> (16 * byte + 8));
            }
        }
    }
}

static void lanes_xor(lanes_block *x, const lanes_block *y) {
    int word, i;
    for (word = 0; word < 4; word++) {
        for (i = 0; i < 8; i++) {
            x->word[word][i] ^= y->word[word][i];
        }
    }
}

/* a ^= L(S(b ^ c ^ d ^ key)), L(s) = s + s<<<2 + s<<<10 + s<<<18 + s<<<24 */
static inline void round_planes(uint64_t a[8], const uint64_t b[8], const uint64_t c[8], const uint64_t d[8],
                                const uint64_t key[8]) {
    uint64_t s[8], two;
    int j;
    for (j = 0; j < 8; j++) {
        s[j] = b[j] ^ c[j] ^ d[j] ^ key[j];
    }
    sm4_sbox_planes(s);
    for (j = 0; j < 8; j++) {
        two = j < 2 ? turn(s[j + 6], 1) : s[j - 2];
        a[j] ^= s[j] ^ two ^ turn(two ^ turn(two ^ turn(s[j], 1), 1), 1);
    }
}

/* The same for round keys, with L'(s) = s + s<<<13 + s<<<23 and a public constant. */
static inline void key_planes(uint64_t a[8], const uint64_t b[8], const uint64_t c[8], const uint64_t d[8],
                              const uint64_t constant[8]) {
    uint64_t s[8];
    int j;
    for (j = 0; j < 8; j++) {
        s[j] = b[j] ^ c[j] ^ d[j] ^ constant[j];
    }
    sm4_sbox_planes(s);
    for (j = 0; j < 8; j++) {
        a[j] ^= s[j] ^ (j < 5 ? turn(s[j + 3], 2) : turn(s[j - 5], 1)) ^ (j < 7 ? turn(s[j + 1], 3) : turn(s[0], 2));
    }
}

/* A constant word in every lane. */
static void constant_planes(uint64_t planes[8], uint32_t word) {
    int j, byte;
    for (j = 0; j < 8; j++) {
        planes[j] = 0;
        for (byte = 0; byte < 4; byte++) {
            planes[j] |= (word >> (24 - 8 * byte) >> j & 1) * (UINT64_C(0xffff) << 16 * byte);
        }
    }
}

static void lanes_expand(lanes_keys *k, const uint8_t *const at[LANES], int decrypt, size_t used) {
    lanes_block x;
    uint64_t constant[8];
    int r, j, byte;
    lanes_load(&x, at, used);
    for (r = 0; r < 4; r++) {
        constant_planes(constant, FK[r]);
        for (j = 0; j < 8; j++) {
            x.word[r][j] ^= constant[j];
        }
    }
    for (r = 0; r < 32; r++) {
        uint32_t ck = 0;
        for (byte = 0; byte < 4; byte++) {
            ck = ck << 8 | (uint32_t)((4 * r + byte) * 7 & 255);
        }
        constant_planes(constant, ck);
        key_planes(x.word[r & 3], x.word[(r + 1) & 3], x.word[(r + 2) & 3], x.word[(r + 3) & 3], constant);
        memcpy(k->round[decrypt ? 31 - r : r], x.word[r & 3], sizeof k->round[0]);
    }
}

static void lanes_crypt(lanes_block *x, const lanes_keys *k, size_t used) {
    uint64_t swap[8];
    int r;
    (void)used;
    for (r = 0; r < 32; r += 4) {
        round_planes(x->word[0], x->word[1], x->word[2], x->word[3], k->round[r]);
        round_planes(x->word[1], x->word[2], x->word[3], x->word[0], k->round[r + 1]);
        round_planes(x->word[2], x->word[3], x->word[0], x->word[1], k->round[r + 2]);
        round_planes(x->word[3], x->word[0], x->word[1], x->word[2], k->round[r + 3]);
    }
    for (r = 0; r < 2; r++) {
        memcpy(swap, x->word[r], sizeof swap);
        memcpy(x->word[r], x->word[3 - r], sizeof swap);
        memcpy(x->word[3 - r], swap, sizeof swap);
    }
}

#include "sm4_modes.h"

const sbc_sm4_level sbc_sm4_portable = {level_ecb, level_cbc, level_cbc_mac, level_derive};
