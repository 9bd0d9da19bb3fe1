/* Arrow columns a column at a time. A part of screen_avx2.c.
 *
 * Where the offsets of some hundred rows rise by one width, their cells are a strip of bytes without gaps, and a check
 * runs over the bytes; characters of texts are counted straight from the offsets. What has no such form (nulls among
 * the rows, views, the last bytes of a buffer) or no such check is left to the rows of cells, as a smaller program.
 */
#define SBC_STRIP 256 /* rows, a multiple of SBC_TILE: what they hold stays in the first cache */
#define SBC_AHEAD 2   /* strips */

enum { OTHER = 0, EQUAL = 1, RISING = 2 };

typedef struct {
    const uint8_t *at; /* its first cell, SBC_PAD bytes readable beyond the last */
    size_t width;      /* of each cell, where all are EQUAL */
    int form;
} strip;

/* What a check looks for, as vectors want it. */
typedef struct {
    byte_class bytes;
    int by_bytes; /* each byte of a cell, wherever it stands */
} plan;

typedef struct {
    const sbc_program *program;
    const sbc_column *columns;
    plan plans[SBC_PLANS];
    text_class texts[SBC_PLANS], rest_texts[SBC_PLANS];
    strip strips[SBC_COLUMNS + 1];
    uint64_t settled; /* clauses done with a check */
    sbc_check checks[SBC_PLANS];
    sbc_clause clauses[SBC_PLANS];
    uint8_t used[SBC_COLUMNS + 1];
} strips;

/* A set of single bytes; 0 where one is not 7-bit. */
static int bytes_of_set(const sbc_check *check, const uint8_t *tables, byte_class *class) {
    unsigned byte;
    for (byte = 0; byte < 256; byte++) {
        uint8_t text[SBC_PAD] = {0};
        sbc_cell cell = {text, 1};
        text[0] = (uint8_t)byte;
        if (in_set(check, tables, cell)) {
            if (byte > 127) {
                return 0;
            }
            hold(class, byte);
        }
    }
    return 1;
}

/* A shape whose places all have the same ranges, of 7-bit bytes. */
static int bytes_of_shape(const sbc_check *check, const uint8_t *ranges, byte_class *class) {
    uint32_t range, k;
    unsigned byte;
    for (range = 0; range < check->size; range++, ranges += 2 * SBC_PAD) {
        for (k = 1; k < check->max; k++) {
            if (ranges[k] != ranges[0] || ranges[SBC_PAD + k] != ranges[SBC_PAD]) {
                return 0;
            }
        }
        if (ranges[SBC_PAD] > 127) {
            return 0;
        }
        for (byte = ranges[0]; byte <= ranges[SBC_PAD]; byte++) {
            hold(class, byte);
        }
    }
    return 1;
}

static void plan_checks(strips *s) {
    const sbc_program *program = s->program;
    size_t k;
    memset(s->plans, 0, sizeof s->plans);
    ready_texts(program, s->texts);
    for (k = 0; k < program->check_count; k++) {
        const sbc_check *check = program->checks + k;
        if (check->kind == SBC_SET) {
            s->plans[k].by_bytes = bytes_of_set(check, program->tables, &s->plans[k].bytes);
        } else if (check->kind == SBC_SHAPE) {
            s->plans[k].by_bytes = bytes_of_shape(check, program->tables + check->table, &s->plans[k].bytes);
        }
    }
}

static int all_valid(const uint8_t *bits, size_t from, size_t n) {
    for (; n && from & 7; from++, n--) {
        if (!has_bit(bits, from)) {
            return 0;
        }
    }
    for (; n >= 8; from += 8, n -= 8) {
        if (bits[from >> 3] != 0xFF) {
            return 0;
        }
    }
    for (; n; from++, n--) {
        if (!has_bit(bits, from)) {
            return 0;
        }
    }
    return 1;
}

/* Whether rows + 1 offsets rise by one width, or rise at all. */
static int form_of_small(const uint32_t *places, size_t rows, uint32_t width) {
    vec wanted = _mm256_add_epi32(_mm256_set1_epi32((int)places[0]),
                                  _mm256_mullo_epi32(_mm256_set1_epi32((int)width),
                                                     _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)));
    vec step = _mm256_set1_epi32((int)(width * 8)), other = _mm256_setzero_si256(), back = other;
    int odd = places[0] + rows * (uint64_t)width != places[rows], falls = 0;
    size_t k;
    for (k = 0; k + 8 <= rows; k += 8, wanted = _mm256_add_epi32(wanted, step)) {
        vec low = load256((const uint8_t *)(places + k)), high = load256((const uint8_t *)(places + k + 1));
        other = _mm256_or_si256(other, _mm256_xor_si256(low, wanted));
        back = _mm256_or_si256(back, _mm256_xor_si256(_mm256_max_epu32(low, high), high));
    }
    for (; k < rows; k++) {
        odd |= places[k] != places[0] + (uint32_t)k * width;
        falls |= places[k] > places[k + 1];
    }
    if (!odd && _mm256_testz_si256(other, other)) {
        return EQUAL;
    }
    return falls || !_mm256_testz_si256(back, back) ? OTHER : RISING;
}

static int form_of_large(const uint64_t *places, size_t rows, uint64_t width) {
    uint64_t other = 0, back = 0;
    size_t k;
    for (k = 0; k < rows; k++) {
        other |= (places[k + 1] - places[k]) ^ width;
        back |= (uint64_t)(places[k + 1] < places[k]);
    }
    return other == 0 ? EQUAL : back ? OTHER : RISING;
}

/* Bytes are asked for before they are looked at: a dozen columns are more streams than a processor follows by itself.
 * An address beyond the buffer is only asked for. */
static inline void ask_for(uint64_t from, uint64_t size) {
    uint64_t at;
    for (at = from; at < from + size; at += 64) {
        _mm_prefetch((const char *)(uintptr_t)at, _MM_HINT_T0);
    }
}

static strip strip_of(const sbc_column *c, size_t first, size_t rows) {
    const uint8_t *valid = (const uint8_t *)(uintptr_t)c->validity;
    const uint32_t *small = (const uint32_t *)(uintptr_t)c->places + c->offset + first;
    const uint64_t *large = (const uint64_t *)(uintptr_t)c->places + c->offset + first;
    strip found = {sbc_nothing, 0, c->kind ? OTHER : EQUAL};
    uint64_t from, to;
    if ((c->kind != 4 && c->kind != 8) || (valid && !all_valid(valid, c->offset + first, rows))) {
        return found;
    }
    from = c->kind == 4 ? small[0] : large[0];
    to = c->kind == 4 ? small[rows] : large[rows];
    if (from > to || to > c->size || c->size - to < SBC_PAD) {
        return found;
    }
    found.at = (const uint8_t *)(uintptr_t)c->data + from;
    ask_for(c->data + from + SBC_AHEAD * (to - from), to - from);
    ask_for(c->places + (c->offset + first + SBC_AHEAD * rows) * c->kind, rows * c->kind);
    found.width = (size_t)(to - from) / rows;
    if (c->kind == 4) {
        found.form = form_of_small(small, rows, (uint32_t)found.width);
    } else {
        found.form = form_of_large(large, rows, found.width);
    }
    return found;
}

/* Flags each row that has a byte outside of the class. */
static void look_at_bytes(const byte_class *class, const strip *s, size_t rows, uint8_t *flags) {
    size_t size = s->width * rows, base;
    for (base = 0; base < size; base += 32) {
        uint32_t odd = ~bits_of(in_class(load256(s->at + base), class));
        if (size - base < 32) {
            odd &= ((uint32_t)1 << (size - base)) - 1;
        }
        while (odd) {
            size_t row = (base + first_bit(odd)) / s->width, next = (row + 1) * s->width - base;
            flags[row] = 1;
            odd &= next < 32 ? ~(uint32_t)0 << next : 0;
        }
    }
}

static void look_at_shapes(const sbc_check *check, const uint8_t *ranges, const strip *s, size_t rows, uint8_t *flags) {
    sbc_cell cell = {s->at, s->width};
    size_t row, width = s->width;
    if (check->size == 1 && check->max <= 16) { /* a telephone */
        __m128i low = load128(ranges), high = load128(ranges + SBC_PAD);
        uint32_t within = ((uint32_t)1 << width) - 1;
        for (row = 0; row < rows; row++, cell.at += width) {
            __m128i v = load128(cell.at), held = _mm_max_epu8(_mm_min_epu8(v, high), low);
            flags[row] |= (~(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(held, v)) & within) != 0;
        }
        return;
    }
    for (row = 0; row < rows; row++, cell.at += width) {
        flags[row] |= !(check->max <= 16 ? shape16(ranges, check->size, cell) : shape32(ranges, check->size, cell));
    }
}

/* As in_set(), without a branch; flags may be anywhere, so nothing is read through a pointer but values. */
static inline void look_up(const sbc_check *check, const uint8_t *table, const strip *s, size_t rows, uint8_t *flags,
                           uint32_t probes) {
    uint64_t mask = ((uint64_t)1 << (8 * s->width)) - 1, length = (uint64_t)s->width << 56, factor = check->alt;
    const uint8_t *p = s->at;
    size_t row, width = s->width;
    uint32_t probe, shift = 64 - check->size;
    for (row = 0; row < rows; row++, p += width) {
        uint64_t value = (load64(p) & mask) | length;
        const uint8_t *slot = table + 8 * (value * factor >> shift);
        int held = 0;
        for (probe = 0; probe < probes; probe++) {
            held |= table64(slot + 8 * probe) == value;
        }
        flags[row] |= !held;
    }
}

static void look_at_sets(const sbc_check *check, const uint8_t *table, const strip *s, size_t rows, uint8_t *flags) {
    switch (check->max) {
    case 1:
        look_up(check, table, s, rows, flags, 1);
        break;
    case 2:
        look_up(check, table, s, rows, flags, 2);
        break;
    default:
        look_up(check, table, s, rows, flags, check->max);
    }
}

/* Days often stand in runs. */
static void look_at_days(const sbc_check *check, const uint8_t *tables, const strip *s, size_t rows, uint8_t *flags) {
    sbc_cell cell = {s->at, s->width};
    int passes = is_day(check, tables, cell);
    size_t row;
    for (row = 0; row < rows; row++, cell.at += s->width) {
        if (row && load64(cell.at) != load64(cell.at - 8)) {
            passes = is_day(check, tables, cell);
        }
        flags[row] |= !passes;
    }
}

static inline uint8_t text_fails(const text_class *class, const sbc_check *check, const uint8_t *tables,
                                 sbc_cell cell) {
    return cell.length ? !text_holds(class, check, tables, cell, 0) : !(check->options & SBC_OPTIONAL);
}

static void look_at_texts(const text_class *given, const sbc_check *check, const uint8_t *tables, const sbc_column *c,
                          size_t first, size_t rows, uint8_t *flags) {
    const text_class class = *given; /* our own, which flags cannot change */
    const uint8_t *data = (const uint8_t *)(uintptr_t)c->data;
    const uint32_t *small = (const uint32_t *)(uintptr_t)c->places + c->offset + first;
    const uint64_t *large = (const uint64_t *)(uintptr_t)c->places + c->offset + first;
    size_t row;
    for (row = 0; c->kind == 4 && row < rows; row++) {
        sbc_cell cell = {data + small[row], small[row + 1] - small[row]};
        if (text_fails(&class, check, tables, cell)) {
            flags[row] = 1;
        }
    }
    for (row = 0; c->kind == 8 && row < rows; row++) {
        sbc_cell cell = {data + large[row], large[row + 1] - large[row]};
        if (text_fails(&class, check, tables, cell)) {
            flags[row] = 1;
        }
    }
}
