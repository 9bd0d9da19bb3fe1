/* Checks of single cells that are the same at every level. Included by each level's file. */
#ifndef SBCARD_SCREEN_CELLS_H
#define SBCARD_SCREEN_CELLS_H

#include <string.h>

#include "screen.h"

static const uint8_t sbc_nothing[SBC_PAD] = {0};

static inline uint64_t load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = ((v & 0xFF) << 56) | ((v & 0xFF00) << 40) | ((v & 0xFF0000) << 24) | ((v & 0xFF000000) << 8) |
        ((v >> 8) & 0xFF000000) | ((v >> 24) & 0xFF0000) | ((v >> 40) & 0xFF00) | (v >> 56);
#endif
    return v;
}

static inline uint64_t table64(const uint8_t *p) {
    uint64_t v; /* tables are written by this machine */
    memcpy(&v, p, 8);
    return v;
}

static inline int has_bit(const uint8_t *bits, size_t at) {
    return bits[at >> 3] >> (at & 7) & 1;
}

/* The length sits in the top byte, so that a NUL at the end makes another value. */
static inline uint64_t small_value(sbc_cell cell) {
    return (load64(cell.at) & (((uint64_t)1 << (8 * cell.length)) - 1)) | cell.length << 56;
}

static inline int in_set(const sbc_check *check, const uint8_t *tables, sbc_cell cell) {
    uint64_t value, slot;
    const uint8_t *place;
    uint32_t probe;
    if (cell.length > 7) {
        return 0;
    }
    value = small_value(cell);
    slot = value * check->alt >> (64 - check->size);
    place = tables + check->table + slot * 8;
    for (probe = 0; probe < check->max; probe++) {
        if (table64(place + 8 * probe) == value) {
            return 1;
        }
    }
    return 0;
}

#define SBC_EVERY(byte) ((uint64_t)(byte) * 0x0101010101010101u)

static inline int eight_digits(uint64_t v) {
    return (((v & SBC_EVERY(0xF0)) ^ SBC_EVERY(0x30)) | (((v + SBC_EVERY(6)) & SBC_EVERY(0xF0)) ^ SBC_EVERY(0x30))) == 0;
}

/* Four numbers of two digits each, in bytes 0, 2, 4 and 6. */
static inline uint64_t digit_pairs(uint64_t v) {
    v -= SBC_EVERY(0x30);
    return (v * 10 + (v >> 8)) & 0x00FF00FF00FF00FFu;
}

static inline uint64_t eight_digit_value(uint64_t v) {
    v = digit_pairs(v);
    v = ((v * 100) + (v >> 16)) & 0x0000FFFF0000FFFFu;
    return ((v * 10000) + (v >> 32)) & 0xFFFFFFFFu;
}

static inline int is_day(const sbc_check *check, const uint8_t *tables, sbc_cell cell) {
    uint64_t v, pairs;
    uint32_t year, month, day;
    if (cell.length != 8) {
        return check->alt && cell.length <= 7 && small_value(cell) == check->alt;
    }
    v = load64(cell.at);
    if (!eight_digits(v)) {
        return 0;
    }
    pairs = digit_pairs(v);
    year = (uint32_t)(pairs & 255) * 100 + (uint32_t)(pairs >> 16 & 255) - 1900;
    month = (uint32_t)(pairs >> 32 & 255) - 1;
    day = (uint32_t)(pairs >> 48) - 1;
    return year < 200 && month < 12 && day < 31 && has_bit(tables + check->table, year * 372 + month * 31 + day);
}

/* The next unit of a text, or 0; *step is how many bytes it takes. */
static inline uint32_t next_unit(const uint8_t *p, const uint8_t *end, int gb, uint32_t *step) {
    uint32_t unit;
    if (p[0] < 0x80) {
        *step = 1;
        return p[0];
    }
    if (gb) {
        *step = 2;
        return end - p >= 2 && p[0] != 0x80 ? (uint32_t)p[0] << 8 | p[1] : 0;
    }
    if (p[0] < 0xE0) {
        *step = 2;
        unit = end - p >= 2 && (p[1] & 0xC0) == 0x80 ? (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F) : 0;
        return p[0] >= 0xC2 ? unit : 0;
    }
    *step = 3;
    if (p[0] > 0xEF || end - p < 3 || (p[1] & 0xC0) != 0x80 || (p[2] & 0xC0) != 0x80) {
        return 0;
    }
    unit = (uint32_t)(p[0] & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    return unit >= 0x800 ? unit : 0;
}

static inline uint32_t mark_of(const sbc_check *check) {
    return (uint32_t)check->alt;
}

static inline uint32_t first_class_of(const sbc_check *check) {
    return (uint32_t)(check->alt >> 32);
}

/* Whether a text that is not empty may begin with its first unit. */
static inline int may_begin(const sbc_check *check, const uint8_t *tables, sbc_cell cell, int gb) {
    uint32_t place = first_class_of(check), step;
    return !place || has_bit(tables + (place - 1), next_unit(cell.at, cell.at + cell.length, gb, &step));
}

static inline int is_text(const sbc_check *check, const uint8_t *tables, sbc_cell cell, int gb) {
    const uint8_t *class = tables + check->table, *p = cell.at, *end = cell.at + cell.length;
    uint32_t count = 0, parts = 1, mark = mark_of(check), step;
    if (!may_begin(check, tables, cell, gb)) {
        return 0;
    }
    while (p < end) {
        uint32_t unit = next_unit(p, end, gb, &step);
        p += step;
        if (has_bit(class, unit)) { /* bit 0 is clear: no unit is no character */
            count++;
            continue;
        }
        if (!unit || unit != mark || count < check->min || count > check->max || ++parts > check->size) {
            return 0;
        }
        count = 0;
    }
    return count >= check->min && count <= check->max && count % check->step == 0;
}

static inline int is_luhn(const sbc_check *check, sbc_cell cell) {
    static const uint8_t DOUBLED[10] = {0, 2, 4, 6, 8, 1, 3, 5, 7, 9};
    uint32_t sum = 0;
    size_t k;
    if (cell.length < check->min || cell.length > check->max) {
        return 0;
    }
    for (k = 0; k < cell.length; k++) {
        unsigned digit = cell.at[cell.length - 1 - k] - (unsigned)'0';
        if (digit > 9) {
            return 0;
        }
        sum += k & 1 ? DOUBLED[digit] : digit;
    }
    return sum && (check->alt || sum % 10 == 0); /* zeros alone are no account */
}

static inline int is_card(sbc_cell cell) {
    static const uint8_t WEIGHTS[8] = {3, 7, 9, 10, 5, 8, 4, 2};
    static const uint8_t RIGHT[12] = "0X987654321"; /* by the sum modulo 11 */
    uint32_t sum = 0;
    int k;
    if (cell.length != 9) {
        return 0;
    }
    for (k = 0; k < 8; k++) {
        unsigned c = cell.at[k], value = c - '0';
        if (value > 9) {
            value = c - 'A' + 10;
            if (c < 'A' || c > 'Z') {
                return 0;
            }
        }
        sum += WEIGHTS[k] * value;
    }
    return sum && cell.at[8] == RIGHT[sum % 11]; /* zeros alone are no card */
}

/* What a place outside of its buffer gives: a cell that is_outside() of any limit set with it. */
static inline sbc_cell outside_cell(const uint8_t **limit) {
    sbc_cell cell = {sbc_nothing, 1};
    *limit = sbc_nothing;
    return cell;
}

static inline int is_outside(sbc_cell cell, const uint8_t *limit) {
    return cell.length > (size_t)(limit - cell.at);
}

static inline sbc_cell view_cell(const sbc_column *c, size_t row, const uint8_t **limit) {
    const uint8_t *view = (const uint8_t *)(uintptr_t)c->places + 16 * (c->offset + row);
    int32_t word[4];
    sbc_cell cell;
    memcpy(word, view, 16);
    cell.length = (uint64_t)(uint32_t)word[0];
    if (cell.length <= 12) {
        cell.at = view + 4;
        *limit = (const uint8_t *)(uintptr_t)c->places + c->size;
    } else {
        const uint8_t *const *parts = (const uint8_t *const *)(uintptr_t)c->parts;
        const int64_t *sizes = (const int64_t *)(uintptr_t)c->sizes;
        uint64_t part = (uint32_t)word[2], place = (uint32_t)word[3];
        if (word[0] < 0 || word[2] < 0 || part >= c->data || word[3] < 0 || sizes[part] < 0 ||
            place + cell.length > (uint64_t)sizes[part]) {
            return outside_cell(limit);
        }
        cell.at = parts[part] + place;
        *limit = parts[part] + sizes[part];
    }
    return cell;
}

static inline sbc_cell slice_cell(const sbc_column *c, size_t row, const uint8_t **limit) {
    const uint8_t *data = (const uint8_t *)(uintptr_t)c->data;
    uint64_t low, high;
    sbc_cell cell;
    if (c->kind == 4) {
        const int32_t *places = (const int32_t *)(uintptr_t)c->places + c->offset + row;
        low = (uint64_t)(uint32_t)places[0];
        high = (uint64_t)(uint32_t)places[1];
    } else {
        const int64_t *places = (const int64_t *)(uintptr_t)c->places + c->offset + row;
        low = (uint64_t)places[0];
        high = (uint64_t)places[1];
    }
    if (low > high || high > c->size) {
        return outside_cell(limit);
    }
    cell.at = data + low;
    cell.length = high - low;
    *limit = data + c->size;
    return cell;
}

static inline int same_bytes(const uint8_t *a, const uint8_t *b, size_t n) {
    return n == 8 ? load64(a) == load64(b) : memcmp(a, b, n) == 0; /* a date, mostly */
}

static inline int holds(const sbc_clause *c, const sbc_cell *row) {
    sbc_cell a = row[c->a], b = row[c->b];
    switch (c->kind) {
    case SBC_EMPTY:
        return a.length == 0;
    case SBC_FILLED:
        return a.length != 0;
    case SBC_IS:
        return a.length == c->size && same_bytes(a.at, c->word, c->size);
    case SBC_IS_NOT:
        return !(a.length == c->size && same_bytes(a.at, c->word, c->size));
    case SBC_AFTER:
        return a.length == c->size && memcmp(a.at, c->word, c->size) > 0;
    case SBC_BEFORE:
        return a.length == c->size && memcmp(a.at, c->word, c->size) < 0;
    case SBC_HEAD_NOT:
        return a.length == c->from && !same_bytes(a.at, c->word, c->size);
    case SBC_SAME:
        return a.length == b.length && same_bytes(a.at, b.at, a.length);
    case SBC_OTHER:
        return !(a.length == b.length && same_bytes(a.at, b.at, a.length));
    case SBC_PART_OTHER:
        return !(a.length >= c->from + c->size && b.length == c->size && same_bytes(a.at + c->from, b.at, c->size));
    default: /* SBC_PARITY; a number that is too short has been flagged already */
        return a.length > c->from && b.length == 1 && (b.at[0] == '1' || b.at[0] == '2') &&
               ((a.at[c->from] ^ b.at[0]) & 1);
    }
}

static inline int breaks_a_rule(const sbc_program *program, const sbc_cell *row) {
    size_t k = 0;
    while (k < program->clause_count) {
        int broken = 1;
        for (;; k++) {
            broken = broken && holds(program->clauses + k, row);
            if (program->clauses[k].last) {
                break;
            }
        }
        k++;
        if (broken) {
            return 1;
        }
    }
    return 0;
}

#endif
