#include "cpu.h"

#if defined(__GNUC__) && defined(__x86_64__)
#include <cpuid.h>

/* Asked of the processor itself: not every compiler's __builtin_cpu_supports knows the word. */
static int has_vaes(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c >> 9 & 1);
}
#endif

int sbc_cpu_level(void) {
#if defined(__GNUC__) && defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("ssse3")) {
        return SBC_CPU_PORTABLE;
    }
    if (!__builtin_cpu_supports("aes") || !__builtin_cpu_supports("sse4.1")) {
        return SBC_CPU_SSE2;
    }
    if (!__builtin_cpu_supports("avx2")) {
        return SBC_CPU_AESNI;
    }
    return has_vaes() ? SBC_CPU_VAES : SBC_CPU_AVX2;
#else
    return SBC_CPU_PORTABLE;
#endif
}
