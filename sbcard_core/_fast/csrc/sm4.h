/* SM4 (GB/T 32907-2016) over many blocks and many keys at once, in constant time.
 *
 * Every level gives the same bytes; the level is chosen once by the caller (see cpu.h):
 *   portable   the S-box as a circuit over 64-bit planes, sixteen lanes (sm4_portable.c)
 *   aesni      the S-box by the AES instruction, 128-bit vectors, sixteen lanes
 *   avx2       the same with 256-bit vectors, thirty-two lanes
 *   vaes       the same with the AES instruction on 256 bits
 * No level branches on, or forms an address from, a key or data byte. Lengths,
 * offsets, counts and the padding method are public and do steer the work.
 *
 * keys        key_count == 1: one 16-byte key for all; else one key per block (ecb),
 *             message (cbc, cbc_mac) or factor (derive)
 * ivs         iv_count == 1: one 16-byte initial value for all; else one per message
 * data        the input; message i is data[offsets[i]] .. data[offsets[i + 1]] (exclusive)
 * decrypt     0 encrypts
 * out         ecb, cbc: as data, at the same offsets, and may be the same memory;
 *             cbc_mac, derive: 16 bytes per message or factor, apart from the inputs
 * padding     1, 2 or 3 of ISO/IEC 9797-1, applied inside:
 *             1 zeros up to a positive number of whole blocks, 2 a bit one and then zeros,
 *             3 as 1, after a block that holds the length in bits
 *
 * The caller has checked: offsets do not decrease and stay in data, and nobody else can
 * write them; ecb and cbc data are whole blocks. Nothing is allocated, and a call leaves nothing of
 * keys and data on its stack.
 */
#ifndef SBCARD_SM4_H
#define SBCARD_SM4_H

#include <stddef.h>
#include <stdint.h>

#define SBC_SM4_BLOCK 16

typedef struct {
    /* n blocks, each on its own */
    void (*ecb)(const uint8_t *keys, size_t key_count, const uint8_t *data, size_t n, int decrypt, uint8_t *out);
    /* n messages of whole blocks, chained inside each */
    void (*cbc)(const uint8_t *keys, size_t key_count, const uint8_t *ivs, size_t iv_count, const uint8_t *data,
                const int64_t *offsets, size_t n, int decrypt, uint8_t *out);
    /* n messages of any lengths: the last block of CBC over each, padded */
    void (*cbc_mac)(const uint8_t *keys, size_t key_count, const uint8_t *ivs, size_t iv_count, const uint8_t *data,
                    const int64_t *offsets, size_t n, int padding, uint8_t *out);
    /* n factors F of 8 bytes: SM4(key, F || ~F) */
    void (*derive)(const uint8_t *keys, size_t key_count, const uint8_t *factors, size_t n, uint8_t *out);
} sbc_sm4_level;

extern const sbc_sm4_level sbc_sm4_portable;
extern const sbc_sm4_level sbc_sm4_aesni; /* each of these is the portable level where the compiler has no such */
extern const sbc_sm4_level sbc_sm4_avx2;
extern const sbc_sm4_level sbc_sm4_vaes;

#endif
