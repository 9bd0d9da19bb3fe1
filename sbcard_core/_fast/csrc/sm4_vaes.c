/* SM4 with the AES instruction on 256-bit vectors: eight blocks a vector, thirty-two side by side.
 * See sm4_aes.h. */
#if defined(__GNUC__) && defined(__x86_64__)
#include <string.h>

#include "sm4_ymm.h"
#include "target.h"

SBC_TARGET("avx2,aes,vaes")

#define v_aes(x) _mm256_aesenclast_epi128(x, _mm256_setzero_si256())

#include "sm4_aes.h"

SBC_TARGET_END

const sbc_sm4_level sbc_sm4_vaes = {level_ecb, level_cbc, level_cbc_mac, level_derive};
#else
#define SBC_SM4_FALLBACK sbc_sm4_vaes
#include "sm4_fallback.h"
#endif
