/* Which vector levels this processor runs. Asked once, at import.
 * A kernel has some of the levels; it runs at its best one not above the level in force. */
#ifndef SBCARD_CPU_H
#define SBCARD_CPU_H

enum {
    SBC_CPU_PORTABLE = 0,
    SBC_CPU_SSE2 = 1,  /* 128-bit vectors: SSE2 and SSSE3's byte shuffle */
    SBC_CPU_AESNI = 2, /* AES instructions on 128-bit vectors */
    SBC_CPU_AVX2 = 3,  /* 256-bit vectors, with the AES instructions */
    SBC_CPU_VAES = 4   /* AES instructions on 256-bit vectors */
};

/* The highest of the levels above; each includes those below it. */
int sbc_cpu_level(void);

#endif
