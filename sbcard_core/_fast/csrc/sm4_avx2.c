/* SM4 with 256-bit vectors and the AES instruction on their halves: eight blocks a vector, thirty-two side by side.
 * See sm4_aes.h. */
#if defined(__GNUC__) && defined(__x86_64__)
#include <string.h>

#include "sm4_ymm.h"
#include "target.h"

SBC_TARGET("avx2,aes")

static inline __attribute__((always_inline)) __m256i v_aes(__m256i x) {
    const __m128i zero = _mm_setzero_si128();
    __m128i low = _mm_aesenclast_si128(_mm256_castsi256_si128(x), zero);
    __m128i high = _mm_aesenclast_si128(_mm256_extracti128_si256(x, 1), zero);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

#include "sm4_aes.h"

SBC_TARGET_END

const sbc_sm4_level sbc_sm4_avx2 = {level_ecb, level_cbc, level_cbc_mac, level_derive};
#else
#define SBC_SM4_FALLBACK sbc_sm4_avx2
#include "sm4_fallback.h"
#endif
