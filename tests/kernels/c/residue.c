/* What a kernel leaves behind: each case runs on a stack of its own, twice, with different secrets and all else equal.
 * A byte of that stack that then differs was made from a secret and not wiped. Prints one line a case; 0 when no
 * kernel leaves any, and what a planted case leaves was seen.
 */
#define _GNU_SOURCE
#include <ucontext.h>

#include "cases.h"

#define STACK ((size_t)1 << 20)

static uint8_t *stack, *keys, *data, *out;
static ucontext_t here, there;
static const test_case *current;

static void run_planted_residue(const test_case *c, const uint8_t *k, const uint8_t *d, uint8_t *o) {
    volatile uint8_t copy[PLANTED_BYTES];
    int i;
    for (i = 0; i < PLANTED_BYTES; i++) {
        copy[i] = k[i] ^ d[i];
    }
    for (i = 0; i < PLANTED_BYTES; i++) {
        o[i] = copy[c->n * (size_t)i];
    }
}

static void enter(void) {
    current->run(current, keys, data, out);
}

static void run_once(const test_case *c, unsigned seed, uint8_t *image) {
    size_t i;
    for (i = 0; i < c->key_size; i++) {
        keys[i] = (uint8_t)((i + seed) * 2654435761u >> 13);
    }
    for (i = 0; i < c->data_size; i++) {
        data[i] = (uint8_t)((i + 7 * seed) * 2246822519u >> 11);
    }
    memset(stack, 0xAA, STACK);
    current = c;
    getcontext(&there);
    there.uc_stack.ss_sp = stack;
    there.uc_stack.ss_size = STACK;
    there.uc_link = &here;
    makecontext(&there, enter, 0);
    swapcontext(&here, &there);
    memcpy(image, stack, STACK);
}

int main(void) {
    uint8_t *first = malloc(STACK), *second = malloc(STACK);
    int i, wrong = 0;
    stack = malloc(STACK);
    keys = malloc(32 * MOST);
    data = malloc((LONGEST + 4) * MOST);
    out = malloc(LONGEST * MOST);
    if (!first || !second || !stack || !keys || !data || !out) {
        return 2;
    }
    make_cases();
    add_planted("copy on the stack", run_planted_residue);
    for (i = 0; i < case_count; i++) {
        size_t left = 0, at, deepest = 0;
        if (cases[i].planted && cases[i].run != run_planted_residue) {
            continue;
        }
        run_once(&cases[i], 1, first);
        run_once(&cases[i], 2, second);
        for (at = 0; at < STACK; at++) {
            left += first[at] != second[at];
            deepest = deepest == 0 && first[at] != 0xAA ? STACK - at : deepest;
        }
        wrong += cases[i].planted ? left == 0 : left != 0;
        printf("%s %s: %zu bytes left of %zu used\n",
               cases[i].planted ? (left ? "seen" : "MISSED") : left ? "LEFT" : "clean", cases[i].name, left, deepest);
    }
    return wrong != 0;
}
