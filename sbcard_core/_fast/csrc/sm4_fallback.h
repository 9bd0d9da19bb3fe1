/* A level the compiler cannot make calls the portable one, so that every name links everywhere. */
#include "sm4.h"

static void ecb(const uint8_t *keys, size_t key_count, const uint8_t *data, size_t n, int decrypt, uint8_t *out) {
    sbc_sm4_portable.ecb(keys, key_count, data, n, decrypt, out);
}

static void cbc(const uint8_t *keys, size_t key_count, const uint8_t *ivs, size_t iv_count, const uint8_t *data,
                const int64_t *offsets, size_t n, int decrypt, uint8_t *out) {
    sbc_sm4_portable.cbc(keys, key_count, ivs, iv_count, data, offsets, n, decrypt, out);
}

static void cbc_mac(const uint8_t *keys, size_t key_count, const uint8_t *ivs, size_t iv_count, const uint8_t *data,
                    const int64_t *offsets, size_t n, int padding, uint8_t *out) {
    sbc_sm4_portable.cbc_mac(keys, key_count, ivs, iv_count, data, offsets, n, padding, out);
}

static void derive(const uint8_t *keys, size_t key_count, const uint8_t *factors, size_t n, uint8_t *out) {
    sbc_sm4_portable.derive(keys, key_count, factors, n, out);
}

const sbc_sm4_level SBC_SM4_FALLBACK = {ecb, cbc, cbc_mac, derive};
