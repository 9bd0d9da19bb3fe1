/* The 256-bit vector of sm4_avx2.c and sm4_vaes.c, for sm4_aes.h. */
#ifndef SBCARD_SM4_YMM_H
#define SBCARD_SM4_YMM_H

#include <immintrin.h>
#include <stdint.h>

typedef __m256i vec;

#define WIDTH 8
#define GROUPS 4

#define v_xor _mm256_xor_si256
#define v_and _mm256_and_si256
#define v_andnot _mm256_andnot_si256
#define v_shift4(x) _mm256_srli_epi32(x, 4)
#define v_shuffle _mm256_shuffle_epi8
#define v_all32 _mm256_set1_epi32
#define v_half(p) _mm_loadu_si128((const __m128i *)(const void *)(p))
#define v_repeat(p) _mm256_broadcastsi128_si256(v_half(p))
#define v_zip32lo _mm256_unpacklo_epi32
#define v_zip32hi _mm256_unpackhi_epi32
#define v_zip64lo _mm256_unpacklo_epi64
#define v_zip64hi _mm256_unpackhi_epi64
/* Blocks 0-3 lie in the low halves, 4-7 in the high ones. */
#define v_gather(at) _mm256_inserti128_si256(_mm256_castsi128_si256(v_half((at)[0])), v_half((at)[4]), 1)
#define v_scatter(at, x)                                                                        \
    do {                                                                                        \
        __m256i both = x;                                                                       \
        _mm_storeu_si128((__m128i *)(void *)(at)[0], _mm256_castsi256_si128(both));             \
        _mm_storeu_si128((__m128i *)(void *)(at)[4], _mm256_extracti128_si256(both, 1));        \
    } while (0)

#endif
