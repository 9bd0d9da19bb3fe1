/* The DES kernels against OpenSSL's own C loops, in one process, interleaved.
 *
 *   cc -std=c11 -O3 -o bench_des -Isbcard_core/_fast/csrc benchmarks/c/bench_des.c \
 *      sbcard_core/_fast/csrc/des_portable.c sbcard_core/_fast/csrc/des_sse2.c sbcard_core/_fast/csrc/des_avx2.c \
 *      sbcard_core/_fast/csrc/cpu.c -lcrypto
 *   ./bench_des [messages] [repeats] [flat]
 *
 * 48-byte messages behind one another with padding 2, one thread. Every result is compared with OpenSSL's first.
 * The peers are loops a C programmer would write: the low-level DES_* calls, and EVP with one context re-keyed for
 * each message. Prints one JSON object per line: case, level, messages, nanoseconds per message of the kernel and of the
 * peers, and the ratios; times are medians over the repeats of the thread's processor time. "flat" measures batches from 1 to a million instead.
 */
#define _POSIX_C_SOURCE 200809L
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/des.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu.h"
#include "des.h"

#define LENGTH 48
#define PADDED 56
#define REPEATS 64

static size_t n;
static uint8_t *keys, *messages, *padded, *factors, *tacs, *ours, *theirs, *scratch;
static int64_t *offsets;
static const uint8_t MASTER[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF,
                                   0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10};
static EVP_CIPHER *des_cbc, *ede_cbc, *ede_ecb;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t, int count) {
    qsort(t, (size_t)count, sizeof *t, by_value);
    return t[count / 2];
}

static void schedule(const uint8_t *key, DES_key_schedule *s) {
    DES_set_key_unchecked((const_DES_cblock *)key, s);
}

static void block(uint8_t *b, DES_key_schedule *s, int enc) {
    DES_ecb_encrypt((const_DES_cblock *)b, (DES_cblock *)b, s, enc);
}

/* ---- low-level peers ------------------------------------------------------------------------------------------- */

static void low_retail(uint8_t *out) {
    uint8_t chained[PADDED];
    size_t i;
    for (i = 0; i < n; i++) {
        DES_key_schedule left, right;
        DES_cblock iv = {0};
        schedule(keys + 16 * i, &left);
        schedule(keys + 16 * i + 8, &right);
        DES_ncbc_encrypt(padded + PADDED * i, chained, PADDED, &left, &iv, DES_ENCRYPT);
        block(iv, &right, DES_DECRYPT);
        block(iv, &left, DES_ENCRYPT);
        memcpy(out + 8 * i, iv, 8);
    }
}

static void low_triple(uint8_t *out) {
    uint8_t chained[PADDED];
    size_t i;
    for (i = 0; i < n; i++) {
        DES_key_schedule left, right;
        DES_cblock iv = {0};
        schedule(keys + 16 * i, &left);
        schedule(keys + 16 * i + 8, &right);
        DES_ede3_cbc_encrypt(padded + PADDED * i, chained, PADDED, &left, &right, &left, &iv, DES_ENCRYPT);
        memcpy(out + 8 * i, iv, 8);
    }
}

static void low_card(DES_key_schedule *k1, DES_key_schedule *k2, const uint8_t *factor, uint8_t pair[16]) {
    int j;
    for (j = 0; j < 8; j++) {
        pair[j] = factor[j];
        pair[8 + j] = (uint8_t)~factor[j];
    }
    DES_ecb3_encrypt((const_DES_cblock *)pair, (DES_cblock *)pair, k1, k2, k1, DES_ENCRYPT);
    DES_ecb3_encrypt((const_DES_cblock *)(pair + 8), (DES_cblock *)(pair + 8), k1, k2, k1, DES_ENCRYPT);
}

static void low_tacs(uint8_t *out, int compare) {
    DES_key_schedule k1, k2, card;
    uint8_t pair[16], chained[PADDED];
    size_t i;
    int j;
    schedule(MASTER, &k1);
    schedule(MASTER + 8, &k2);
    for (i = 0; i < n; i++) {
        DES_cblock iv = {0};
        low_card(&k1, &k2, factors + 8 * i, pair);
        for (j = 0; j < 8; j++) {
            pair[j] ^= pair[8 + j];
        }
        schedule(pair, &card);
        DES_ncbc_encrypt(padded + PADDED * i, chained, PADDED, &card, &iv, DES_ENCRYPT);
        if (compare) {
            out[i] = memcmp(iv, tacs + 4 * i, 4) != 0;
        } else {
            memcpy(out + 4 * i, iv, 4);
        }
    }
}

static void low_verify(uint8_t *out) {
    low_tacs(out, 1);
}

static void low_derive(uint8_t *out) {
    DES_key_schedule k1, k2;
    size_t i;
    schedule(MASTER, &k1);
    schedule(MASTER + 8, &k2);
    for (i = 0; i < n; i++) {
        low_card(&k1, &k2, factors + 8 * i, out + 16 * i);
    }
}

static void low_ecb(uint8_t *out) {
    DES_key_schedule k1, k2;
    size_t i;
    schedule(MASTER, &k1);
    schedule(MASTER + 8, &k2);
    for (i = 0; i < 6 * n; i++) {
        DES_ecb3_encrypt((const_DES_cblock *)(messages + 8 * i), (DES_cblock *)(out + 8 * i), &k1, &k2, &k1, DES_ENCRYPT);
    }
}

/* ---- EVP peers ------------------------------------------------------------------------------------------------- */

static void evp_retail(uint8_t *out) {
    EVP_CIPHER_CTX *chain = EVP_CIPHER_CTX_new(), *last = EVP_CIPHER_CTX_new();
    uint8_t iv[8] = {0}, buffer[PADDED];
    size_t i;
    int length, j;
    EVP_EncryptInit_ex(chain, des_cbc, NULL, NULL, NULL);
    EVP_EncryptInit_ex(last, ede_ecb, NULL, NULL, NULL);
    for (i = 0; i < n; i++) { /* the last block under 3DES is algorithm 3 */
        EVP_EncryptInit_ex(chain, NULL, NULL, keys + 16 * i, iv);
        EVP_CIPHER_CTX_set_padding(chain, 0);
        EVP_EncryptUpdate(chain, buffer, &length, padded + PADDED * i, PADDED - 8);
        for (j = 0; j < 8; j++) {
            buffer[PADDED - 16 + j] ^= padded[PADDED * i + PADDED - 8 + (size_t)j];
        }
        EVP_EncryptInit_ex(last, NULL, NULL, keys + 16 * i, NULL);
        EVP_CIPHER_CTX_set_padding(last, 0);
        EVP_EncryptUpdate(last, out + 8 * i, &length, buffer + PADDED - 16, 8);
    }
    EVP_CIPHER_CTX_free(chain);
    EVP_CIPHER_CTX_free(last);
}

static void evp_triple(uint8_t *out) {
    EVP_CIPHER_CTX *chain = EVP_CIPHER_CTX_new();
    uint8_t iv[8] = {0}, buffer[PADDED];
    size_t i;
    int length;
    EVP_EncryptInit_ex(chain, ede_cbc, NULL, NULL, NULL);
    for (i = 0; i < n; i++) {
        EVP_EncryptInit_ex(chain, NULL, NULL, keys + 16 * i, iv);
        EVP_CIPHER_CTX_set_padding(chain, 0);
        EVP_EncryptUpdate(chain, buffer, &length, padded + PADDED * i, PADDED);
        memcpy(out + 8 * i, buffer + PADDED - 8, 8);
    }
    EVP_CIPHER_CTX_free(chain);
}

static void evp_ecb(uint8_t *out) {
    EVP_CIPHER_CTX *bulk = EVP_CIPHER_CTX_new();
    int length;
    EVP_EncryptInit_ex(bulk, ede_ecb, NULL, MASTER, NULL);
    EVP_CIPHER_CTX_set_padding(bulk, 0);
    EVP_EncryptUpdate(bulk, out, &length, messages, (int)(LENGTH * n));
    EVP_CIPHER_CTX_free(bulk);
}

/* ---- ours ------------------------------------------------------------------------------------------------------ */

static const sbc_des_kernel *kernel;

static sbc_des_job job_of(const uint8_t *key, size_t step, uint8_t *out) {
    sbc_des_job job;
    memset(&job, 0, sizeof job);
    job.keys = key;
    job.key_length = 16;
    job.key_step = step;
    job.data = messages;
    job.offsets = offsets;
    job.n = n;
    job.padding = 2;
    job.out = out;
    return job;
}

static void our_retail(uint8_t *out) {
    sbc_des_job job = job_of(keys, 16, out);
    job.retail = 1;
    kernel->cbc_mac(&job);
}

static void our_triple(uint8_t *out) {
    sbc_des_job job = job_of(keys, 16, out);
    kernel->cbc_mac(&job);
}

static void our_verify(uint8_t *out) {
    sbc_des_job job = job_of(MASTER, 0, out);
    job.tacs = tacs;
    kernel->tac(&job, factors);
}

static void our_derive(uint8_t *out) {
    sbc_des_job job = job_of(MASTER, 0, out);
    job.data = factors;
    kernel->derive(&job);
}

static void our_ecb(uint8_t *out) {
    sbc_des_job job = job_of(MASTER, 0, out);
    job.n = 6 * n;
    kernel->ecb(&job);
}

typedef void run_fn(uint8_t *out);

static const struct {
    const char *name;
    size_t size; /* bytes of result per message */
    run_fn *ours, *low, *evp;
} CASES[] = {
    {"retail MAC, own keys", 8, our_retail, low_retail, evp_retail},
    {"3DES CBC-MAC, own keys", 8, our_triple, low_triple, evp_triple},
    {"TAC verify with derivation", 1, our_verify, low_verify, NULL},
    {"derive", 16, our_derive, low_derive, NULL},
    {"3DES ECB, one key, 6 blocks", 48, our_ecb, low_ecb, evp_ecb},
};
#define CASE_COUNT (int)(sizeof CASES / sizeof *CASES)

static const struct {
    const char *name;
    int needs;
    const sbc_des_kernel *kernel;
} LEVELS[] = {
    {"portable", SBC_CPU_PORTABLE, &sbc_des_portable},
    {"sse2", SBC_CPU_SSE2, &sbc_des_sse2},
    {"avx2", SBC_CPU_AVX2, &sbc_des_avx2},
};

static double timed(run_fn *run, uint8_t *out, size_t calls) {
    double t = now();
    size_t i;
    for (i = 0; i < calls; i++) {
        run(out);
    }
    return (now() - t) / (double)(calls * n) * 1e9;
}

static int compare(int c) {
    if (CASES[c].low) {
        CASES[c].low(theirs);
        CASES[c].ours(ours);
        if (memcmp(ours, theirs, CASES[c].size * n)) {
            return fprintf(stderr, "%s differs from OpenSSL\n", CASES[c].name), 1;
        }
    }
    if (CASES[c].evp) {
        CASES[c].evp(theirs);
        if (memcmp(ours, theirs, CASES[c].size * n)) {
            return fprintf(stderr, "%s differs from EVP\n", CASES[c].name), 1;
        }
    }
    return 0;
}

static void report(int c, int level, int repeats) {
    double a[REPEATS], b[REPEATS], e[REPEATS];
    size_t calls = n < 2000 ? 20000 / n + 1 : 1, peer_calls = calls / 4 + 1;
    int r;
    for (r = 0; r < repeats; r++) {
        a[r] = timed(CASES[c].ours, ours, calls);
        b[r] = timed(CASES[c].low, theirs, peer_calls);
        e[r] = CASES[c].evp ? timed(CASES[c].evp, scratch, peer_calls) : 0;
    }
    a[0] = median(a, repeats);
    b[0] = median(b, repeats);
    e[0] = median(e, repeats);
    printf("{\"case\": \"%s\", \"level\": \"%s\", \"messages\": %zu, \"ns\": %.1f, \"low_level_ns\": %.1f, \"evp_ns\": %.1f, "
           "\"x_low_level\": %.1f, \"x_evp\": %.1f}\n",
           CASES[c].name, LEVELS[level].name, n, a[0], b[0], e[0], b[0] / a[0], e[0] / a[0]);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const size_t SIZES[] = {1, 2, 4, 8, 12, 13, 14, 16, 24, 32, 64, 128, 256, 257, 1024, 10000, 100000, 1000000};
    int flat = argc > 3 && !strcmp(argv[3], "flat"), repeats = argc > 2 ? atoi(argv[2]) : 7, level, c;
    size_t most, i, j;
    uint32_t seed = 12345;
    n = most = argc > 1 ? (size_t)atol(argv[1]) : 100000;
    if (flat) {
        n = most = 1000000;
    }
    repeats = repeats < 1 ? 1 : repeats > REPEATS ? REPEATS : repeats;
    OSSL_PROVIDER_load(NULL, "legacy");
    OSSL_PROVIDER_load(NULL, "default");
    des_cbc = EVP_CIPHER_fetch(NULL, "DES-CBC", NULL);
    ede_cbc = EVP_CIPHER_fetch(NULL, "DES-EDE-CBC", NULL);
    ede_ecb = EVP_CIPHER_fetch(NULL, "DES-EDE", NULL);
    if (!des_cbc || !ede_cbc || !ede_ecb) {
        return fprintf(stderr, "OpenSSL's legacy provider is missing\n"), 2;
    }
    keys = malloc(16 * n);
    messages = malloc(LENGTH * n);
    padded = malloc(PADDED * n);
    factors = malloc(8 * n);
    tacs = malloc(4 * n);
    ours = calloc(LENGTH, n);
    theirs = calloc(LENGTH, n);
    scratch = calloc(LENGTH, n);
    offsets = malloc((n + 1) * sizeof *offsets);
    for (i = 0; i < 16 * n; i++) {
        keys[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    }
    for (i = 0; i < 8 * n; i++) {
        factors[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    }
    for (i = 0; i < LENGTH * n; i++) {
        messages[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
    }
    for (i = 0; i < n; i++) {
        memcpy(padded + PADDED * i, messages + LENGTH * i, LENGTH);
        memcpy(padded + PADDED * i + LENGTH, "\x80\0\0\0\0\0\0", 8);
    }
    for (i = 0; i <= n; i++) {
        offsets[i] = (int64_t)(LENGTH * i);
    }
    low_tacs(tacs, 0);
    for (j = 7; j < n; j += 1000) {
        tacs[4 * j + j % 4] ^= 1;
    }
    for (level = 0; level < 3; level++) {
        if (LEVELS[level].needs > sbc_cpu_level()) {
            continue;
        }
        kernel = LEVELS[level].kernel;
        for (c = 0; c < (flat ? 1 : CASE_COUNT); c++) {
            if (compare(c)) {
                return 1;
            }
            if (!flat) {
                report(c, level, repeats);
            }
        }
        for (i = 0; flat && i < sizeof SIZES / sizeof *SIZES; i++) {
            n = SIZES[i];
            report(0, level, repeats);
        }
        n = most;
    }
    return 0;
}
