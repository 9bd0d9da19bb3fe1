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

#if defined(__GNUC__)
#define SBC_NOINLINE __attribute__((noinline))
#elif defined(_MSC_VER)
#define SBC_NOINLINE __declspec(noinline)
#else
#define SBC_NOINLINE
#endif

/* Overwrites the stack below the caller's frame: all that the calls it has made kept there, and what the compiler
 * spilled for them, which no wipe of a variable reaches. They must not have been inlined into the caller. */
#define SBC_WIPE_BELOW(name, size)       \
    static SBC_NOINLINE void name(void) { \
        unsigned char below[size];       \
        sbc_wipe(below, sizeof below);   \
    }

#endif
