/* Classes of bytes and of characters as vectors: 32 bytes at once. A part of screen_avx2.c.
 *
 * What a class says yes to is in the check; a no only means "ask the check itself", as the class may be narrower.
 */

/* 7-bit bytes: bit (byte >> 4) of low[byte & 15]. */
typedef struct {
    uint8_t low[16];
} byte_class;

static inline vec in_class(vec v, const byte_class *class) {
    const vec bit = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, -1, -1, -1, -1, -1, -1, -1, -1));
    vec wanted = _mm256_shuffle_epi8(bit, _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15)));
    vec held = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load128(class->low)), v); /* 0 for 80 and more */
    return _mm256_cmpeq_epi8(_mm256_and_si256(held, wanted), wanted);
}

static inline void hold(byte_class *class, unsigned byte) {
    class->low[byte & 15] |= (uint8_t)(1u << (byte >> 4));
}

/* SBC_TEXT in UTF-8: 7-bit characters, and those of three bytes between two pairs of first bytes whose blocks of 64
 * are in the class as a whole; `mark` are the two bytes of the sign between parts, 0 = none. */
typedef struct {
    byte_class bytes;
    uint8_t first, last;         /* lead bytes */
    uint8_t first_next, last_next; /* the least byte after `first`, the greatest after `last` */
    uint8_t mark[2];
    int usable, has_bytes;
} text_class;

#define BLOCKS 1024 /* of 64 units */

static text_class text_class_of(const sbc_check *check, const uint8_t *tables, int gb) {
    const uint8_t *class = tables + check->table;
    uint32_t start = 0, most = 0, from = 32, k;
    text_class out;
    memset(&out, 0, sizeof out);
    out.usable = !gb && check->step == 1;
    for (k = 1; k < 128; k++) {
        if (has_bit(class, k)) {
            hold(&out.bytes, k);
            out.has_bytes = 1;
        }
    }
    for (k = 32; k <= BLOCKS; k++) { /* the longest run of full blocks */
        if (k == BLOCKS || ~table64(class + 8 * k)) {
            if (k - from > most) {
                most = k - from;
                start = from;
            }
            from = k + 1;
        }
    }
    if (most) {
        out.first = (uint8_t)(0xE0 | start >> 6);
        out.first_next = (uint8_t)(0x80 | (start & 63));
        out.last = (uint8_t)(0xE0 | (start + most - 1) >> 6);
        out.last_next = (uint8_t)(0x80 | ((start + most - 1) & 63));
    } else {
        out.first = out.last = 0xE0; /* and no byte comes next */
        out.first_next = 0xBF;
        out.last_next = 0x80;
    }
    if (check->alt >= 0x80 && check->alt < 0x800 && check->size > 1 && !has_bit(class, check->alt)) {
        out.mark[0] = (uint8_t)(0xC0 | check->alt >> 6);
        out.mark[1] = (uint8_t)(0x80 | (check->alt & 0x3F));
    }
    return out;
}

static inline vec from_to(vec v, uint8_t from, uint8_t to) {
    vec held = _mm256_max_epu8(_mm256_min_epu8(v, _mm256_set1_epi8((char)to)), _mm256_set1_epi8((char)from));
    return _mm256_cmpeq_epi8(held, v);
}

static inline uint32_t bits_of(vec v) {
    return (uint32_t)_mm256_movemask_epi8(v);
}

/* Whether a cell of 1 to 32 bytes surely passes. */
static inline int text_passes(const text_class *class, uint32_t min, uint32_t max, sbc_cell cell) {
    vec v = load256(cell.at), over = _mm256_permute2x128_si256(v, v, 0x81);
    vec next = _mm256_alignr_epi8(over, v, 1), third = _mm256_alignr_epi8(over, v, 2);
    const vec after = _mm256_set1_epi8(-64); /* 80 to BF are less */
    vec lead = from_to(v, class->first, class->last);
    vec low = _mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)class->first));
    vec high = _mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)class->last));
    vec least = _mm256_blendv_epi8(_mm256_set1_epi8(-128), _mm256_set1_epi8((char)class->first_next), low);
    vec most = _mm256_blendv_epi8(_mm256_set1_epi8(-65), _mm256_set1_epi8((char)class->last_next), high);
    uint32_t within = (uint32_t)(((uint64_t)1 << cell.length) - 1), whole, units, marks, before, count;
    lead = _mm256_and_si256(lead, _mm256_cmpgt_epi8(after, third));
    lead = _mm256_andnot_si256(_mm256_or_si256(_mm256_cmpgt_epi8(least, next), _mm256_cmpgt_epi8(next, most)), lead);
    units = bits_of(lead);
    marks = bits_of(_mm256_and_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)class->mark[0])),
                                     _mm256_cmpeq_epi8(next, _mm256_set1_epi8((char)class->mark[1]))));
    marks = class->mark[0] ? marks & within : 0;
    units &= within;
    whole = units | units << 1 | units << 2 | marks | marks << 1;
    if (class->has_bytes) {
        uint32_t plain = bits_of(in_class(v, &class->bytes)) & within;
        units |= plain;
        whole |= plain;
    }
    before = ones(units & (marks - 1));
    count = ones(units) - before;
    return (whole == within) & ((marks & (marks - 1)) == 0) & (before >= min) & (before <= max) &
           ((marks == 0) | ((count >= min) & (count <= max)));
}
