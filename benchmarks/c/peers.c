/* The peers of the benchmarks: loops that a C programmer would write over OpenSSL and libgcrypt.
 *
 *   cc -O3 -shared -fPIC -DWITH_OPENSSL -DWITH_GCRYPT -o libpeers.so peers.c -lcrypto -lgcrypt
 *
 * benchmarks/peers.py builds this file with what the machine has and calls it through ctypes, so that peers and ours
 * run in one process, in turn. Every call takes contiguous buffers and one result buffer made beforehand; messages
 * are already padded (that favours the peers: ours pad inside the timed call). Keys have 16 bytes, one for each
 * message unless the name says otherwise. Calls return 0, or 1 when the library refused.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCKS_A_CALL 1048576 /* EVP and libgcrypt take a length that must fit an int */

const char *peers_openssl_version(void);
const char *peers_gcrypt_version(void);

#ifdef WITH_OPENSSL
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/des.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#define MOST 4096 /* longest padded message, in bytes */

static EVP_CIPHER *des_cbc, *ede_cbc, *ede_ecb, *sm4_cbc, *sm4_ecb;

const char *peers_openssl_version(void) {
    return OpenSSL_version(OPENSSL_VERSION);
}

/* Fetches each cipher once, from a library context of our own: the process keeps its providers as they are. */
int peers_openssl_start(void) {
    OSSL_LIB_CTX *context;
    if (sm4_ecb) {
        return 0;
    }
    context = OSSL_LIB_CTX_new();
    if (!OSSL_PROVIDER_load(context, "legacy") || !OSSL_PROVIDER_load(context, "default")) {
        return 1;
    }
    des_cbc = EVP_CIPHER_fetch(context, "DES-CBC", NULL);
    ede_cbc = EVP_CIPHER_fetch(context, "DES-EDE-CBC", NULL);
    ede_ecb = EVP_CIPHER_fetch(context, "DES-EDE", NULL);
    sm4_cbc = EVP_CIPHER_fetch(context, "SM4-CBC", NULL);
    sm4_ecb = EVP_CIPHER_fetch(context, "SM4-ECB", NULL);
    return !des_cbc || !ede_cbc || !ede_ecb || !sm4_cbc || !sm4_ecb;
}

/* ---- low-level DES_* -------------------------------------------------------------------------------------------- */

static void schedule(const uint8_t *key, DES_key_schedule *s) {
    DES_set_key_unchecked((const_DES_cblock *)key, s);
}

static void ecb3(const uint8_t *in, uint8_t *out, DES_key_schedule *k1, DES_key_schedule *k2) {
    DES_ecb3_encrypt((const_DES_cblock *)in, (DES_cblock *)out, k1, k2, k1, DES_ENCRYPT);
}

int low_retail(const uint8_t *keys, const uint8_t *padded, size_t length, size_t n, uint8_t *out) {
    uint8_t chained[MOST];
    size_t i;
    for (i = 0; i < n; i++) {
        DES_key_schedule left, right;
        DES_cblock iv = {0};
        schedule(keys + 16 * i, &left);
        schedule(keys + 16 * i + 8, &right);
        DES_ncbc_encrypt(padded + length * i, chained, (long)length, &left, &iv, DES_ENCRYPT);
        DES_ecb_encrypt(&iv, &iv, &right, DES_DECRYPT);
        DES_ecb_encrypt(&iv, (DES_cblock *)(out + 8 * i), &left, DES_ENCRYPT);
    }
    return 0;
}

int low_triple(const uint8_t *keys, const uint8_t *padded, size_t length, size_t n, uint8_t *out) {
    uint8_t chained[MOST];
    size_t i;
    for (i = 0; i < n; i++) {
        DES_key_schedule left, right;
        DES_cblock iv = {0};
        schedule(keys + 16 * i, &left);
        schedule(keys + 16 * i + 8, &right);
        DES_ede3_cbc_encrypt(padded + length * i, chained, (long)length, &left, &right, &left, &iv, DES_ENCRYPT);
        memcpy(out + 8 * i, iv, 8);
    }
    return 0;
}

/* One key, whole blocks. */
int low_ecb(const uint8_t *key, const uint8_t *data, size_t blocks, uint8_t *out) {
    DES_key_schedule k1, k2;
    size_t i;
    schedule(key, &k1);
    schedule(key + 8, &k2);
    for (i = 0; i < blocks; i++) {
        ecb3(data + 8 * i, out + 8 * i, &k1, &k2);
    }
    return 0;
}

static void card_key(DES_key_schedule *k1, DES_key_schedule *k2, const uint8_t *factor, uint8_t *out) {
    int j;
    for (j = 0; j < 8; j++) {
        out[j] = factor[j];
        out[8 + j] = (uint8_t)~factor[j];
    }
    ecb3(out, out, k1, k2);
    ecb3(out + 8, out + 8, k1, k2);
}

/* One master; a 16-byte key for each 8-byte factor. */
int low_derive(const uint8_t *master, const uint8_t *factors, size_t n, uint8_t *out) {
    DES_key_schedule k1, k2;
    size_t i;
    schedule(master, &k1);
    schedule(master + 8, &k2);
    for (i = 0; i < n; i++) {
        card_key(&k1, &k2, factors + 8 * i, out + 16 * i);
    }
    return 0;
}

/* TACs under derived keys; with `tacs` n statuses, 0 for equal, without them n * 4 bytes. */
int low_tac(const uint8_t *master, const uint8_t *factors, const uint8_t *padded, size_t length, size_t n,
            const uint8_t *tacs, uint8_t *out) {
    DES_key_schedule k1, k2, card;
    uint8_t pair[16], chained[MOST];
    size_t i;
    int j;
    schedule(master, &k1);
    schedule(master + 8, &k2);
    for (i = 0; i < n; i++) {
        DES_cblock iv = {0};
        card_key(&k1, &k2, factors + 8 * i, pair);
        for (j = 0; j < 8; j++) {
            pair[j] ^= pair[8 + j];
        }
        schedule(pair, &card);
        DES_ncbc_encrypt(padded + length * i, chained, (long)length, &card, &iv, DES_ENCRYPT);
        if (tacs) {
            out[i] = memcmp(iv, tacs + 4 * i, 4) != 0;
        } else {
            memcpy(out + 4 * i, iv, 4);
        }
    }
    return 0;
}

/* ---- EVP, one context re-keyed for each message ------------------------------------------------------------------ */

static EVP_CIPHER_CTX *context_of(const EVP_CIPHER *cipher, const uint8_t *key) {
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    if (!c || !EVP_EncryptInit_ex(c, cipher, NULL, key, NULL)) {
        return NULL;
    }
    EVP_CIPHER_CTX_set_padding(c, 0);
    return c;
}

static int rekeyed(EVP_CIPHER_CTX *c, const uint8_t *key, const uint8_t *iv, const uint8_t *in, size_t size, uint8_t *out) {
    int length;
    return EVP_EncryptInit_ex(c, NULL, NULL, key, iv) && EVP_CIPHER_CTX_set_padding(c, 0)
           && EVP_EncryptUpdate(c, out, &length, in, (int)size);
}

int evp_retail(const uint8_t *keys, const uint8_t *padded, size_t length, size_t n, uint8_t *out) {
    static const uint8_t iv[8];
    EVP_CIPHER_CTX *chain = context_of(des_cbc, NULL), *last = context_of(ede_ecb, NULL);
    uint8_t chained[MOST], block[8];
    size_t i;
    int j, good = chain && last;
    for (i = 0; good && i < n; i++) { /* the last block under 3DES is algorithm 3 */
        const uint8_t *message = padded + length * i;
        memset(block, 0, 8);
        if (length > 8) {
            good = rekeyed(chain, keys + 16 * i, iv, message, length - 8, chained);
            memcpy(block, chained + length - 16, 8);
        }
        for (j = 0; j < 8; j++) {
            block[j] ^= message[length - 8 + (size_t)j];
        }
        good = good && rekeyed(last, keys + 16 * i, NULL, block, 8, out + 8 * i);
    }
    EVP_CIPHER_CTX_free(chain);
    EVP_CIPHER_CTX_free(last);
    return !good;
}

static int evp_cbc_mac(const EVP_CIPHER *cipher, size_t width, const uint8_t *keys, const uint8_t *padded, size_t length,
                       size_t n, uint8_t *out) {
    static const uint8_t iv[16];
    EVP_CIPHER_CTX *chain = context_of(cipher, NULL);
    uint8_t chained[MOST];
    size_t i;
    int good = chain != NULL;
    for (i = 0; good && i < n; i++) {
        good = rekeyed(chain, keys + 16 * i, iv, padded + length * i, length, chained);
        memcpy(out + width * i, chained + length - width, width);
    }
    EVP_CIPHER_CTX_free(chain);
    return !good;
}

int evp_triple(const uint8_t *keys, const uint8_t *padded, size_t length, size_t n, uint8_t *out) {
    return evp_cbc_mac(ede_cbc, 8, keys, padded, length, n, out);
}

int evp_sm4_mac(const uint8_t *keys, const uint8_t *padded, size_t length, size_t n, uint8_t *out) {
    return evp_cbc_mac(sm4_cbc, 16, keys, padded, length, n, out);
}

static int evp_blocks(const EVP_CIPHER *cipher, size_t width, const uint8_t *key, const uint8_t *data, size_t blocks,
                      uint8_t *out) {
    EVP_CIPHER_CTX *bulk = context_of(cipher, key);
    size_t at, now;
    int length, good = bulk != NULL;
    for (at = 0; good && at < blocks; at += now) {
        now = blocks - at < BLOCKS_A_CALL ? blocks - at : BLOCKS_A_CALL;
        good = EVP_EncryptUpdate(bulk, out + width * at, &length, data + width * at, (int)(width * now));
    }
    EVP_CIPHER_CTX_free(bulk);
    return !good;
}

int evp_ecb(const uint8_t *key, const uint8_t *data, size_t blocks, uint8_t *out) {
    return evp_blocks(ede_ecb, 8, key, data, blocks, out);
}

int evp_sm4_ecb(const uint8_t *key, const uint8_t *data, size_t blocks, uint8_t *out) {
    return evp_blocks(sm4_ecb, 16, key, data, blocks, out);
}

/* The derived key and the TAC of each message over EVP; as low_tac. */
int evp_tac(const uint8_t *master, const uint8_t *factors, const uint8_t *padded, size_t length, size_t n,
            const uint8_t *tacs, uint8_t *out) {
    static const uint8_t iv[8];
    EVP_CIPHER_CTX *derive = context_of(ede_ecb, master), *chain = context_of(des_cbc, NULL);
    uint8_t pair[16], chained[MOST];
    const uint8_t *tac = chained + length - 8;
    size_t i;
    int j, size, good = derive && chain;
    for (i = 0; good && i < n; i++) {
        for (j = 0; j < 8; j++) {
            pair[j] = factors[8 * i + (size_t)j];
            pair[8 + j] = (uint8_t)~pair[j];
        }
        good = EVP_EncryptUpdate(derive, pair, &size, pair, 16);
        for (j = 0; j < 8; j++) {
            pair[j] ^= pair[8 + j];
        }
        good = good && rekeyed(chain, pair, iv, padded + length * i, length, chained);
        if (tacs) {
            out[i] = memcmp(tac, tacs + 4 * i, 4) != 0;
        } else {
            memcpy(out + 4 * i, tac, 4);
        }
    }
    EVP_CIPHER_CTX_free(derive);
    EVP_CIPHER_CTX_free(chain);
    return !good;
}
#endif

#ifdef WITH_GCRYPT
#include <gcrypt.h>

const char *peers_gcrypt_version(void) {
    return gcry_check_version(NULL);
}

int peers_gcrypt_start(void) {
    gcry_check_version(NULL);
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return gcry_cipher_test_algo(GCRY_CIPHER_SM4) != 0;
}

int gcry_sm4_mac(const uint8_t *keys, const uint8_t *padded, size_t length, size_t n, uint8_t *out) {
    static const uint8_t iv[16];
    gcry_cipher_hd_t chain;
    size_t i;
    int bad = gcry_cipher_open(&chain, GCRY_CIPHER_SM4, GCRY_CIPHER_MODE_CBC, GCRY_CIPHER_CBC_MAC) != 0;
    if (bad) {
        return 1;
    }
    for (i = 0; !bad && i < n; i++) {
        bad = gcry_cipher_setkey(chain, keys + 16 * i, 16) || gcry_cipher_setiv(chain, iv, 16)
              || gcry_cipher_encrypt(chain, out + 16 * i, 16, padded + length * i, length);
    }
    gcry_cipher_close(chain);
    return bad;
}

static int gcry_blocks(int mode, const uint8_t *key, const uint8_t *data, size_t blocks, uint8_t *out) {
    static const uint8_t zero[16];
    gcry_cipher_hd_t bulk;
    size_t at, now;
    int bad = gcry_cipher_open(&bulk, GCRY_CIPHER_SM4, mode, 0) != 0;
    if (bad) {
        return 1;
    }
    bad = gcry_cipher_setkey(bulk, key, 16) || (mode == GCRY_CIPHER_MODE_CTR && gcry_cipher_setctr(bulk, zero, 16));
    for (at = 0; !bad && at < blocks; at += now) {
        now = blocks - at < BLOCKS_A_CALL ? blocks - at : BLOCKS_A_CALL;
        bad = gcry_cipher_encrypt(bulk, out + 16 * at, 16 * now, data + 16 * at, 16 * now) != 0;
    }
    gcry_cipher_close(bulk);
    return bad;
}

int gcry_sm4_ecb(const uint8_t *key, const uint8_t *data, size_t blocks, uint8_t *out) {
    return gcry_blocks(GCRY_CIPHER_MODE_ECB, key, data, blocks, out);
}

/* Counter mode from counter 0: over zeros its output is ECB of the blocks 0, 1, 2, … */
int gcry_sm4_ctr(const uint8_t *key, const uint8_t *data, size_t blocks, uint8_t *out) {
    return gcry_blocks(GCRY_CIPHER_MODE_CTR, key, data, blocks, out);
}
#endif
