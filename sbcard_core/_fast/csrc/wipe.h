/* Overwriting of keys and intermediate values that the optimiser may not drop. */
#ifndef SBCARD_WIPE_H
#define SBCARD_WIPE_H

#include <stddef.h>
#include <string.h>

static inline void sbc_wipe(void *secret, size_t size) {
#if defined(__GNUC__)
    memset(secret, 0, size);
    __asm__ __volatile__("" : : "r"(secret) : "memory");
#else
    volatile unsigned char *p = secret;
    while (size--) {
        *p++ = 0;
    }
#endif
}

/* What the compiler spilled lies in the frames of calls that have returned: the stack below the caller's own. */
#if defined(__GNUC__)
__attribute__((noinline, unused))
#endif
static void sbc_wipe_below(void) {
    unsigned char below[1024];
    sbc_wipe(below, sizeof below);
}

#endif
