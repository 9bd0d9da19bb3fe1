/* The screen of one level. The including file gives
 *   LEVEL(name)        the name with the level's suffix
 *   SBC_IDCHECK        the level's check of citizen numbers
 *   events64(p, d)     bit k: byte k of 64 is the delimiter d, LF or CR
 *   shapes(...)        the check SBC_SHAPE over the rows of a tile
 *   texts(...)         the check SBC_TEXT, with classes that ready_texts() has made of a program, SBC_PLANS at most
 *   SBC_STRIPS         defined where it also looks at Arrow columns one by one (screen_strips.h)
 */
#include "idcheck.h"

typedef struct {
    sbc_cell *cells; /* SBC_TILE rows of columns + 1 */
    uint8_t *flags;  /* of the tile's first row */
    uint64_t *keys;
    size_t rows, columns;
    const text_class *classes; /* by check, or NULL */
} sbc_tile;

#define EACH(tile, check, cell, verdict)                                                  \
    do {                                                                                  \
        const sbc_cell *cell##_at = (tile)->cells + (check)->column;                      \
        size_t row_;                                                                      \
        for (row_ = 0; row_ < (tile)->rows; row_++, cell##_at += (tile)->columns + 1) {   \
            sbc_cell cell = *cell##_at;                                                   \
            if (!cell.length) {                                                           \
                (tile)->flags[row_] |= !((check)->options & SBC_OPTIONAL);                \
            } else {                                                                      \
                (tile)->flags[row_] |= !(verdict);                                        \
            }                                                                             \
        }                                                                                 \
    } while (0)

/* Seventeen digits as one number. */
static inline uint64_t LEVEL(key)(const uint8_t *p) {
    return (eight_digit_value(load64(p)) * 100000000u + eight_digit_value(load64(p + 8))) * 10 + (p[16] - (uint64_t)'0');
}

static inline uint32_t LEVEL(two)(const uint8_t *p) {
    return (uint32_t)(p[0] - '0') * 10 + (uint32_t)(p[1] - '0');
}

/* What the number's own kernel found, with the region judged by the last birth year (less 1899, 0 = none) that a code
 * can stand with, one byte per code. */
static inline uint8_t LEVEL(number_fails)(const uint8_t *p, uint8_t found, const uint8_t *until) {
    if (found == SBC_ID_REGION) {
        uint32_t code = LEVEL(two)(p) * 10000 + LEVEL(two)(p + 2) * 100 + LEVEL(two)(p + 4);
        uint32_t year = LEVEL(two)(p + 6) * 100 + LEVEL(two)(p + 8) - 1899;
        return until[code] < year;
    }
    return found != 0;
}

/* Whether a number ends in 000, as one whose last digits a spreadsheet program dropped: right or wrong, it is told. */
static inline uint8_t LEVEL(may_be_rounded)(const uint8_t *p) {
    return load64(p + SBC_ID_LENGTH - 8) >> 40 == 0x303030;
}

/* Numbers of a tile in contiguous rows, as the number's own kernel takes them. */
static void LEVEL(numbers)(const sbc_check *check, const uint8_t *tables, sbc_tile *tile) {
    uint8_t numbers[SBC_TILE * SBC_ID_LENGTH + SBC_PAD], status[SBC_TILE];
    const uint8_t *until = tables + check->table;
    const sbc_cell *cell = tile->cells + check->column;
    size_t row;
    for (row = 0; row < tile->rows; row++, cell += tile->columns + 1) {
        if (cell->length == SBC_ID_LENGTH) {
            memcpy(numbers + row * SBC_ID_LENGTH, cell->at, SBC_ID_LENGTH);
        } else {
            memset(numbers + row * SBC_ID_LENGTH, 0, SBC_ID_LENGTH);
        }
    }
    SBC_IDCHECK(numbers, 0, tile->rows, tables + check->size, (uint32_t)check->max, status);
    cell = tile->cells + check->column;
    for (row = 0; row < tile->rows; row++, cell += tile->columns + 1) {
        const uint8_t *p = numbers + row * SBC_ID_LENGTH;
        uint8_t found = status[row];
        if (!cell->length && check->options & SBC_OPTIONAL) {
            continue;
        }
        if (check->options & SBC_GIVES_KEY && tile->keys && !(found & SBC_ID_CHARACTERS)) {
            tile->keys[row] = LEVEL(key)(p);
        }
        tile->flags[row] |= LEVEL(number_fails)(p, found, until) | LEVEL(may_be_rounded)(p);
    }
}

/* Keys alone: a number's form, whatever else stands in the row. */
static void LEVEL(keys)(const sbc_check *check, sbc_tile *tile) {
    const sbc_cell *cell = tile->cells + check->column;
    size_t row;
    for (row = 0; row < tile->rows; row++, cell += tile->columns + 1) {
        const uint8_t *p = cell->at;
        if (cell->length == SBC_ID_LENGTH && eight_digits(load64(p)) && eight_digits(load64(p + 8)) && p[16] >= '0' &&
            p[16] <= '9' && ((p[17] >= '0' && p[17] <= '9') || p[17] == 'X')) {
            if (tile->keys) {
                tile->keys[row] = LEVEL(key)(p);
            }
        } else {
            tile->flags[row] = 1;
        }
    }
}

static void LEVEL(look)(const sbc_program *program, sbc_tile *tile) {
    const uint8_t *tables = program->tables;
    size_t k, row;
    for (k = 0; k < program->check_count; k++) {
        const sbc_check *check = program->checks + k;
        switch (check->kind) {
        case SBC_SHAPE:
            shapes(check, tables + check->table, tile);
            break;
        case SBC_SET:
            EACH(tile, check, cell, in_set(check, tables, cell));
            break;
        case SBC_DAY:
            EACH(tile, check, cell, is_day(check, tables, cell));
            break;
        case SBC_TEXT:
            if (program->gb) {
                texts(check, tables, tile, k, 1);
            } else {
                texts(check, tables, tile, k, 0);
            }
            break;
        case SBC_LUHN:
            EACH(tile, check, cell, is_luhn(check, cell));
            break;
        case SBC_CARD:
            EACH(tile, check, cell, is_card(cell));
            break;
        case SBC_KEY:
            LEVEL(keys)(check, tile);
            break;
        default:
            LEVEL(numbers)(check, tables, tile);
        }
    }
    for (row = 0; program->clause_count && row < tile->rows; row++) {
        if (!tile->flags[row] && breaks_a_rule(program, tile->cells + row * (tile->columns + 1))) {
            tile->flags[row] = 1;
        }
    }
}

/* A short cell near the end of its buffer moves to where SBC_PAD bytes can be read. */
static inline void LEVEL(move)(sbc_cell *cell, const uint8_t *limit, uint8_t *pads, uint32_t *used) {
    if (cell->length == 0) {
        cell->at = sbc_nothing;
    } else if ((size_t)(limit - cell->at) < SBC_PAD) {
        uint8_t *pad = pads + SBC_PAD * (*used)++;
        memset(pad, 0, SBC_PAD);
        memcpy(pad, cell->at, cell->length < SBC_PAD ? cell->length : SBC_PAD);
        cell->at = pad;
    }
}

#include "screen_lines.h"

#include "screen_columns.h"
