#include "cpu.h"

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
    return __builtin_cpu_supports("vaes") ? SBC_CPU_VAES : SBC_CPU_AVX2;
#else
    return SBC_CPU_PORTABLE;
#endif
}
