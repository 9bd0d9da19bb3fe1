/* Secret tracking: under valgrind, keys and data are marked undefined, so that memcheck reports every branch and every
 * address that depends on them. Prints one line a case; 0 when all kernels are clean and both planted leaks were seen.
 *
 * cc -std=c11 -O3 -I sbcard_core/_fast/csrc secrets.c csrc/{cpu,des_*,sm4_*}.c && valgrind -q ./a.out
 */
#include <valgrind/memcheck.h>

#include "cases.h"

/* How many bytes memcheck takes for known though they come from secrets: it would have lost their trace. */
static size_t untracked(const uint8_t *out, size_t size) {
    size_t i, count = 0;
    for (i = 0; i < size; i++) {
        uint8_t bits = 0;
        (void)VALGRIND_GET_VBITS(out + i, &bits, 1);
        count += bits == 0;
    }
    return count;
}

int main(void) {
    int i, wrong = 0;
    if (!RUNNING_ON_VALGRIND) {
        fputs("run me under valgrind\n", stderr);
        return 2;
    }
    make_cases();
    for (i = 0; i < case_count; i++) {
        const test_case *c = &cases[i];
        uint8_t *keys = calloc(1, c->key_size + 1), *data = calloc(1, c->data_size + 1);
        uint8_t *out = calloc(1, c->out_size + 1);
        unsigned before = VALGRIND_COUNT_ERRORS, found;
        size_t lost;
        if (!keys || !data || !out) {
            return 2;
        }
        VALGRIND_MAKE_MEM_UNDEFINED(keys, c->key_size);
        VALGRIND_MAKE_MEM_UNDEFINED(data, c->data_size);
        c->run(c, keys, data, out);
        found = VALGRIND_COUNT_ERRORS - before;
        lost = c->planted ? 0 : untracked(out, c->out_size);
        wrong += c->planted ? found == 0 : found != 0 || lost != 0;
        printf("%s %s: %u reports, %zu bytes of the result not tracked\n",
               c->planted ? (found ? "seen" : "MISSED") : found ? "LEAK" : lost ? "LOST" : "clean", c->name, found,
               lost);
        fflush(stdout);
        VALGRIND_DISABLE_ERROR_REPORTING;
        free(keys);
        free(data);
        free(out);
        VALGRIND_ENABLE_ERROR_REPORTING;
    }
    return wrong != 0;
}
