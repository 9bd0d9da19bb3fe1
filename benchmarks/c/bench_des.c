/* The DES kernels against OpenSSL's own C loops, in one process, interleaved.
 *
 *   cc -std=c11 -O3 -o bench_des -Isbcard_core/_fast/csrc benchmarks/c/bench_des.c \
 *      sbcard_core/_fast/csrc/des_portable.c sbcard_core/_fast/csrc/des_sse2.c sbcard_core/_fast/csrc/des_avx2.c \
 *      sbcard_core/_fast/csrc/cpu.c -lcrypto
 *   ./bench_des [messages] [repeats] [flat]
 *
 * 48-byte messages behind one another with padding 2, one thread. Every result is compared with OpenSSL's first.
 * The peers are those of peers.c: low-level DES_* calls, and EVP with one context re-keyed for
 * each message. Prints one JSON object per line: case, level, messages, nanoseconds per message of the kernel and of the
 * peers, and the ratios; times are medians over the repeats of the thread's processor time. "flat" measures batches
 * from 1 to a million instead.
 */
#define _POSIX_C_SOURCE 200809L
#define WITH_OPENSSL
#include "peers.c"

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

/* ---- the peers of peers.c over the input of this run ------------------------------------------------------------ */

static void peer(int refused) {
    if (refused) {
        fprintf(stderr, "OpenSSL refused\n");
        exit(2);
    }
}

static void theirs_low_retail(uint8_t *out) {
    peer(low_retail(keys, padded, PADDED, n, out));
}

static void theirs_low_triple(uint8_t *out) {
    peer(low_triple(keys, padded, PADDED, n, out));
}

static void theirs_low_verify(uint8_t *out) {
    peer(low_tac(MASTER, factors, padded, PADDED, n, tacs, out));
}

static void theirs_low_derive(uint8_t *out) {
    peer(low_derive(MASTER, factors, n, out));
}

static void theirs_low_ecb(uint8_t *out) {
    peer(low_ecb(MASTER, messages, 6 * n, out));
}

static void theirs_evp_retail(uint8_t *out) {
    peer(evp_retail(keys, padded, PADDED, n, out));
}

static void theirs_evp_triple(uint8_t *out) {
    peer(evp_triple(keys, padded, PADDED, n, out));
}

static void theirs_evp_verify(uint8_t *out) {
    peer(evp_tac(MASTER, factors, padded, PADDED, n, tacs, out));
}

static void theirs_evp_ecb(uint8_t *out) {
    peer(evp_ecb(MASTER, messages, 6 * n, out));
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
    {"retail MAC, own keys", 8, our_retail, theirs_low_retail, theirs_evp_retail},
    {"3DES CBC-MAC, own keys", 8, our_triple, theirs_low_triple, theirs_evp_triple},
    {"TAC verify with derivation", 1, our_verify, theirs_low_verify, theirs_evp_verify},
    {"derive", 16, our_derive, theirs_low_derive, NULL},
    {"3DES ECB, one key, 6 blocks", 48, our_ecb, theirs_low_ecb, theirs_evp_ecb},
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
    if (peers_openssl_start()) {
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
    peer(low_tac(MASTER, factors, padded, PADDED, n, NULL, tacs));
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
