/* AVX2 path: sixteen rows at a time.
 *
 * The rows are transposed so that one register holds the same pair of digits
 * of all sixteen rows; every rule is then one multiply-add over such pairs.
 * SBC_TARGET lets this file compile at the baseline of the machine and run only
 * where cpu.h says so: no build flags, no build hook.
 */
#if defined(__GNUC__) && defined(__x86_64__)
#include "idcheck.h"

#include <immintrin.h>
#include <string.h>

#include "target.h"

SBC_TARGET("avx2")

typedef __m256i vec;

#define ROWS 16
#define ALL(x) _mm256_set1_epi16(x)
#define PAIR(a, b) _mm256_set1_epi16((short)((a) | ((b) << 8)))

/* w[k], k < 8: digits 2k and 2k+1 of the rows, as two bytes of a 16-bit lane. */
static inline void load_transposed(const uint8_t *p, vec w[8]) {
    vec a[8], t[8];
    int k;
    for (k = 0; k < 8; k++) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(p + SBC_ID_LENGTH * k));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(p + SBC_ID_LENGTH * (k + 8)));
        a[k] = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
    }
    for (k = 0; k < 4; k++) {
        t[2 * k] = _mm256_unpacklo_epi16(a[2 * k], a[2 * k + 1]);
        t[2 * k + 1] = _mm256_unpackhi_epi16(a[2 * k], a[2 * k + 1]);
    }
    for (k = 0; k < 2; k++) {
        a[4 * k] = _mm256_unpacklo_epi32(t[4 * k], t[4 * k + 2]);
        a[4 * k + 1] = _mm256_unpackhi_epi32(t[4 * k], t[4 * k + 2]);
        a[4 * k + 2] = _mm256_unpacklo_epi32(t[4 * k + 1], t[4 * k + 3]);
        a[4 * k + 3] = _mm256_unpackhi_epi32(t[4 * k + 1], t[4 * k + 3]);
    }
    for (k = 0; k < 4; k++) {
        w[2 * k] = _mm256_unpacklo_epi64(a[k], a[k + 4]);
        w[2 * k + 1] = _mm256_unpackhi_epi64(a[k], a[k + 4]);
    }
}

static inline vec load_last_pair(const uint8_t *p) {
    uint16_t last[ROWS] __attribute__((aligned(32)));
    int k;
    for (k = 0; k < ROWS; k++) {
        memcpy(&last[k], p + SBC_ID_LENGTH * k + 16, 2);
    }
    return _mm256_load_si256((const vec *)(const void *)last);
}

/* Lanes of all ones where the date is not after `today` and exists. */
static inline vec date_ok(vec century, vec year2, vec month, vec day, vec today) {
    const vec days = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0, 0, 0));
    vec in19 = _mm256_cmpeq_epi16(century, ALL(19));
    vec in20 = _mm256_cmpeq_epi16(century, ALL(20));
    vec year = _mm256_add_epi16(year2, _mm256_and_si256(in20, ALL(100))); /* from 1900 */
    /* 1900 is no leap year, 2000 is: within 1900-2075 the 400-year rule is this one exception. */
    vec fourth = _mm256_cmpeq_epi16(_mm256_and_si256(year2, ALL(3)), _mm256_setzero_si256());
    vec leap = _mm256_and_si256(fourth, _mm256_or_si256(in20, _mm256_cmpgt_epi16(year2, _mm256_setzero_si256())));
    vec last = _mm256_and_si256(_mm256_shuffle_epi8(days, _mm256_min_epu16(month, ALL(15))), ALL(255));
    vec key, ok;

    last = _mm256_sub_epi16(last, _mm256_and_si256(leap, _mm256_cmpeq_epi16(month, ALL(2))));
    key = _mm256_add_epi16(_mm256_mullo_epi16(year, ALL(372)),
                           _mm256_add_epi16(_mm256_mullo_epi16(_mm256_sub_epi16(month, ALL(1)), ALL(31)),
                                            _mm256_sub_epi16(day, ALL(1))));
    ok = _mm256_and_si256(_mm256_or_si256(in19, in20), _mm256_cmpgt_epi16(day, _mm256_setzero_si256()));
    ok = _mm256_andnot_si256(_mm256_cmpgt_epi16(day, last), ok);
    ok = _mm256_andnot_si256(_mm256_cmpgt_epi16(year, ALL(175)), ok);
    return _mm256_and_si256(ok, _mm256_cmpeq_epi16(_mm256_min_epu16(key, today), key));
}

static inline vec check_character_ok(const vec w[8], vec last) {
    vec s = _mm256_maddubs_epi16(w[0], PAIR(7, 9));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(w[1], PAIR(10, 5)));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(w[2], PAIR(8, 4)));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(w[3], PAIR(2, 1)));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(w[4], PAIR(6, 3)));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(w[5], PAIR(7, 9)));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(w[6], PAIR(10, 5)));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(w[7], PAIR(8, 4)));
    s = _mm256_add_epi16(s, _mm256_maddubs_epi16(last, PAIR(2, 1)));
    /* s mod 11 by multiplication with 65536/11, exact for the s < 1100 that digits can give */
    s = _mm256_sub_epi16(s, _mm256_mullo_epi16(_mm256_mulhi_epu16(s, ALL(5958)), ALL(11)));
    return _mm256_cmpeq_epi16(s, ALL(1));
}

/* 1 in each lane whose bit of `regions` is clear. A code below 1,000,000 reads within the table. */
static inline vec bit_is_clear(vec codes, const uint8_t *regions) {
    vec words = _mm256_i32gather_epi32((const int *)(const void *)regions, _mm256_srli_epi32(codes, 5), 4);
    vec bits = _mm256_srlv_epi32(words, _mm256_and_si256(codes, _mm256_set1_epi32(31)));
    return _mm256_andnot_si256(bits, _mm256_set1_epi32(1));
}

/* SBC_ID_REGION in each lane whose code is unknown. Rows with bad characters are
 * masked to code 0 first: their digits could index outside the table. */
static inline vec region_unknown(vec r01, vec r23, vec r45, vec clean, const uint8_t *regions) {
    vec head = _mm256_add_epi16(_mm256_mullo_epi16(r01, ALL(100)), r23);
    vec scale = _mm256_set1_epi32(100 | (1 << 16));
    vec low = _mm256_madd_epi16(_mm256_unpacklo_epi16(head, r45), scale);
    vec high = _mm256_madd_epi16(_mm256_unpackhi_epi16(head, r45), scale);

    low = _mm256_and_si256(low, _mm256_unpacklo_epi16(clean, clean));
    high = _mm256_and_si256(high, _mm256_unpackhi_epi16(clean, clean));
    /* unpack and pack split the lanes alike, so the rows come back in their order */
    return _mm256_slli_epi16(_mm256_packus_epi32(bit_is_clear(low, regions), bit_is_clear(high, regions)), 1);
}

static inline vec sex_contradicts(vec last, const uint8_t *sex) {
    vec stated = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)sex));
    vec states = _mm256_or_si256(_mm256_cmpeq_epi16(stated, ALL('1')), _mm256_cmpeq_epi16(stated, ALL('2')));
    vec same = _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_xor_si256(stated, last), ALL(1)), _mm256_setzero_si256());
    return _mm256_and_si256(_mm256_andnot_si256(same, states), ALL(SBC_ID_SEX));
}

static inline __m128i check_sixteen(const uint8_t *rows, const uint8_t *sex, const uint8_t *regions, vec today) {
    const vec zero = _mm256_set1_epi8('0'), ten = PAIR(10, 1);
    vec w[8], last, is_x, digits, widest, clean, found, ok;
    int k;

    load_transposed(rows, w);
    last = load_last_pair(rows);
    is_x = _mm256_and_si256(_mm256_cmpeq_epi16(_mm256_srli_epi16(last, 8), ALL('X')), ALL((short)0xFF00));
    for (k = 0; k < 8; k++) {
        w[k] = _mm256_sub_epi8(w[k], zero);
    }
    last = _mm256_sub_epi8(last, zero);
    digits = _mm256_andnot_si256(is_x, last); /* X counts as 0 here, as 10 in the sum */
    last = _mm256_or_si256(digits, _mm256_and_si256(is_x, ALL(10 << 8)));
    widest = digits;
    for (k = 0; k < 8; k++) {
        widest = _mm256_max_epu8(widest, w[k]);
    }
    clean = _mm256_cmpeq_epi16(_mm256_subs_epu8(widest, _mm256_set1_epi8(9)), _mm256_setzero_si256());

    found = region_unknown(_mm256_maddubs_epi16(w[0], ten), _mm256_maddubs_epi16(w[1], ten),
                           _mm256_maddubs_epi16(w[2], ten), clean, regions);
    ok = date_ok(_mm256_maddubs_epi16(w[3], ten), _mm256_maddubs_epi16(w[4], ten), _mm256_maddubs_epi16(w[5], ten),
                 _mm256_maddubs_epi16(w[6], ten), today);
    found = _mm256_or_si256(found, _mm256_andnot_si256(ok, ALL(SBC_ID_DATE)));
    found = _mm256_or_si256(found, _mm256_andnot_si256(check_character_ok(w, last), ALL(SBC_ID_CHECK)));
    if (sex) {
        found = _mm256_or_si256(found, sex_contradicts(last, sex));
    }
    found = _mm256_blendv_epi8(ALL(SBC_ID_CHARACTERS), found, clean);
    return _mm_packus_epi16(_mm256_castsi256_si128(found), _mm256_extracti128_si256(found, 1));
}

void sbc_idcheck_avx2(const uint8_t *rows, const uint8_t *sex, size_t n, const uint8_t *regions, uint32_t today,
                      uint8_t *out) {
    size_t i = 0;
    vec limit = ALL((short)(uint16_t)today);
    for (; i + ROWS <= n; i += ROWS) {
        __m128i status = check_sixteen(rows + i * SBC_ID_LENGTH, sex ? sex + i : 0, regions, limit);
        _mm_storeu_si128((__m128i *)(void *)(out + i), status);
    }
    sbc_idcheck_portable(rows + i * SBC_ID_LENGTH, sex ? sex + i : 0, n - i, regions, today, out + i);
}

SBC_TARGET_END

#else
#include "idcheck.h"

void sbc_idcheck_avx2(const uint8_t *rows, const uint8_t *sex, size_t n, const uint8_t *regions, uint32_t today,
                      uint8_t *out) {
    sbc_idcheck_portable(rows, sex, n, regions, today, out);
}
#endif
