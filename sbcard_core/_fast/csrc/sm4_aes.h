/* SM4 by the AES instruction; included by sm4_aesni.c, sm4_avx2.c and sm4_vaes.c after they have defined the vector:
 *
 *   vec, WIDTH (32-bit words of a vector), GROUPS (vectors of one word, worked on side by side:
 *   a round is a chain of some twelve instructions, so one group leaves the processor waiting)
 *   v_xor v_and v_andnot v_shift4 v_shuffle v_all32 v_repeat v_zip32lo v_zip32hi v_zip64lo v_zip64hi
 *   v_aes (last round of AES with a zero key) v_gather (a block per 128 bits) v_scatter
 *
 * The fields of SM4 and AES are isomorphic, so aesenclast inverts in SM4's field
 * too, once every byte is written in the other basis. The whole state stays in
 * that basis: XOR does not mind, and the linear part L of a round,
 *
 *   L(s) = s + s<<<2 + s<<<10 + s<<<18 + s<<<24,   byte i of s<<<2 = (s_i << 2) + (s_(i+1) >> 6),
 *
 * is byte-wise: with TURN(s) = s <<< 2 inside a byte and HOME(s) = s + (s << 2),
 *
 *   L(s)_i = HOME(s_i) + TURN(s_(i+1)) + TURN(s_(i+2)) + (HOME + TURN)(s_(i+3)).
 *
 * TURN and HOME, the S-box's output map and the bases melt into two nibble
 * tables each (byte shuffles of registers: no memory is indexed), and the byte
 * turns also undo the ShiftRows of aesenclast. Blocks are never byte-swapped:
 * byte 0 of a word is its most significant one and the lowest in memory.
 */
#ifndef SBCARD_SM4_AES_H
#define SBCARD_SM4_AES_H

#include <string.h>

#include "sm4.h"
#include "sm4_tables.h"
#include "wipe.h"

#define LANES (WIDTH * GROUPS)
#define INLINE static inline __attribute__((always_inline))

typedef struct {
    vec word[GROUPS][4];
} lanes_block;

typedef struct {
    vec round[GROUPS][32];
} lanes_keys;

/* Byte i of every word takes byte i + turn, where ShiftRows has left it. */
static const uint8_t TURNED[4][16] = {
    {0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3},
    {13, 10, 7, 0, 1, 14, 11, 4, 5, 2, 15, 8, 9, 6, 3, 12},
    {10, 7, 0, 13, 14, 11, 4, 1, 2, 15, 8, 5, 6, 3, 12, 9},
    {7, 0, 13, 10, 11, 4, 1, 14, 15, 8, 5, 2, 3, 12, 9, 6},
};

INLINE vec map(vec low, vec high, const sm4_map *m) {
    return v_xor(v_shuffle(v_repeat(m->low), low), v_shuffle(v_repeat(m->high), high));
}

INLINE vec map_bytes(vec x, const sm4_map *m) {
    vec low = v_and(x, v_all32(0x0f0f0f0f));
    return map(low, v_shift4(v_andnot(v_all32(0x0f0f0f0f), x)), m);
}

/* Keeps the compiler from regrouping XORs: what is known early is added up early, off the chain of dependent steps. */
INLINE vec early(vec x) {
    __asm__("" : "+x"(x));
    return x;
}

INLINE vec round_step(vec a, vec b, vec c, vec d, vec key) {
    vec x = v_aes(v_xor(early(v_xor(v_xor(b, key), c)), d));
    vec low = v_and(x, v_all32(0x0f0f0f0f));
    vec high = v_shift4(v_andnot(v_all32(0x0f0f0f0f), x));
    vec turn = map(low, high, &SM4_TURN), home = map(low, high, &SM4_HOME);
    vec one = v_shuffle(turn, v_repeat(TURNED[1])), two = v_shuffle(turn, v_repeat(TURNED[2]));
    vec none = v_shuffle(home, v_repeat(TURNED[0])), three = v_shuffle(v_xor(turn, home), v_repeat(TURNED[3]));
    return v_xor(early(v_xor(v_xor(a, none), v_xor(one, two))), three);
}

INLINE vec key_step(vec a, vec b, vec c, vec d, vec constant) {
    vec x = v_aes(v_xor(early(v_xor(v_xor(b, c), constant)), d));
    vec low = v_and(x, v_all32(0x0f0f0f0f));
    vec high = v_shift4(v_andnot(v_all32(0x0f0f0f0f), x));
    vec none = v_shuffle(map(low, high, &SM4_KEY0), v_repeat(TURNED[0]));
    vec one = v_shuffle(map(low, high, &SM4_KEY1), v_repeat(TURNED[1]));
    vec two = v_shuffle(map(low, high, &SM4_KEY2), v_repeat(TURNED[2]));
    vec three = v_shuffle(map(low, high, &SM4_KEY3), v_repeat(TURNED[3]));
    return v_xor(v_xor(v_xor(a, none), v_xor(one, two)), three);
}

/* Four blocks per 128 bits become their four words, and back. */
INLINE void transpose(vec x[4]) {
    vec a = v_zip32lo(x[0], x[1]), b = v_zip32hi(x[0], x[1]);
    vec c = v_zip32lo(x[2], x[3]), d = v_zip32hi(x[2], x[3]);
    x[0] = v_zip64lo(a, c);
    x[1] = v_zip64hi(a, c);
    x[2] = v_zip64lo(b, d);
    x[3] = v_zip64hi(b, d);
}

/* Few messages pay for few vectors: a pass works on 1, 2 or all groups. */
INLINE int groups_of(size_t used) {
    return used <= WIDTH ? 1 : used <= 2 * WIDTH ? 2 : GROUPS;
}

INLINE void lanes_load(lanes_block *x, const uint8_t *const at[LANES], size_t used) {
    int g, i;
    for (g = 0; g < groups_of(used); g++) {
        vec w[4];
        for (i = 0; i < 4; i++) {
            w[i] = map_bytes(v_gather(at + WIDTH * g + i), &SM4_INTO);
        }
        transpose(w);
        memcpy(x->word[g], w, sizeof w);
    }
}

INLINE void lanes_store(const lanes_block *x, uint8_t *const at[LANES], size_t used) {
    int g, i;
    for (g = 0; g < groups_of(used); g++) {
        vec w[4];
        memcpy(w, x->word[g], sizeof w);
        transpose(w);
        for (i = 0; i < 4; i++) {
            v_scatter(at + WIDTH * g + i, map_bytes(w[i], &SM4_BACK));
        }
    }
}

INLINE void lanes_xor(lanes_block *x, const lanes_block *y) {
    int g, i;
    for (g = 0; g < GROUPS; g++) {
        for (i = 0; i < 4; i++) {
            x->word[g][i] = v_xor(x->word[g][i], y->word[g][i]);
        }
    }
}

INLINE void crypt_groups(lanes_block *x, const lanes_keys *k, const int groups) {
    vec w[GROUPS][4];
    int r, g;
    memcpy(w, x->word, sizeof w);
    for (r = 0; r < 32; r += 4) {
        for (g = 0; g < groups; g++) {
            w[g][0] = round_step(w[g][0], w[g][1], w[g][2], w[g][3], k->round[g][r]);
        }
        for (g = 0; g < groups; g++) {
            w[g][1] = round_step(w[g][1], w[g][2], w[g][3], w[g][0], k->round[g][r + 1]);
        }
        for (g = 0; g < groups; g++) {
            w[g][2] = round_step(w[g][2], w[g][3], w[g][0], w[g][1], k->round[g][r + 2]);
        }
        for (g = 0; g < groups; g++) {
            w[g][3] = round_step(w[g][3], w[g][0], w[g][1], w[g][2], k->round[g][r + 3]);
        }
    }
    for (g = 0; g < groups; g++) {
        for (r = 0; r < 4; r++) {
            x->word[g][r] = w[g][3 - r];
        }
    }
}

static void lanes_crypt(lanes_block *x, const lanes_keys *k, size_t used) {
    if (used <= WIDTH) {
        crypt_groups(x, k, 1);
    } else if (used <= 2 * WIDTH) {
        crypt_groups(x, k, 2);
    } else {
        crypt_groups(x, k, GROUPS);
    }
}

INLINE void expand_groups(lanes_keys *k, const lanes_block *key, int decrypt, const int groups) {
    vec w[GROUPS][4];
    int r, g, i;
    memcpy(w, key->word, sizeof w);
    for (g = 0; g < groups; g++) {
        for (i = 0; i < 4; i++) {
            w[g][i] = v_xor(w[g][i], v_all32((int)SM4_BASIS_FK[i]));
        }
    }
    for (r = 0; r < 32; r += 4) {
        for (i = 0; i < 4; i++) {
            for (g = 0; g < groups; g++) {
                w[g][i] = key_step(w[g][i], w[g][(i + 1) & 3], w[g][(i + 2) & 3], w[g][(i + 3) & 3],
                                   v_all32((int)SM4_BASIS_CK[r + i]));
                k->round[g][decrypt ? 31 - r - i : r + i] = w[g][i];
            }
        }
    }
}

static void lanes_expand(lanes_keys *k, const uint8_t *const at[LANES], int decrypt, size_t used) {
    lanes_block key;
    lanes_load(&key, at, used);
    if (used <= WIDTH) {
        expand_groups(k, &key, decrypt, 1);
    } else if (used <= 2 * WIDTH) {
        expand_groups(k, &key, decrypt, 2);
    } else {
        expand_groups(k, &key, decrypt, GROUPS);
    }
}

#include "sm4_modes.h"

#endif
