/* Arrow columns into rows of cells. A part of screen_level.h. Nulls are empty cells. */

/* The tile's cells of one column; with more short cells at the ends of buffers than there are pads, rows are flagged. */
static void LEVEL(fetch)(sbc_tile *tile, size_t column, const sbc_column *c, size_t first, uint8_t *pads) {
    const uint8_t *valid = (const uint8_t *)(uintptr_t)c->validity, *limit = 0;
    sbc_cell *to = tile->cells + column;
    uint32_t used = 0;
    size_t row;
    for (row = 0; row < tile->rows; row++, to += tile->columns + 1) {
        sbc_cell cell = {sbc_nothing, 0};
        if (c->kind && (!valid || has_bit(valid, c->offset + first + row))) {
            cell = c->kind == 16 ? view_cell(c, first + row, &limit) : slice_cell(c, first + row, &limit);
            if (cell.at > limit || cell.length > (size_t)(limit - cell.at)) {
                tile->flags[row] = 1; /* places that run backwards, or beyond the data */
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

void LEVEL(sbc_screen_columns)(const sbc_program *program, const sbc_column *columns, size_t n, uint8_t *flags,
                               uint64_t *keys) {
    sbc_cell cells[SBC_TILE * (SBC_COLUMNS + 1)];
    uint8_t pads[(SBC_COLUMNS + 1) * SBC_PAD * SBC_PAD];
    sbc_tile tile = {cells, flags, keys, 0, program->columns};
    size_t first, k;
    memset(flags, 0, n);
    for (k = 0; k < SBC_TILE; k++) {
        cells[k * (program->columns + 1) + program->columns].at = sbc_nothing;
        cells[k * (program->columns + 1) + program->columns].length = 0;
    }
    for (first = 0; first < n; first += tile.rows) {
        tile.rows = n - first < SBC_TILE ? n - first : SBC_TILE;
        for (k = 0; k < program->columns; k++) {
            LEVEL(fetch)(&tile, k, columns + k, first, pads + k * SBC_PAD * SBC_PAD);
        }
        LEVEL(look)(program, &tile);
        tile.flags += tile.rows;
        tile.keys = tile.keys ? tile.keys + tile.rows : 0;
    }
}
