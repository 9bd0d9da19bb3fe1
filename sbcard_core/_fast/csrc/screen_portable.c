/* ISO C path of the screen: the reference for every vector path. */
#include "screen_cells.h"

#define LEVEL(name) name##_portable
#define SBC_IDCHECK sbc_idcheck_portable

static inline unsigned first_bit(uint64_t mask) {
#if defined(__GNUC__)
    return (unsigned)__builtin_ctzll(mask);
#else
    unsigned k = 0;
    for (; !(mask & 1); mask >>= 1) {
        k++;
    }
    return k;
#endif
}

static inline unsigned ones(uint64_t v) {
    v -= v >> 1 & 0x5555555555555555u;
    v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
    v = (v + (v >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (unsigned)(v * 0x0101010101010101u >> 56);
}

/* One bit for each of eight bytes that is zero; exact, no borrow runs into the next byte. */
static inline uint64_t zeros8(uint64_t v) {
    uint64_t high = ~(((v & SBC_EVERY(0x7F)) + SBC_EVERY(0x7F)) | v | SBC_EVERY(0x7F));
    return (high >> 7) * 0x0102040810204080u >> 56;
}

static inline uint64_t equals64(const uint8_t *p, uint8_t byte) {
    uint64_t mask = 0;
    int k;
    for (k = 0; k < 8; k++) {
        mask |= zeros8(load64(p + 8 * k) ^ SBC_EVERY(byte)) << (8 * k);
    }
    return mask;
}

static inline uint64_t events64(const uint8_t *p, uint8_t delimiter) {
    return equals64(p, delimiter) | equals64(p, '\n') | equals64(p, '\r');
}

static inline int has_shape(const sbc_check *check, const uint8_t *ranges, sbc_cell cell) {
    size_t k;
    uint32_t range;
    if (cell.length < check->min || cell.length > check->max) {
        return 0;
    }
    for (k = 0; k < cell.length; k++) {
        for (range = 0; range < check->size; range++) {
            const uint8_t *low = ranges + (size_t)range * 2 * SBC_PAD;
            if (cell.at[k] >= low[k] && cell.at[k] <= low[SBC_PAD + k]) {
                break;
            }
        }
        if (range == check->size) {
            return 0;
        }
    }
    return 1;
}

#define shapes(check, ranges, tile) EACH(tile, check, cell, has_shape(check, ranges, cell))

/* Nothing is made ready for texts here. */
#define SBC_PLANS 1
typedef struct {
    int none;
} text_class;

static const text_class *ready_texts(const sbc_program *program, text_class *texts) {
    (void)program;
    (void)texts;
    return 0;
}

#define texts(check, tables, tile, k, gb) EACH(tile, check, cell, is_text(check, tables, cell, gb))

#include "screen_level.h"

static int fits(const sbc_program *program, uint64_t place, uint64_t bytes) {
    return place + bytes <= program->table_size;
}

/* The levels compare a byte with a range in different ways, which agree where no range is upside down. */
static int rises(const uint8_t *ranges, uint32_t count) {
    uint32_t range, k;
    for (range = 0; range < count; range++, ranges += 2 * SBC_PAD) {
        for (k = 0; k < SBC_PAD; k++) {
            if (ranges[k] > ranges[SBC_PAD + k]) {
                return 0;
            }
        }
    }
    return 1;
}

static int sound_check(const sbc_program *program, const sbc_check *c) {
    if (c->column >= program->columns) {
        return 0;
    }
    switch (c->kind) {
    case SBC_SHAPE:
        return c->max <= SBC_PAD && fits(program, c->table, (uint64_t)c->size * 2 * SBC_PAD) &&
               rises(program->tables + c->table, c->size);
    case SBC_SET:
        return c->size > 0 && c->size < 24 && fits(program, c->table, 8 * (((uint64_t)1 << c->size) + c->max));
    case SBC_DAY:
        return fits(program, c->table, SBC_DAY_BITS / 8);
    case SBC_TEXT:
        return c->step > 0 && fits(program, c->table, SBC_UNIT_BYTES) && !(program->tables[c->table] & 1) &&
               (!first_class_of(c) || fits(program, first_class_of(c) - 1, SBC_UNIT_BYTES));
    case SBC_NUMBER:
        return fits(program, c->table, SBC_REGIONS) && fits(program, c->size, SBC_REGIONS / 8);
    case SBC_LUHN:
    case SBC_CARD:
    case SBC_KEY:
        return 1;
    default:
        return 0;
    }
}

int sbc_screen_sound(const sbc_program *program) {
    size_t k;
    if (program->columns > SBC_COLUMNS) {
        return 0;
    }
    for (k = 0; k < program->check_count; k++) {
        if (!sound_check(program, program->checks + k)) {
            return 0;
        }
    }
    for (k = 0; k < program->clause_count; k++) {
        const sbc_clause *c = program->clauses + k;
        if (c->kind < SBC_EMPTY || c->kind > SBC_PARITY || c->a > program->columns || c->b > program->columns ||
            (c->kind >= SBC_IS && c->kind <= SBC_HEAD_NOT && c->size > sizeof c->word) ||
            (c->kind == SBC_HEAD_NOT && c->size > c->from) || c->from > SBC_PAD) {
            return 0;
        }
    }
    return k == 0 || program->clauses[k - 1].last;
}
