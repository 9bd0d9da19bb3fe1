/* The modes of sm4.h over lanes, included by each level's .c after it has defined:
 *
 *   LANES                  blocks of one pass
 *   lanes_keys             round keys of every lane
 *   lanes_block            one block of every lane, in the level's own form
 *   lanes_expand(k, at, decrypt, used)   round keys from 16-byte keys at at[lane]
 *   lanes_load(x, at, used), lanes_store(x, at, used), lanes_xor(x, y), lanes_crypt(x, k, used)
 *
 * A pass may leave out lanes from `used` on, or work on them for nothing.
 * All pointers of a pass are valid in every lane: idle lanes read `idle` and write `spill`.
 */
#ifndef SBCARD_SM4_MODES_H
#define SBCARD_SM4_MODES_H

#include <string.h>

#include "sm4.h"
#include "wipe.h"

#define BLOCK SBC_SM4_BLOCK
#define WINDOW 1024 /* messages put in order of length together */

static const uint8_t idle[BLOCK];

/* Messages of one pass, lane by lane. */
typedef struct {
    const uint8_t *keys, *ivs, *data;
    size_t key_step, iv_step; /* 0 or BLOCK */
    const int64_t *offsets;
    uint8_t *out;
} messages;

static messages messages_of(const uint8_t *keys, size_t key_count, const uint8_t *ivs, size_t iv_count,
                            const uint8_t *data, const int64_t *offsets, uint8_t *out) {
    messages m = {keys, ivs, data, key_count == 1 ? 0 : BLOCK, iv_count == 1 ? 0 : BLOCK, offsets, out};
    return m;
}

/* Lanes of about one length waste the least. Exact up to 127 blocks, then to an eighth of an octave. */
static unsigned length_class(size_t blocks) {
    unsigned octave = 0;
    if (blocks < 128) {
        return (unsigned)blocks;
    }
    while (blocks >> octave >= 16) {
        octave++;
    }
    return 128 + 8 * (octave - 4) + (unsigned)((blocks >> octave) - 8);
}

#define CLASSES (128 + 8 * 60)

/* order[]: the messages from `first`, `count` <= WINDOW of them, by length, longest class last. */
static void order_by_length(const int64_t *offsets, size_t first, size_t count, uint16_t order[WINDOW]) {
    uint16_t starts[CLASSES + 1] = {0};
    size_t i, same = 1;
    int64_t length = offsets[first + 1] - offsets[first];
    for (i = 0; i < count; i++) {
        order[i] = (uint16_t)i;
        same &= (size_t)(offsets[first + i + 1] - offsets[first + i] == length);
    }
    if (same) {
        return;
    }
    for (i = 0; i < count; i++) {
        starts[1 + length_class((size_t)(offsets[first + i + 1] - offsets[first + i]) / BLOCK)]++;
    }
    for (i = 0; i < CLASSES; i++) {
        starts[i + 1] = (uint16_t)(starts[i + 1] + starts[i]);
    }
    for (i = 0; i < count; i++) {
        unsigned class = length_class((size_t)(offsets[first + i + 1] - offsets[first + i]) / BLOCK);
        order[starts[class]++] = (uint16_t)i;
    }
}

/* ---- blocks under one key, or each under its own ---- */

static void point(const uint8_t *at[LANES], const uint8_t *p, size_t step, size_t used) {
    size_t lane;
    for (lane = 0; lane < LANES; lane++) {
        at[lane] = lane < used ? p + step * lane : idle;
    }
}

static void point_out(uint8_t *at[LANES], uint8_t *p, size_t used, uint8_t spill[BLOCK]) {
    size_t lane;
    for (lane = 0; lane < LANES; lane++) {
        at[lane] = lane < used ? p + BLOCK * lane : spill;
    }
}

static SBC_NOINLINE void all_ecb(const uint8_t *keys, size_t key_count, const uint8_t *data, size_t n, int decrypt,
                                 uint8_t *out) {
    const uint8_t *from[LANES];
    uint8_t *to[LANES], spill[BLOCK];
    lanes_keys k;
    lanes_block x;
    size_t i, used;
    for (i = 0; i < n; i += used) {
        used = n - i < LANES ? n - i : LANES;
        if (key_count != 1 || i == 0) {
            point(from, keys + (key_count == 1 ? 0 : BLOCK * i), key_count == 1 ? 0 : BLOCK, used);
            lanes_expand(&k, from, decrypt, used);
        }
        point(from, data + BLOCK * i, BLOCK, used);
        point_out(to, out + BLOCK * i, used, spill);
        lanes_load(&x, from, used);
        lanes_crypt(&x, &k, used);
        lanes_store(&x, to, used);
    }
}

static SBC_NOINLINE void all_derive(const uint8_t *keys, size_t key_count, const uint8_t *factors, size_t n,
                                    uint8_t *out) {
    uint8_t wide[LANES * BLOCK];
    const uint8_t *from[LANES];
    uint8_t *to[LANES], spill[BLOCK];
    lanes_keys k;
    lanes_block x;
    size_t i, used, lane, byte;
    for (i = 0; i < n; i += used) {
        used = n - i < LANES ? n - i : LANES;
        if (key_count != 1 || i == 0) {
            point(from, keys + (key_count == 1 ? 0 : BLOCK * i), key_count == 1 ? 0 : BLOCK, used);
            lanes_expand(&k, from, 0, used);
        }
        for (lane = 0; lane < used; lane++) {
            for (byte = 0; byte < 8; byte++) {
                wide[BLOCK * lane + byte] = factors[8 * (i + lane) + byte];
                wide[BLOCK * lane + 8 + byte] = (uint8_t)~factors[8 * (i + lane) + byte];
            }
        }
        point(from, wide, BLOCK, used);
        point_out(to, out + BLOCK * i, used, spill);
        lanes_load(&x, from, used);
        lanes_crypt(&x, &k, used);
        lanes_store(&x, to, used);
    }
}

/* ---- CBC: encryption runs down each message, one message a lane ---- */

typedef struct {
    const uint8_t *from[LANES];
    uint8_t *to[LANES];
    size_t left[LANES], step[LANES]; /* blocks to go; BLOCK, or 0 in an idle lane */
} cursors;

static size_t shortest(const cursors *c) {
    size_t lane, least = c->left[0];
    for (lane = 1; lane < LANES; lane++) {
        least = c->left[lane] < least ? c->left[lane] : least;
    }
    return least;
}

static void advance(cursors *c) {
    size_t lane;
    for (lane = 0; lane < LANES; lane++) {
        c->from[lane] += c->step[lane];
        c->to[lane] += c->step[lane];
    }
}

static void rest(cursors *c, size_t lane, uint8_t spill[BLOCK]) {
    c->from[lane] = idle;
    c->to[lane] = spill;
    c->step[lane] = 0;
    c->left[lane] = SIZE_MAX;
}

static void lanes_start(const messages *m, const size_t which[LANES], size_t used, int decrypt, lanes_keys *k,
                        lanes_block *x) {
    const uint8_t *at[LANES];
    size_t lane;
    for (lane = 0; lane < LANES; lane++) {
        at[lane] = lane < used ? m->keys + m->key_step * which[lane] : idle;
    }
    lanes_expand(k, at, decrypt, used);
    for (lane = 0; lane < LANES; lane++) {
        at[lane] = lane < used ? m->ivs + m->iv_step * which[lane] : idle;
    }
    lanes_load(x, at, used);
}

static void cbc_lanes(const messages *m, const size_t which[LANES], size_t used, int decrypt) {
    uint8_t spill[BLOCK];
    cursors c;
    lanes_keys k;
    lanes_block chain, x;
    size_t lane, run, going = 0;
    lanes_start(m, which, used, decrypt, &k, &chain);
    for (lane = 0; lane < LANES; lane++) {
        int64_t start = lane < used ? m->offsets[which[lane]] : 0;
        size_t blocks = lane < used ? (size_t)(m->offsets[which[lane] + 1] - start) / BLOCK : 0;
        if (blocks == 0) {
            rest(&c, lane, spill);
            continue;
        }
        c.from[lane] = m->data + start;
        c.to[lane] = m->out + start;
        c.left[lane] = blocks;
        c.step[lane] = BLOCK;
        going++;
    }
    while (going) {
        size_t i;
        run = shortest(&c);
        for (i = 0; i < run; i++, advance(&c)) {
            lanes_load(&x, c.from, used);
            if (decrypt) {
                lanes_block clear = x;
                lanes_crypt(&clear, &k, used);
                lanes_xor(&clear, &chain);
                lanes_store(&clear, c.to, used);
                chain = x;
            } else {
                lanes_xor(&chain, &x);
                lanes_crypt(&chain, &k, used);
                lanes_store(&chain, c.to, used);
            }
        }
        for (lane = 0; lane < used; lane++) {
            if (c.step[lane] && (c.left[lane] -= run) == 0) {
                rest(&c, lane, spill);
                going--;
            }
        }
    }
}

/* Decryption needs no chain: the blocks of one message fill the lanes. */
static void cbc_decrypt_one(const uint8_t *iv, const uint8_t *data, size_t blocks, const lanes_keys *k, uint8_t *out) {
    const uint8_t *from[LANES];
    uint8_t *to[LANES], spill[BLOCK], before[BLOCK], last[BLOCK];
    lanes_block x, previous;
    size_t i, used;
    memcpy(before, iv, BLOCK);
    for (i = 0; i < blocks; i += used) {
        used = blocks - i < LANES ? blocks - i : LANES;
        point(from, data + BLOCK * i, BLOCK, used);
        memcpy(last, from[used - 1], BLOCK); /* out may be data */
        lanes_load(&x, from, used);
        for (size_t lane = used; lane-- > 1;) {
            from[lane] = from[lane - 1];
        }
        from[0] = before;
        lanes_load(&previous, from, used);
        point_out(to, out + BLOCK * i, used, spill);
        lanes_crypt(&x, k, used);
        lanes_xor(&x, &previous);
        lanes_store(&x, to, used);
        memcpy(before, last, BLOCK);
    }
}

static void cbc_decrypt_each(const messages *m, size_t n) {
    const uint8_t *at[LANES];
    lanes_keys k;
    size_t i;
    for (i = 0; i < n; i++) {
        int64_t start = m->offsets[i];
        if (i == 0 || m->key_step) {
            point(at, m->keys + m->key_step * i, 0, LANES);
            lanes_expand(&k, at, 1, LANES);
        }
        cbc_decrypt_one(m->ivs + m->iv_step * i, m->data + start, (size_t)(m->offsets[i + 1] - start) / BLOCK, &k,
                        m->out + start);
    }
}

static SBC_NOINLINE void all_cbc(const uint8_t *keys, size_t key_count, const uint8_t *ivs, size_t iv_count,
                                 const uint8_t *data, const int64_t *offsets, size_t n, int decrypt, uint8_t *out) {
    messages m = messages_of(keys, key_count, ivs, iv_count, data, offsets, out);
    uint16_t order[WINDOW];
    size_t which[LANES] = {0}, first, i, lane, used;
    if (decrypt && n < LANES / 4) {
        cbc_decrypt_each(&m, n);
        return;
    }
    for (first = 0; first < n; first += WINDOW) {
        size_t count = n - first < WINDOW ? n - first : WINDOW;
        order_by_length(offsets, first, count, order);
        for (i = 0; i < count; i += used) {
            used = count - i < LANES ? count - i : LANES;
            for (lane = 0; lane < used; lane++) {
                which[lane] = first + order[i + lane];
            }
            cbc_lanes(&m, which, used, decrypt);
        }
    }
}

/* ---- CBC-MAC: a lane's message is its length block, its whole blocks, its padded end ---- */

typedef struct {
    const uint8_t *body; /* what comes after the blocks now under the cursor */
    size_t body_blocks;
    uint8_t first[BLOCK], last[BLOCK];
    int has_last;
} tail;

static void length_block(uint8_t block[BLOCK], size_t length) {
    uint64_t bits = (uint64_t)length * 8;
    int byte;
    memset(block, 0, BLOCK);
    for (byte = 0; byte < 8; byte++) {
        block[BLOCK - 1 - byte] = (uint8_t)(bits >> 8 * byte);
    }
}

static void mac_open(const uint8_t *data, size_t length, int padding, tail *t) {
    size_t rest_bytes = length % BLOCK;
    t->body = data;
    t->body_blocks = length / BLOCK;
    t->has_last = padding == 2 || rest_bytes || !length;
    if (t->has_last) {
        memset(t->last, 0, BLOCK);
        if (rest_bytes) {
            memcpy(t->last, data + (length - rest_bytes), rest_bytes);
        }
        t->last[rest_bytes] = padding == 2 ? 0x80 : t->last[rest_bytes];
    }
    if (padding == 3) {
        length_block(t->first, length);
    }
}

/* The next run of blocks of a lane, or 0 when its message is over. */
static int mac_next(cursors *c, size_t lane, tail *t) {
    if (t->body_blocks) {
        c->from[lane] = t->body;
        c->left[lane] = t->body_blocks;
        t->body_blocks = 0;
        return 1;
    }
    if (t->has_last) {
        c->from[lane] = t->last;
        c->left[lane] = 1;
        t->has_last = 0;
        return 1;
    }
    return 0;
}

static void mac_lanes(const messages *m, const size_t which[LANES], size_t used, int padding) {
    tail tails[LANES];
    uint8_t states[LANES * BLOCK], spill[BLOCK];
    uint8_t *states_at[LANES];
    cursors c;
    lanes_keys k;
    lanes_block chain, x;
    size_t lane, run, i, going = used;
    lanes_start(m, which, used, 0, &k, &chain);
    point_out(states_at, states, LANES, spill);
    for (lane = 0; lane < LANES; lane++) {
        rest(&c, lane, spill);
        if (lane < used) {
            int64_t start = m->offsets[which[lane]];
            mac_open(m->data + start, (size_t)(m->offsets[which[lane] + 1] - start), padding, &tails[lane]);
            c.step[lane] = BLOCK;
            if (padding == 3) {
                c.from[lane] = tails[lane].first;
                c.left[lane] = 1;
            } else {
                mac_next(&c, lane, &tails[lane]);
            }
        }
    }
    while (going) {
        int over = 0;
        run = shortest(&c);
        for (i = 0; i < run; i++) {
            lanes_load(&x, c.from, used);
            lanes_xor(&chain, &x);
            lanes_crypt(&chain, &k, used);
            for (lane = 0; lane < LANES; lane++) {
                c.from[lane] += c.step[lane];
            }
        }
        for (lane = 0; lane < used; lane++) {
            if (c.step[lane] == 0 || (c.left[lane] -= run) != 0 || mac_next(&c, lane, &tails[lane])) {
                continue;
            }
            if (!over) {
                lanes_store(&chain, states_at, used);
                over = 1;
            }
            memcpy(m->out + BLOCK * which[lane], states + BLOCK * lane, BLOCK);
            rest(&c, lane, spill);
            going--;
        }
    }
}

static SBC_NOINLINE void all_cbc_mac(const uint8_t *keys, size_t key_count, const uint8_t *ivs, size_t iv_count,
                                     const uint8_t *data, const int64_t *offsets, size_t n, int padding,
                                     uint8_t *out) {
    messages m = messages_of(keys, key_count, ivs, iv_count, data, offsets, out);
    uint16_t order[WINDOW];
    size_t which[LANES] = {0}, first, i, lane, used;
    for (first = 0; first < n; first += WINDOW) {
        size_t count = n - first < WINDOW ? n - first : WINDOW;
        order_by_length(offsets, first, count, order);
        for (i = 0; i < count; i += used) {
            used = count - i < LANES ? count - i : LANES;
            for (lane = 0; lane < used; lane++) {
                which[lane] = first + order[i + lane];
            }
            mac_lanes(&m, which, used, padding);
        }
    }
}

/* ---- the calls: each leaves a clean stack ---- */

/* Round keys, blocks, cursors, the order of a window, and spills: tests/kernels/c/residue.c finds nothing beyond. */
SBC_WIPE_BELOW(wipe_stack, 16384)

static void level_ecb(const uint8_t *keys, size_t key_count, const uint8_t *data, size_t n, int decrypt,
                      uint8_t *out) {
    all_ecb(keys, key_count, data, n, decrypt, out);
    wipe_stack();
}

static void level_derive(const uint8_t *keys, size_t key_count, const uint8_t *factors, size_t n, uint8_t *out) {
    all_derive(keys, key_count, factors, n, out);
    wipe_stack();
}

static void level_cbc(const uint8_t *keys, size_t key_count, const uint8_t *ivs, size_t iv_count, const uint8_t *data,
                      const int64_t *offsets, size_t n, int decrypt, uint8_t *out) {
    all_cbc(keys, key_count, ivs, iv_count, data, offsets, n, decrypt, out);
    wipe_stack();
}

static void level_cbc_mac(const uint8_t *keys, size_t key_count, const uint8_t *ivs, size_t iv_count,
                          const uint8_t *data, const int64_t *offsets, size_t n, int padding, uint8_t *out) {
    all_cbc_mac(keys, key_count, ivs, iv_count, data, offsets, n, padding, out);
    wipe_stack();
}

#endif
