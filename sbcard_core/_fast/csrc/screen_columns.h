/* Arrow columns into rows of cells. A part of screen_level.h. Nulls are empty cells. */

/* Offsets without nulls, far enough from the end of the data: the common case, without a branch per cell. Offsets that
 * run backwards are left to the careful way: none that only rise lies beyond the last one. */
static inline int LEVEL(fetch_plain)(sbc_tile *tile, sbc_cell *to, const sbc_column *c, size_t first) {
    const uint8_t *data = (const uint8_t *)(uintptr_t)c->data;
    size_t row, step = tile->columns + 1;
    int back = 0;
    if (c->validity) {
        return 0;
    }
    if (c->kind == 4) {
        const uint32_t *places = (const uint32_t *)(uintptr_t)c->places + c->offset + first;
        if (places[tile->rows] + (uint64_t)SBC_PAD > c->size) {
            return 0;
        }
        for (row = 0; row < tile->rows; row++, to += step) {
            back |= places[row + 1] < places[row];
            to->at = data + places[row];
            to->length = places[row + 1] - places[row];
        }
        return !back;
    }
    if (c->kind == 8) {
        const uint64_t *places = (const uint64_t *)(uintptr_t)c->places + c->offset + first;
        if (places[tile->rows] > c->size || c->size - places[tile->rows] < SBC_PAD) {
            return 0;
        }
        for (row = 0; row < tile->rows; row++, to += step) {
            back |= places[row + 1] < places[row];
            to->at = data + places[row];
            to->length = places[row + 1] - places[row];
        }
        return !back;
    }
    return 0;
}

/* The tile's cells of one column; with more short cells at the ends of buffers than there are pads, rows are flagged. */
static void LEVEL(fetch)(sbc_tile *tile, size_t column, const sbc_column *c, size_t first, uint8_t *pads) {
    const uint8_t *valid = (const uint8_t *)(uintptr_t)c->validity, *limit = 0;
    sbc_cell *to = tile->cells + column;
    uint32_t used = 0;
    size_t row;
    if (LEVEL(fetch_plain)(tile, to, c, first)) {
        return;
    }
    for (row = 0; row < tile->rows; row++, to += tile->columns + 1) {
        sbc_cell cell = {sbc_nothing, 0};
        if (!valid || has_bit(valid, c->offset + first + row)) {
            cell = c->kind == 16 ? view_cell(c, first + row, &limit) : slice_cell(c, first + row, &limit);
            if (is_outside(cell, limit)) {
                tile->flags[row] = 1;
                cell.at = sbc_nothing;
                cell.length = 0;
            } else if (cell.length == 0 || (size_t)(limit - cell.at) < SBC_PAD) {
                if (used == SBC_PAD) {
                    tile->flags[row] = 1; /* views of one text, again and again */
                    cell.length = 0;
                }
                LEVEL(move)(&cell, limit, pads, &used);
            }
        }
        *to = cell;
    }
}

/* Which columns the program looks at; the others stay empty. */
static void LEVEL(find_used)(const sbc_program *program, const sbc_column *columns, uint8_t *used) {
    size_t k;
    memset(used, 0, SBC_COLUMNS + 1);
    for (k = 0; k < program->check_count; k++) {
        used[program->checks[k].column] = 1;
    }
    for (k = 0; k < program->clause_count; k++) {
        used[program->clauses[k].a] = used[program->clauses[k].b] = 1;
    }
    for (k = 0; k < program->columns; k++) {
        used[k] = used[k] && columns[k].kind;
    }
}

typedef struct {
    sbc_cell cells[SBC_TILE * (SBC_COLUMNS + 1)];
    uint8_t pads[(SBC_COLUMNS + 1) * SBC_PAD * SBC_PAD];
} LEVEL(room);

static void LEVEL(clear)(const sbc_program *program, LEVEL(room) *room) {
    size_t k;
    for (k = 0; k < SBC_TILE * (program->columns + 1); k++) {
        room->cells[k].at = sbc_nothing;
        room->cells[k].length = 0;
    }
}

/* Looks through n rows from the first one on, a tile of cells at a time; flags may be set already. */
static void LEVEL(by_rows)(const sbc_program *program, const sbc_column *columns, size_t first, size_t n,
                           uint8_t *flags, uint64_t *keys, const text_class *classes, LEVEL(room) *room) {
    sbc_tile tile = {room->cells, flags, keys, 0, program->columns, classes};
    uint8_t used[SBC_COLUMNS + 1];
    size_t end = first + n, k;
    LEVEL(find_used)(program, columns, used);
    for (; first < end; first += tile.rows) {
        tile.rows = end - first < SBC_TILE ? end - first : SBC_TILE;
        for (k = 0; k < program->columns; k++) {
            if (used[k]) {
                LEVEL(fetch)(&tile, k, columns + k, first, room->pads + k * SBC_PAD * SBC_PAD);
            }
        }
        LEVEL(look)(program, &tile);
        tile.flags += tile.rows;
        tile.keys = tile.keys ? tile.keys + tile.rows : 0;
    }
}

#ifdef SBC_STRIPS
#include "screen_strips.h"
#include "screen_strip_rules.h"
#else
void LEVEL(sbc_screen_columns)(const sbc_program *program, const sbc_column *columns, size_t n, uint8_t *flags,
                               uint64_t *keys) {
    LEVEL(room) room;
    memset(flags, 0, n);
    LEVEL(clear)(program, &room);
    LEVEL(by_rows)(program, columns, 0, n, flags, keys, 0, &room);
}
#endif
