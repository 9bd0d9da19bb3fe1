/* DES in plain ISO C: 64 messages to a pass, and what all levels share. */
#define VEC_BYTES 8
#define SMALL 4
#define KERNEL sbc_des_portable
#include "des_wide.h"
#include "des_jobs_wide.h"
#include "des_small_portable.h"
#include "des_jobs_small.h"
#include "des_level.h"

int sbc_des_offsets(const int64_t *offsets, size_t n, size_t size, size_t unit, int64_t *copies) {
    uint64_t odd = 0;
    size_t i;
    int wrong;
    memcpy(copies, offsets, (n + 1) * sizeof *copies);
    wrong = copies[0] < 0 || (uint64_t)copies[n] > size;
    for (i = 0; i < n; i++) {
        wrong |= copies[i + 1] < copies[i];
        odd |= (uint64_t)copies[i + 1] - (uint64_t)copies[i];
    }
    return !wrong && !(odd & (unit - 1));
}

void sbc_des_wipe(void *p, size_t n) {
#if defined(__GNUC__)
    memset(p, 0, n);
    __asm__ __volatile__("" : : "r"(p) : "memory");
#else
    volatile unsigned char *q = (volatile unsigned char *)p;
    while (n--) {
        *q++ = 0;
    }
#endif
}
