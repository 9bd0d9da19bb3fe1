/* DES and two- and three-key 3DES over batches, in constant time: no secret decides a branch or an address.
 *
 * Two ways to compute, one result:
 *   - wide: bitsliced. One vector holds the same bit of as many messages as it has bits (64, 128 or 256); the S-boxes
 *     are circuits of logic gates (des_sbox.h). Batches of at least `small` messages, `lanes` at a time.
 *   - small: one message, all eight S-boxes side by side in one register (des_small_*.h).
 * Key schedules, key planes and intermediates are wiped before a call returns, its stack and scratch included.
 *
 * A key is 8, 16 (K1 K2 K1) or 24 bytes; parity bits are ignored; equal halves and weak keys are allowed. DES is E(K1);
 * 3DES is E(K3) D(K2) E(K1).
 *
 * Messages lie one behind the other: message i is data[offsets[i] .. offsets[i + 1]), so `offsets` has n + 1 entries;
 * the caller has copied and checked them (sbc_des_offsets): they never fall and stay inside `data`. A step of 0 means that all
 * messages share the one key or IV; otherwise it is the distance in bytes from one to the next.
 */
#ifndef SBCARD_DES_H
#define SBCARD_DES_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    const uint8_t *keys;
    size_t key_length, key_step;
    const uint8_t *ivs; /* NULL is zero */
    size_t iv_step;
    const uint8_t *data;
    const int64_t *offsets;
    size_t n;
    int decrypt;         /* ecb, cbc */
    int padding;         /* cbc_mac: ISO/IEC 9797-1 padding method 1, 2 or 3 */
    int retail;          /* cbc_mac: algorithm 3 with a 16-byte key, else algorithm 1 with the whole key */
    const uint8_t *tacs; /* tac: n * 4 to compare with, or NULL to compute */
    uint8_t *out;
} sbc_des_job;

typedef struct {
    size_t lanes; /* messages in one wide pass */
    size_t small; /* fewer messages than this go one by one */
    /* n blocks at `data` to n blocks at `out`, which may be the same place; a key step is one block's. */
    void (*ecb)(const sbc_des_job *job);
    /* n messages of whole blocks; out is parallel to data and must not overlap it. */
    void (*cbc)(const sbc_des_job *job);
    /* n messages of any length to n * 8 bytes. */
    void (*cbc_mac)(const sbc_des_job *job);
    /* n factors of 8 bytes at `data` to n keys of 16 bytes: E(K, F) and E(K, not F) (PBOC key diversification). */
    void (*derive)(const sbc_des_job *job);
    /* One 16-byte master; `factors`: n * 8. Derives each card's key, XORs its halves to the TAC key, and takes the
     * left 4 bytes of the DES CBC-MAC with padding 2 of each message: n * 4 bytes, or with `tacs` n statuses,
     * 0 for equal and 1 for different. The derived keys never leave the bit planes. */
    void (*tac)(const sbc_des_job *job, const uint8_t *factors);
} sbc_des_kernel;

extern const sbc_des_kernel sbc_des_portable;
extern const sbc_des_kernel sbc_des_sse2; /* the portable kernel again where the compiler cannot build the level */
extern const sbc_des_kernel sbc_des_avx2;

/* Copies n + 1 offsets, each read once; 1 when the copies never fall, start at 0 or above, end at `size` or below, and
 * differ by multiples of `unit`, a power of two. A kernel is given the copies: another thread may write the originals. */
int sbc_des_offsets(const int64_t *offsets, size_t n, size_t size, size_t unit, int64_t *copies);

/* Overwrites secrets in a way the compiler keeps. */
void sbc_des_wipe(void *p, size_t n);

#endif
