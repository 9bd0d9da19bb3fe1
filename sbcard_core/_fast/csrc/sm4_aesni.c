/* SM4 with the AES instruction on 128-bit vectors: four blocks a vector, sixteen side by side. See sm4_aes.h. */
#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "target.h"

SBC_TARGET("ssse3,aes")

typedef __m128i vec;

#define WIDTH 4
#define GROUPS 4

#define v_xor _mm_xor_si128
#define v_and _mm_and_si128
#define v_andnot _mm_andnot_si128
#define v_shift4(x) _mm_srli_epi32(x, 4)
#define v_shuffle _mm_shuffle_epi8
#define v_all32 _mm_set1_epi32
#define v_repeat(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define v_zip32lo _mm_unpacklo_epi32
#define v_zip32hi _mm_unpackhi_epi32
#define v_zip64lo _mm_unpacklo_epi64
#define v_zip64hi _mm_unpackhi_epi64
#define v_aes(x) _mm_aesenclast_si128(x, _mm_setzero_si128())
#define v_gather(at) v_repeat((at)[0])
#define v_scatter(at, x) _mm_storeu_si128((__m128i *)(void *)(at)[0], x)

#include "sm4_aes.h"

SBC_TARGET_END

const sbc_sm4_level sbc_sm4_aesni = {level_ecb, level_cbc, level_cbc_mac, level_derive};
#else
#define SBC_SM4_FALLBACK sbc_sm4_aesni
#include "sm4_fallback.h"
#endif
