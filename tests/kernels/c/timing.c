/* Does a kernel's time depend on its secrets? Two classes of calls, one with fixed and one with random secrets, in
 * random order; Welch's t over their times (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?").
 *
 * usage: timing [samples] [part of a case name]; the planted leaks are always run
 *
 * Once the keys differ between the classes, once the data. Both classes are prepared by the same instructions in the
 * same memory, outside the measured time. |t| >= 4.5 in the raw times, or in the times below a percentile (the noise of
 * a busy machine is in the tail), is a leak where each fifth of the measurement shows it, in the same direction: a true
 * one is there all the time. What shows in some fifths only is a disturbance of the machine: that case counts as not
 * measured, never as passed. Nothing is measured twice. The caches are cold for the planted table as they are after a
 * context switch; the kernels have no table that a secret indexes, so nothing of theirs is evicted.
 *
 * exit status: 0 every case passed; 1 a leak, or a planted one was missed; 2 some cases could not be measured
 */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include <math.h>
#include <time.h>

#include "cases.h"

#if defined(__x86_64__)
#include <x86intrin.h>
static inline uint64_t ticks(void) {
    unsigned core;
    uint64_t now;
    _mm_lfence();
    now = __rdtscp(&core);
    _mm_lfence();
    return now;
}
#else
static inline uint64_t ticks(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
#endif

#define THRESHOLD 4.5
#define PARTS 5
#define CROPS 6
#define WARM 2000 /* calls that find the percentiles */

static const double kept[CROPS] = {1.0, 0.99, 0.95, 0.9, 0.75, 0.5};

typedef struct {
    double n[2], mean[2], squares[2];
} welch;

static void welch_add(welch *w, int class, double x) {
    double delta = x - w->mean[class];
    w->n[class] += 1;
    w->mean[class] += delta / w->n[class];
    w->squares[class] += delta * (x - w->mean[class]);
}

static double welch_t(const welch *w) {
    double variance;
    if (w->n[0] < 100 || w->n[1] < 100) {
        return 0;
    }
    variance = w->squares[0] / (w->n[0] - 1) / w->n[0] + w->squares[1] / (w->n[1] - 1) / w->n[1];
    return variance > 0 ? (w->mean[0] - w->mean[1]) / sqrt(variance) : 0;
}

static uint64_t seed = 0x9E3779B97F4A7C15u;

static uint64_t random64(void) { /* xorshift64*: only to vary the input */
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545F4914F6CDD1Du;
}

static void fill(uint8_t *p, size_t size) {
    size_t i;
    for (i = 0; i < size; i += 8) {
        uint64_t r = random64();
        memcpy(p + i, &r, size - i < 8 ? size - i : 8);
    }
}

/* work = fixed or fresh, by a mask: the same instructions for both. */
static void take(uint8_t *work, const uint8_t *fixed, const uint8_t *fresh, size_t size, uint8_t mask) {
    size_t i;
    for (i = 0; i < size; i++) {
        work[i] = (uint8_t)(fixed[i] ^ ((fixed[i] ^ fresh[i]) & mask));
    }
}

typedef struct {
    uint8_t *fixed, *fresh, *work;
} input;

static input input_of(size_t size) {
    input in = {calloc(1, size + 8), calloc(1, size + 8), calloc(1, size + 8)};
    if (!in.fixed || !in.fresh || !in.work) {
        abort();
    }
    fill(in.fixed, size);
    return in;
}

static void input_free(input *in) {
    free(in->fixed);
    free(in->fresh);
    free(in->work);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void cold(const test_case *c) {
    size_t i;
    if (c->planted) {
#if defined(__x86_64__)
        for (i = 0; i < sizeof planted_table; i += 64) {
            _mm_clflush(planted_table + i);
        }
#else
        static volatile uint8_t other[1 << 20];
        for (i = 0; i < sizeof other; i += 64) {
            other[i]++;
        }
#endif
    }
}

static double call(const test_case *c, const input *keys, const input *data, uint8_t *out) {
    uint64_t start, end;
    cold(c);
    start = ticks();
    c->run(c, keys->work, data->work, out);
    end = ticks();
    return (double)(end - start);
}

enum { PASSED, LEAKS, DISTURBED };

/* `t` is the largest over the crops; `vary`: 0 the keys differ between the classes, 1 the data. */
static int measure(const test_case *c, int vary, long samples, input *keys, input *data, uint8_t *out, double *worst) {
    static double warm[WARM];
    double limit[CROPS] = {0};
    welch whole[CROPS], parts[CROPS][PARTS];
    int verdict = PASSED, part;
    long i;
    int k;
    input *varied = vary ? data : keys;
    size_t size = vary ? c->data_size : c->key_size;
    memset(whole, 0, sizeof whole);
    memset(parts, 0, sizeof parts);
    *worst = 0;
    memcpy(keys->work, keys->fixed, c->key_size);
    memcpy(data->work, data->fixed, c->data_size);
    for (i = -WARM; i < samples; i++) {
        int class = (int)(random64() >> 63);
        double time;
        fill(varied->fresh, size);
        take(varied->work, varied->fixed, varied->fresh, size, (uint8_t)-class);
        time = call(c, keys, data, out);
        if (i < 0) {
            warm[i + WARM] = time;
            continue;
        }
        if (i == 0) {
            qsort(warm, WARM, sizeof *warm, by_size);
            for (k = 0; k < CROPS; k++) {
                limit[k] = k ? warm[(int)(kept[k] * (WARM - 1))] : INFINITY;
            }
        }
        for (k = 0; k < CROPS; k++) {
            if (time <= limit[k]) {
                welch_add(&whole[k], class, time);
                welch_add(&parts[k][i * PARTS / samples], class, time);
            }
        }
    }
    for (k = 0; k < CROPS; k++) {
        double t = welch_t(&whole[k]);
        int shown = 0;
        *worst = fabs(t) > fabs(*worst) ? t : *worst;
        for (part = 0; part < PARTS; part++) {
            double of_part = welch_t(&parts[k][part]);
            shown += fabs(of_part) >= 1 && (of_part > 0) == (t > 0);
        }
        if (fabs(t) >= THRESHOLD && verdict != LEAKS) {
            verdict = shown == PARTS ? LEAKS : DISTURBED;
        }
    }
    return verdict;
}

/* The fixed class of a comparison is the right MAC, that of the planted early exit the equal one. */
static void fix(const test_case *c, input *keys, input *data, uint8_t *out) {
    if (c->run == run_planted_exit) {
        memcpy(data->fixed, keys->fixed, c->data_size);
    } else if (c->run == run_planted_lookup) {
        memset(keys->fixed, 0, c->key_size);
        memset(data->fixed, 0, c->data_size);
    } else if (c->run == run_des_verify) {
        run_des_tac(c, keys->fixed, data->fixed + 4 * c->n, out);
        memcpy(data->fixed, out, 4 * c->n);
    }
}

static int judge(const test_case *c, int vary, long samples) {
    input keys = input_of(c->key_size), data = input_of(c->data_size);
    uint8_t *out = calloc(1, c->out_size + 4 * c->n + 8);
    double t;
    int verdict;
    if (!out) {
        abort();
    }
    fix(c, &keys, &data, out);
    verdict = measure(c, vary, samples, &keys, &data, out, &t);
    printf("%-36s %-5s t = %.2f  %s\n", c->name, vary ? "data" : "keys", t,
           verdict == DISTURBED ? "NOT MEASURED: the machine was disturbed"
           : c->planted         ? (verdict == LEAKS ? "seen" : "MISSED")
                                : (verdict == LEAKS ? "LEAK" : "ok"));
    fflush(stdout);
    free(out);
    input_free(&keys);
    input_free(&data);
    return verdict == DISTURBED ? DISTURBED : (c->planted ? verdict != LEAKS : verdict == LEAKS);
}

int main(int argc, char **argv) {
    long samples = argc > 1 ? atol(argv[1]) : 1000000;
    const char *part = argc > 2 ? argv[2] : "";
    int i, vary, count[3] = {0};
    make_cases();
    memset(planted_table, 1, sizeof planted_table);
    printf("%ld samples a measurement; |t| < %.1f passes\n", samples, THRESHOLD);
    for (i = 0; i < case_count; i++) {
        for (vary = 0; vary < 2 && cases[i].timed; vary++) {
            if (cases[i].planted || strstr(cases[i].name, part)) {
                count[judge(&cases[i], vary, samples)]++;
            }
        }
    }
    if (count[1]) {
        printf("%d verdicts are not as they must be\n", count[1]);
    } else if (count[2]) {
        printf("no time depends on a secret where it was measured; %d cases were not: use a quiet machine\n", count[2]);
    } else {
        puts("no time depends on a secret; the planted leaks were seen");
    }
    return count[1] ? 1 : count[2] ? 2 : 0;
}
