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
 * are in the class as a whole. In GB 18030: those of two bytes from A1 to FE whose lead bytes are so, and no 7-bit ones.
 * `mark` are the two bytes of the sign between parts, 0 = none. */
typedef struct {
    byte_class bytes;
    uint8_t first, last;         /* lead bytes */
    uint8_t first_next, last_next; /* the least byte after `first`, the greatest after `last` */
    uint8_t mark[2];
    uint8_t hole; /* in UTF-8, behind `last`: the second byte of a block that is not in the class as a whole, 0 = none */
    int usable, has_bytes;
    const uint8_t *begins; /* bits of the units a text may begin with, or NULL */
} text_class;

#define BLOCKS 1024 /* of 64 units */

static int full_block(const uint8_t *class, uint32_t block, int gb) {
    uint32_t trail;
    if (!gb) {
        return !~table64(class + 8 * block);
    }
    for (trail = 0xA1; trail < 0xFF && has_bit(class, block << 8 | trail); trail++) {
    }
    return trail == 0xFF;
}

static text_class text_class_of(const sbc_check *check, const uint8_t *tables, int gb) {
    const uint8_t *class = tables + check->table;
    uint32_t start = 0, most = 0, from = gb ? 0x81 : 32, end = gb ? 0xFF : BLOCKS, hole = 0, gap = 0, mark = mark_of(check), k;
    text_class out;
    memset(&out, 0, sizeof out);
    out.usable = check->step == 1;
    out.begins = first_class_of(check) ? tables + (first_class_of(check) - 1) : 0;
    for (k = 1; k < 128 && !gb; k++) {
        if (has_bit(class, k)) {
            hold(&out.bytes, k);
            out.has_bytes = 1;
        }
    }
    for (k = from; k <= end; k++) { /* the longest run of full blocks; in UTF-8 one inside it may have gaps */
        if (k == end || !full_block(class, k, gb)) {
            if (!gb && !hole && k > from && k < end) {
                hole = k;
                continue;
            }
            if (k - from > most) {
                most = k - from;
                start = from;
                gap = hole;
            }
            from = hole ? hole + 1 : k + 1;
            k = hole ? hole : k;
            hole = 0;
        }
    }
    if (gb) {
        out.usable = out.usable && most;
        out.first = (uint8_t)start;
        out.last = (uint8_t)(start + most - 1);
        if (mark >= 0x8100 && mark <= 0xFFFF && check->size > 1 && !has_bit(class, mark)) {
            out.mark[0] = (uint8_t)(mark >> 8);
            out.mark[1] = (uint8_t)mark;
        }
        return out;
    }
    if (most) {
        out.first = (uint8_t)(0xE0 | start >> 6);
        out.first_next = (uint8_t)(0x80 | (start & 63));
        out.last = (uint8_t)(0xE0 | (start + most - 1) >> 6);
        out.last_next = (uint8_t)(0x80 | ((start + most - 1) & 63));
        out.hole = (uint8_t)(gap ? 0x80 | (gap & 63) : 0);
        out.usable = out.usable && (!gap || (0xE0 | gap >> 6) == out.last);
    } else {
        out.first = out.last = 0xE0; /* and no byte comes next */
        out.first_next = 0xBF;
        out.last_next = 0x80;
    }
    if (mark >= 0x80 && mark < 0x800 && check->size > 1 && !has_bit(class, mark)) {
        out.mark[0] = (uint8_t)(0xC0 | mark >> 6);
        out.mark[1] = (uint8_t)(0x80 | (mark & 0x3F));
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

/* Bits of units and of marks: enough units on each side of the mark, if there is one; more are not looked at here. */
static inline int parts_hold(uint32_t units, uint32_t marks, uint32_t min, uint32_t max) {
    uint32_t before = ones(units & (marks - 1)), count = ones(units) - before;
    return ((marks & (marks - 1)) == 0) & (before >= min) & (before <= max) &
           ((marks == 0) | ((count >= min) & (count <= max)));
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
    uint32_t within = (uint32_t)(((uint64_t)1 << cell.length) - 1), whole, units, marks;
    lead = _mm256_and_si256(lead, _mm256_cmpgt_epi8(after, third));
    lead = _mm256_andnot_si256(_mm256_or_si256(_mm256_cmpgt_epi8(least, next), _mm256_cmpgt_epi8(next, most)), lead);
    lead = _mm256_andnot_si256(_mm256_and_si256(high, _mm256_cmpeq_epi8(next, _mm256_set1_epi8((char)class->hole))), lead);
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
    return (whole == within) & parts_hold(units, marks, min, max);
}

static inline int gb_text_passes(const text_class *class, uint32_t min, uint32_t max, sbc_cell cell) {
    const uint32_t even = 0x55555555u;
    vec v = load256(cell.at);
    uint32_t within = (uint32_t)(((uint64_t)1 << cell.length) - 1), units, marks;
    units = bits_of(from_to(v, class->first, class->last)) & bits_of(from_to(v, 0xA1, 0xFE)) >> 1;
    marks = bits_of(_mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)class->mark[0]))) &
            bits_of(_mm256_cmpeq_epi8(v, _mm256_set1_epi8((char)class->mark[1]))) >> 1;
    marks = class->mark[0] ? marks & within & even : 0;
    units &= within & even & ~marks;
    return ((units | units << 1 | marks | marks << 1) == within) & parts_hold(units, marks, min, max);
}

/* Whether a text whose units are known begins, for sure, with one it may begin with. */
static inline int begins_well(const uint8_t *begins, sbc_cell cell, int gb) {
    const uint8_t *p = cell.at;
    uint32_t v;
    if (gb) {
        return has_bit(begins, (size_t)p[0] << 8 | p[1]);
    }
    memcpy(&v, p, 4);
    return (v & 0xF0) == 0xE0 && table64(begins + 8 * ((v & 0x0F) << 6 | (v >> 8 & 0x3F))) >> (v >> 16 & 0x3F) & 1;
}

/* Kept out of the loops over cells: beside it the compiler would make their vectors anew for every cell. */
__attribute__((noinline)) static int is_text_itself(const sbc_check *check, const uint8_t *tables, sbc_cell cell,
                                                    int gb) {
    return is_text(check, tables, cell, gb);
}

/* As is_text(), faster where the class's vectors say yes. */
static inline int text_holds(const text_class *class, const sbc_check *check, const uint8_t *tables, sbc_cell cell,
                             int gb) {
    if (class->usable && cell.length <= SBC_PAD &&
        (gb ? gb_text_passes(class, check->min, check->max, cell)
            : text_passes(class, check->min, check->max, cell)) &&
        (!class->begins || begins_well(class->begins, cell, gb))) {
        return 1;
    }
    return is_text_itself(check, tables, cell, gb);
}

#define SBC_PLANS 64 /* checks made ready; a longer program does without */

/* The classes of a program's texts, one for each check; NULL where it has too many. */
static const text_class *ready_texts(const sbc_program *program, text_class *texts) {
    size_t k;
    if (program->check_count > SBC_PLANS) {
        return 0;
    }
    for (k = 0; k < program->check_count; k++) {
        if (program->checks[k].kind == SBC_TEXT) {
            texts[k] = text_class_of(program->checks + k, program->tables, program->gb);
        }
    }
    return texts;
}
