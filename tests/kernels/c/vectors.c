/* Runs the portable kernels on lines from standard input, for a machine that has no Python: a cross-compiled copy
 * under an emulator answers the same vectors as the machine that asks.
 *
 * A line is  <kernel> <call> <mode> <key length> <keys> <ivs> <data> <length> <length> ...  in hex, "-" for nothing;
 * the lengths are those of the messages. The answer is one line of hex.
 *   sm4 ecb|cbc <decrypt>, sm4 mac <padding>, sm4 derive 0
 *   des ecb|cbc <decrypt>, des mac|retail <padding>, des derive 0, des tac 0 (the factors stand in for ivs)
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "des.h"
#include "sm4.h"

#define MOST 65536

static char line[4 * MOST];
static uint8_t keys[MOST], ivs[MOST], data[MOST], out[MOST];
static int64_t offsets[MOST];

static size_t unhex(const char *text, uint8_t *bytes) {
    size_t n = 0;
    unsigned byte;
    while (n < MOST && *text != '-' && sscanf(text, "%2x", &byte) == 1) {
        bytes[n++] = (uint8_t)byte;
        text += 2;
    }
    return n;
}

static size_t run_sm4(const char *call, int mode, size_t key_size, size_t iv_size, size_t size, size_t n) {
    const sbc_sm4_level *k = &sbc_sm4_portable;
    size_t key_count = key_size / 16, iv_count = iv_size / 16;
    if (!strcmp(call, "ecb")) {
        k->ecb(keys, key_count, data, size / 16, mode, out);
        return size;
    }
    if (!strcmp(call, "cbc")) {
        k->cbc(keys, key_count, ivs, iv_count, data, offsets, n, mode, out);
        return size;
    }
    if (!strcmp(call, "mac")) {
        k->cbc_mac(keys, key_count, ivs, iv_count, data, offsets, n, mode, out);
        return 16 * n;
    }
    k->derive(keys, key_count, data, size / 8, out);
    return 2 * size;
}

static size_t run_des(const char *call, int mode, size_t key_length, size_t key_size, size_t iv_size, size_t size,
                      size_t n) {
    const sbc_des_kernel *k = &sbc_des_portable;
    sbc_des_job job = {0};
    job.keys = keys;
    job.key_length = key_length;
    job.key_step = key_size == key_length ? 0 : key_length;
    job.ivs = iv_size ? ivs : 0;
    job.iv_step = iv_size == 8 ? 0 : 8;
    job.data = data;
    job.offsets = offsets;
    job.n = n;
    job.decrypt = job.padding = mode;
    job.retail = !strcmp(call, "retail");
    job.out = out;
    if (!strcmp(call, "ecb")) {
        job.n = size / 8;
        k->ecb(&job);
        return size;
    }
    if (!strcmp(call, "cbc")) {
        k->cbc(&job);
        return size;
    }
    if (!strcmp(call, "derive")) {
        job.n = size / 8;
        k->derive(&job);
        return 2 * size;
    }
    if (!strcmp(call, "tac")) {
        job.ivs = 0;
        job.padding = 2;
        k->tac(&job, ivs);
        return 4 * n;
    }
    k->cbc_mac(&job);
    return 8 * n;
}

int main(void) {
    while (fgets(line, sizeof line, stdin)) {
        char *kernel = strtok(line, " \n"), *call = strtok(0, " \n"), *word;
        int mode = atoi(strtok(0, " \n"));
        size_t key_length = (size_t)atoi(strtok(0, " \n"));
        size_t key_size = unhex(strtok(0, " \n"), keys), iv_size = unhex(strtok(0, " \n"), ivs);
        size_t size = unhex(strtok(0, " \n"), data), n = 0, answer, i;
        while ((word = strtok(0, " \n"))) {
            offsets[n + 1] = offsets[n] + atoi(word);
            n++;
        }
        answer = strcmp(kernel, "sm4") ? run_des(call, mode, key_length, key_size, iv_size, size, n)
                                       : run_sm4(call, mode, key_size, iv_size, size, n);
        for (i = 0; i < answer; i++) {
            printf("%02x", out[i]);
        }
        putchar('\n');
    }
    return 0;
}
