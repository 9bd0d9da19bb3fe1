/* Every kernel path with secret keys and data, for secrets.c (no branch, no address) and timing.c (no time).
 *
 * A case takes a buffer of secrets, split by its own run() into keys and data, and writes `out`. Lengths, offsets
 * and card factors are public. Two planted cases leak on purpose: a harness that does not see them proves nothing.
 */
#ifndef SBCARD_CASES_H
#define SBCARD_CASES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "des.h"
#include "sm4.h"

#define MOST 300   /* messages in a case */
#define LONGEST 64 /* bytes in a message */

typedef struct test_case test_case;
struct test_case {
    char name[64];
    size_t n, key_size, data_size, out_size; /* sizes in all, not per message */
    void (*run)(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out);
    const sbc_des_kernel *des;
    const sbc_sm4_level *sm4;
    int64_t offsets[MOST + 1];
    int mode;    /* what run() makes of it: direction, padding, retail, key length */
    int timed;   /* timing.c takes it */
    int planted; /* it leaks */
};

#define CASES 256
static test_case cases[CASES];
static int case_count;
static uint8_t factors[8 * MOST];

static int64_t lay_out(test_case *c, int mixed, int unit, int size) {
    size_t i;
    for (i = 0; i < c->n; i++) {
        int blocks = size / unit;
        int length = mixed ? (int)(i * 7 % (size_t)(blocks + 1)) * unit : blocks * unit;
        c->offsets[i + 1] = c->offsets[i] + length;
    }
    return c->offsets[c->n];
}

static test_case *add(const char *kernel, const char *level, const char *what, size_t n) {
    test_case *c = &cases[case_count++];
    if (case_count > CASES) {
        abort();
    }
    snprintf(c->name, sizeof c->name, "%s %s %s", kernel, level, what);
    c->n = n;
    return c;
}

/* ---- DES ---- */

static sbc_des_job des_job(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    sbc_des_job job = {0};
    job.keys = keys;
    job.key_length = 16;
    job.key_step = 16;
    job.data = data;
    job.offsets = c->offsets;
    job.n = c->n;
    job.padding = 2;
    job.out = out;
    return job;
}

static void run_des_retail(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    sbc_des_job job = des_job(c, keys, data, out);
    job.retail = 1;
    job.padding = c->mode;
    c->des->cbc_mac(&job);
}

static void run_des_mac24(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    sbc_des_job job = des_job(c, keys, data, out);
    job.key_length = 24;
    job.key_step = c->key_size == 24 ? 0 : 24;
    job.ivs = keys; /* secret as well */
    c->des->cbc_mac(&job);
}

static void run_des_ecb(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    sbc_des_job job = des_job(c, keys, data, out);
    job.decrypt = c->mode;
    job.key_step = c->key_size == 16 ? 0 : 16;
    c->des->ecb(&job);
}

static void run_des_cbc(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    sbc_des_job job = des_job(c, keys, data, out);
    job.decrypt = c->mode;
    c->des->cbc(&job);
}

static void run_des_derive(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    sbc_des_job job = des_job(c, keys, data, out);
    job.key_step = c->key_size == 16 ? 0 : 16;
    c->des->derive(&job);
}

static void run_des_tac(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    sbc_des_job job = des_job(c, keys, data, out);
    job.key_step = 0;
    c->des->tac(&job, factors);
}

/* The secret data begins with the stated TACs, so that a comparison that stops early is seen. */
static void run_des_verify(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    sbc_des_job job = des_job(c, keys, data + 4 * c->n, out);
    job.key_step = 0;
    job.tacs = data;
    c->des->tac(&job, factors);
}

static void add_des(const char *level, const sbc_des_kernel *kernel, size_t n, const char *size) {
    static const char *const directions[2] = {"encrypt", "decrypt"};
    char what[40];
    test_case *c;
    int mixed, d;
#define ADD(runner, keys, unit, longest, out)                          \
    c = add("des", level, what, n);                                    \
    c->des = kernel;                                                   \
    c->run = runner;                                                   \
    c->key_size = (keys);                                              \
    c->data_size = (size_t)lay_out(c, mixed, unit, longest);           \
    c->out_size = (out)
    for (mixed = 0; mixed <= (n > 1); mixed++) {
        const char *lengths = mixed ? " mixed" : "";
        for (d = 1; d <= 3; d++) {
            snprintf(what, sizeof what, "%s retail padding %d%s", size, d, lengths);
            ADD(run_des_retail, 16 * n, 1, mixed ? 41 : 24, 8 * n);
            c->mode = d;
            c->timed = d == 2 && !mixed;
        }
        snprintf(what, sizeof what, "%s 3-key mac%s", size, lengths);
        ADD(run_des_mac24, 24 * n, 1, 41, 8 * n);
        snprintf(what, sizeof what, "%s tac%s", size, lengths);
        ADD(run_des_tac, 16, 1, 41, 4 * n);
        snprintf(what, sizeof what, "%s compare%s", size, lengths);
        ADD(run_des_verify, 16, 1, 24, n);
        c->data_size += 4 * n;
        c->timed = !mixed;
        for (d = 0; d < 2; d++) {
            snprintf(what, sizeof what, "%s cbc %s%s", size, directions[d], lengths);
            ADD(run_des_cbc, 16 * n, 8, 40, (size_t)c->offsets[n]);
            c->mode = d;
        }
    }
    mixed = 0;
    for (d = 0; d < 2; d++) {
        snprintf(what, sizeof what, "%s ecb %s", size, directions[d]);
        ADD(run_des_ecb, 16 * n, 8, 8, 8 * n);
        c->mode = d;
        snprintf(what, sizeof what, "%s ecb %s one key", size, directions[d]);
        ADD(run_des_ecb, 16, 8, 8, 8 * n);
        c->mode = d;
    }
    snprintf(what, sizeof what, "%s derive", size);
    ADD(run_des_derive, 16, 8, 8, 16 * n);
#undef ADD
}

/* ---- SM4 ---- */

static const uint8_t no_iv[16];

static void run_sm4_mac(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    c->sm4->cbc_mac(keys, c->key_size / 16, no_iv, 1, data, c->offsets, c->n, c->mode, out);
}

static void run_sm4_cbc(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    c->sm4->cbc(keys, c->key_size / 16, keys, c->key_size / 16, data, c->offsets, c->n, c->mode, out);
}

static void run_sm4_ecb(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    c->sm4->ecb(keys, c->key_size / 16, data, c->n, c->mode, out);
}

static void run_sm4_derive(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    c->sm4->derive(keys, c->key_size / 16, data, c->n, out);
}

static void add_sm4(const char *level, const sbc_sm4_level *kernel, size_t n, const char *size) {
    static const char *const directions[2] = {"encrypt", "decrypt"};
    char what[40];
    test_case *c;
    int mixed, d;
#define ADD(runner, keys, unit, longest, out)                          \
    c = add("sm4", level, what, n);                                    \
    c->sm4 = kernel;                                                   \
    c->run = runner;                                                   \
    c->key_size = (keys);                                              \
    c->data_size = (size_t)lay_out(c, mixed, unit, longest);           \
    c->out_size = (out)
    for (mixed = 0; mixed <= (n > 1); mixed++) {
        const char *lengths = mixed ? " mixed" : "";
        for (d = 1; d <= 3; d++) {
            snprintf(what, sizeof what, "%s mac padding %d%s", size, d, lengths);
            ADD(run_sm4_mac, 16 * n, 1, 48, 16 * n);
            c->mode = d;
            c->timed = d == 2 && !mixed;
        }
        for (d = 0; d < 2; d++) {
            snprintf(what, sizeof what, "%s cbc %s%s", size, directions[d], lengths);
            ADD(run_sm4_cbc, 16 * n, 16, 48, (size_t)c->offsets[n]);
            c->mode = d;
        }
    }
    mixed = 0;
    for (d = 0; d < 2; d++) {
        snprintf(what, sizeof what, "%s ecb %s", size, directions[d]);
        ADD(run_sm4_ecb, 16 * n, 16, 16, 16 * n);
        c->mode = d;
        snprintf(what, sizeof what, "%s ecb %s one key", size, directions[d]);
        ADD(run_sm4_ecb, 16, 16, 16, 16 * n);
        c->mode = d;
    }
    snprintf(what, sizeof what, "%s derive", size);
    ADD(run_sm4_derive, 16, 8, 8, 16 * n);
#undef ADD
}

/* ---- planted leaks ---- */

#define PLANTED_BYTES 16
static uint8_t planted_table[256 * 64]; /* a cache line for each entry */

static void run_planted_lookup(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    int i;
    (void)c;
    for (i = 0; i < PLANTED_BYTES; i++) {
        out[i] = *(const volatile uint8_t *)&planted_table[64 * (keys[i] ^ data[i])];
    }
}

static void run_planted_exit(const test_case *c, const uint8_t *keys, const uint8_t *data, uint8_t *out) {
    int i;
    (void)c;
    out[0] = 0;
    for (i = 0; i < PLANTED_BYTES; i++) {
        if (((const volatile uint8_t *)keys)[i] != data[i]) {
            out[0] = 1;
            return;
        }
    }
}

static void add_planted(const char *what,
                        void (*run)(const test_case *, const uint8_t *, const uint8_t *, uint8_t *)) {
    test_case *c = add("planted", "leak:", what, 1);
    c->run = run;
    c->key_size = c->data_size = c->out_size = PLANTED_BYTES;
    c->planted = c->timed = 1;
}

static void make_cases(void) {
    int level = sbc_cpu_level();
    size_t i;
    for (i = 0; i < sizeof factors; i++) {
        factors[i] = (uint8_t)(i * 37);
    }
    add_planted("table look-up", run_planted_lookup);
    add_planted("early exit", run_planted_exit);
    add_des("portable", &sbc_des_portable, 1, "small");
    add_des("portable", &sbc_des_portable, sbc_des_portable.lanes, "large");
    add_sm4("portable", &sbc_sm4_portable, 1, "one");
    add_sm4("portable", &sbc_sm4_portable, 40, "batch");
    if (level >= SBC_CPU_SSE2) {
        add_des("sse2", &sbc_des_sse2, 1, "small");
        add_des("sse2", &sbc_des_sse2, sbc_des_sse2.lanes, "large");
    }
    if (level >= SBC_CPU_AESNI) {
        add_sm4("aesni", &sbc_sm4_aesni, 1, "one");
        add_sm4("aesni", &sbc_sm4_aesni, 40, "batch");
    }
    if (level >= SBC_CPU_AVX2) {
        add_des("avx2", &sbc_des_avx2, 1, "small");
        add_des("avx2", &sbc_des_avx2, sbc_des_avx2.lanes, "large");
        add_sm4("avx2", &sbc_sm4_avx2, 1, "one");
        add_sm4("avx2", &sbc_sm4_avx2, 40, "batch");
    }
    if (level >= SBC_CPU_VAES) {
        add_sm4("vaes", &sbc_sm4_vaes, 1, "one");
        add_sm4("vaes", &sbc_sm4_vaes, 40, "batch");
    }
}

#endif
