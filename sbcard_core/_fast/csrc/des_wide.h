/* The wide path: bitsliced DES for vectors of VEC_BYTES bytes. Included once per level file.
 *
 * Why this shape: a plane is one bit of LANES messages, so the permutations of DES cost nothing (they only name other
 * planes), an S-box is a circuit of logic gates on planes, and every message may have its own key. What is left to pay
 * are the gates and the transposition of the data into planes and back. The state stays in planes from the first block
 * of a message to its last.
 *
 * Message l of a pass is bit l / WORDS of word l % WORDS of each plane.
 */
#include <string.h>

#include "des.h"
#include "des_sbox.h"
#include "des_tables.h"

#define WORDS (VEC_BYTES / 8)
#define LANES (VEC_BYTES * 8)

#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE
#endif

#if VEC_BYTES == 8
typedef uint64_t vec;
#else
typedef uint64_t vec __attribute__((vector_size(VEC_BYTES)));
#endif

/* All a pass needs, wiped as a whole when the call ends. */
typedef struct {
    vec keys[3][64];
    vec state[64]; /* in the order of IP: half `left` is L */
    vec planes[64];
    vec aside[64];
    uint64_t words[LANES];
    const uint8_t *at[LANES]; /* where each message of the pass begins */
    size_t length[LANES];
    size_t index[LANES];
    uint8_t round_key[16][48]; /* in units of 8 bytes, to fit the address modes */
    int left;
    int key_count;
} wide;

static inline uint64_t load_le64(const uint8_t *p) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
#else
    uint64_t x = 0;
    int i;
    for (i = 7; i >= 0; i--) {
        x = x << 8 | p[i];
    }
    return x;
#endif
}

static inline void store_le64(uint8_t *p, uint64_t x) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(p, &x, 8);
#else
    int i;
    for (i = 0; i < 8; i++) {
        p[i] = (uint8_t)(x >> 8 * i);
    }
#endif
}

static inline vec everywhere(uint64_t word) {
    uint64_t words[WORDS];
    vec v;
    int g;
    for (g = 0; g < WORDS; g++) {
        words[g] = word;
    }
    memcpy(&v, words, sizeof v);
    return v;
}

/* ---- planes ---------------------------------------------------------------------------------------------------- */

#define SWAP(x, y, distance, low)                              \
    do {                                                       \
        const vec t = (((x) >> (distance)) ^ (y)) & (low);     \
        (x) ^= t << (distance);                                \
        (y) ^= t;                                              \
    } while (0)

/* Three of the six steps of a 64 x 64 bit transposition on eight rows in registers. */
#define SWAP_EIGHT(v, distance, low4, low2, low1)     \
    do {                                              \
        const vec mask4 = everywhere(low4);           \
        const vec mask2 = everywhere(low2);           \
        const vec mask1 = everywhere(low1);           \
        SWAP((v)[0], (v)[4], 4 * (distance), mask4);  \
        SWAP((v)[1], (v)[5], 4 * (distance), mask4);  \
        SWAP((v)[2], (v)[6], 4 * (distance), mask4);  \
        SWAP((v)[3], (v)[7], 4 * (distance), mask4);  \
        SWAP((v)[0], (v)[2], 2 * (distance), mask2);  \
        SWAP((v)[1], (v)[3], 2 * (distance), mask2);  \
        SWAP((v)[4], (v)[6], 2 * (distance), mask2);  \
        SWAP((v)[5], (v)[7], 2 * (distance), mask2);  \
        SWAP((v)[0], (v)[1], (distance), mask1);      \
        SWAP((v)[2], (v)[3], (distance), mask1);      \
        SWAP((v)[4], (v)[5], (distance), mask1);      \
        SWAP((v)[6], (v)[7], (distance), mask1);      \
    } while (0)

static inline void swap_bytes_of_rows(vec *a, const vec *from, int k) {
    vec v[8];
    int i;
    for (i = 0; i < 8; i++) {
        v[i] = from[i];
    }
    SWAP_EIGHT(v, 8, 0x00000000FFFFFFFFu, 0x0000FFFF0000FFFFu, 0x00FF00FF00FF00FFu);
    for (i = 0; i < 8; i++) {
        a[k + 8 * i] = v[i];
    }
}

static void swap_bits_of_rows(vec *a) {
    int k, i;
    for (k = 0; k < 64; k += 8) {
        vec v[8];
        for (i = 0; i < 8; i++) {
            v[i] = a[k + i];
        }
        SWAP_EIGHT(v, 1, 0x0F0F0F0F0F0F0F0Fu, 0x3333333333333333u, 0x5555555555555555u);
        for (i = 0; i < 8; i++) {
            a[k + i] = v[i];
        }
    }
}

/* 64 rows of one word per message to 64 planes, and back: the same steps. */
static NOINLINE void transpose(vec *a) {
    int k, i;
    for (k = 0; k < 8; k++) {
        vec rows[8];
        for (i = 0; i < 8; i++) {
            rows[i] = a[k + 8 * i];
        }
        swap_bytes_of_rows(a, rows, k);
    }
    swap_bits_of_rows(a);
}

/* planes <- the 8 bytes at at[l] + offset of every message */
static NOINLINE void gather(vec *planes, const uint8_t *const *at, size_t offset) {
    int k, i, g;
    for (k = 0; k < 8; k++) {
        vec rows[8];
        for (i = 0; i < 8; i++) {
            uint64_t words[WORDS];
            for (g = 0; g < WORDS; g++) {
                words[g] = load_le64(at[WORDS * (k + 8 * i) + g] + offset);
            }
            memcpy(&rows[i], words, sizeof(vec));
        }
        swap_bytes_of_rows(planes, rows, k);
    }
    swap_bits_of_rows(planes);
}

static void planes_from_words(vec *planes, const uint64_t *words) {
    memcpy(planes, words, LANES * sizeof *words);
    transpose(planes);
}

static void words_from_planes(uint64_t *words, vec *planes) {
    transpose(planes);
    memcpy(words, planes, LANES * sizeof *words);
}

static void planes_of_one(vec *planes, const uint8_t *bytes) {
    uint64_t word = load_le64(bytes);
    int i;
    for (i = 0; i < 64; i++) {
        planes[i] = everywhere((uint64_t)0 - (word >> i & 1));
    }
}

/* ---- the cipher ------------------------------------------------------------------------------------------------ */

/* Values shared by two S-boxes are loaded again instead of being held: registers are scarcer than loads. */
#if defined(__GNUC__)
#define FENCE __asm__ __volatile__("" : : : "memory")
#else
#define FENCE (void)0
#endif

#define K(i) (*(const vec *)(const void *)((const uint64_t *)(const void *)keys + at[i]))
#define ROUND(L, R) \
    do { \
        S1(R[31] ^ K(0), R[0] ^ K(1), R[1] ^ K(2), R[2] ^ K(3), R[3] ^ K(4), R[4] ^ K(5), L[8], L[16], L[22], L[30]); FENCE; \
        S2(R[3] ^ K(6), R[4] ^ K(7), R[5] ^ K(8), R[6] ^ K(9), R[7] ^ K(10), R[8] ^ K(11), L[12], L[27], L[1], L[17]); FENCE; \
        S3(R[7] ^ K(12), R[8] ^ K(13), R[9] ^ K(14), R[10] ^ K(15), R[11] ^ K(16), R[12] ^ K(17), L[23], L[15], \
           L[29], L[5]); FENCE; \
        S4(R[11] ^ K(18), R[12] ^ K(19), R[13] ^ K(20), R[14] ^ K(21), R[15] ^ K(22), R[16] ^ K(23), L[25], L[19], \
           L[9], L[0]); FENCE; \
        S5(R[15] ^ K(24), R[16] ^ K(25), R[17] ^ K(26), R[18] ^ K(27), R[19] ^ K(28), R[20] ^ K(29), L[7], L[13], \
           L[24], L[2]); FENCE; \
        S6(R[19] ^ K(30), R[20] ^ K(31), R[21] ^ K(32), R[22] ^ K(33), R[23] ^ K(34), R[24] ^ K(35), L[3], L[28], \
           L[10], L[18]); FENCE; \
        S7(R[23] ^ K(36), R[24] ^ K(37), R[25] ^ K(38), R[26] ^ K(39), R[27] ^ K(40), R[28] ^ K(41), L[31], L[11], \
           L[21], L[6]); FENCE; \
        S8(R[27] ^ K(42), R[28] ^ K(43), R[29] ^ K(44), R[30] ^ K(45), R[31] ^ K(46), R[0] ^ K(47), L[4], L[26], \
           L[14], L[20]); \
    } while (0)

/* Sixteen rounds, the round keys taken from `at` on by `step` (48 or -48). */
static NOINLINE void rounds(vec *restrict left, vec *restrict right, const vec *restrict keys, const uint8_t *at,
                            ptrdiff_t step) {
    int r;
    for (r = 0; r < 8; r++) {
        ROUND(left, right);
        at += step;
        ROUND(right, left);
        at += step;
    }
}

static void des(wide *w, const vec *key, int decrypt) {
    rounds(w->state + 32 * w->left, w->state + 32 * (1 - w->left), key, w->round_key[decrypt ? 15 : 0],
           decrypt ? -48 : 48);
    w->left ^= 1; /* no swap after the last round */
}

/* The whole key: DES, or E(K1) D(K2) E(K3) and its inverse. */
static void encipher(wide *w, int decrypt) {
    if (w->key_count == 1) {
        des(w, w->keys[0], decrypt);
        return;
    }
    des(w, w->keys[!decrypt || w->key_count == 2 ? 0 : 2], decrypt);
    des(w, w->keys[1], !decrypt);
    des(w, w->keys[decrypt || w->key_count == 2 ? 0 : 2], decrypt);
}

static void state_set(wide *w, const vec *planes) {
    int i;
    for (i = 0; i < 64; i++) {
        w->state[i] = planes[INITIAL[i]];
    }
    w->left = 0;
}

static void state_add(wide *w, const vec *planes) {
    vec *left = w->state + 32 * w->left, *right = w->state + 32 * (1 - w->left);
    int i;
    for (i = 0; i < 32; i++) {
        left[i] ^= planes[INITIAL[i]];
        right[i] ^= planes[INITIAL[32 + i]];
    }
}

static void state_get(const wide *w, vec *planes) {
    const vec *left = w->state + 32 * w->left, *right = w->state + 32 * (1 - w->left);
    int i;
    for (i = 0; i < 32; i++) {
        planes[INITIAL[i]] = left[i];
        planes[INITIAL[32 + i]] = right[i];
    }
}

static void wide_begin(wide *w, size_t key_length) {
    int r, i;
    for (r = 0; r < 16; r++) {
        for (i = 0; i < 48; i++) {
            w->round_key[r][i] = (uint8_t)(ROUND_KEY[r][i] * WORDS);
        }
    }
    w->key_count = (int)(key_length / 8);
}

/* Keys of messages index[0 .. LANES), or the one key. */
static void keys_load(wide *w, const sbc_des_job *job) {
    const uint8_t *at[LANES];
    int part, l;
    for (l = 0; l < LANES; l++) {
        at[l] = job->keys + job->key_step * w->index[l];
    }
    for (part = 0; part < w->key_count; part++) {
        gather(w->keys[part], at, 8 * (size_t)part);
    }
}

static void keys_load_one(wide *w, const uint8_t *key) {
    int part;
    for (part = 0; part < w->key_count; part++) {
        planes_of_one(w->keys[part], key + 8 * part);
    }
}
