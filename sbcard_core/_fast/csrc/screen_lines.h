/* Lines of delimited text into rows of cells. A part of screen_level.h.
 *
 * Only the bytes that matter are visited: 64 at a time give one mask of delimiters and line ends. In GB 18030 a
 * delimiter of 40 or more ('|') may be the second byte of a character; then the run of lead bytes before it tells.
 */
typedef struct {
    sbc_tile tile;
    const sbc_lines *lines;
    const sbc_program *program;
    const uint8_t *start; /* of the open cell */
    sbc_cell *row;
    size_t column;
    int odd; /* the open line is to be looked at closer */
    uint32_t pads_used;
    uint8_t pads[SBC_PAD * (SBC_PAD + 1)];
} LEVEL(reader);

static inline void LEVEL(close_cell)(LEVEL(reader) *r, const uint8_t *end) {
    if (r->column < r->tile.columns) {
        sbc_cell *cell = r->row + r->column;
        cell->at = r->start;
        cell->length = (size_t)(end - r->start);
        if (cell->length && *r->start == '"') {
            if (cell->length == 1 || end[-1] != '"' || memchr(r->start + 1, '"', cell->length - 2)) {
                r->odd = 1;
            } else {
                cell->at++;
                cell->length -= 2;
            }
        }
    }
    r->column++;
}

static inline int LEVEL(is_trail)(const uint8_t *p, const uint8_t *line) {
    size_t leads = 0;
    while (p - leads > line && p[-1 - (ptrdiff_t)leads] >= 0x80) {
        leads++;
    }
    return leads & 1;
}

static void LEVEL(flush)(LEVEL(reader) *r) {
    LEVEL(look)(r->program, &r->tile);
    r->tile.flags += r->tile.rows;
    r->tile.keys = r->tile.keys ? r->tile.keys + r->tile.rows : 0;
    r->tile.rows = 0;
    r->row = r->tile.cells;
}

static inline void LEVEL(close_line)(LEVEL(reader) *r, const uint8_t *line, const uint8_t *end) {
    const uint8_t *limit = r->lines->raw + r->lines->size;
    size_t k;
    LEVEL(close_cell)(r, end);
    r->odd |= r->column != r->tile.columns;
    for (k = 0; k < r->lines->edge_count; k++) {
        r->odd |= line < end && *line == r->lines->edges[k];
    }
    r->tile.flags[r->tile.rows] = (uint8_t)r->odd;
    for (k = 0; r->odd && k < r->tile.columns; k++) {
        r->row[k].length = 0;
    }
    for (k = 0; (size_t)(limit - end) < SBC_PAD && k < r->tile.columns; k++) {
        LEVEL(move)(r->row + k, limit, r->pads, &r->pads_used);
    }
    r->row += r->tile.columns + 1;
    r->odd = 0;
    r->column = 0;
    if (++r->tile.rows == SBC_TILE) {
        LEVEL(flush)(r);
    }
}

size_t LEVEL(sbc_screen_lines)(const sbc_program *program, const sbc_lines *lines, size_t n, uint32_t *starts,
                               uint8_t *flags, uint64_t *keys) {
    sbc_cell cells[SBC_TILE * (SBC_COLUMNS + 1)];
    text_class texts[SBC_PLANS];
    sbc_tile tile = {cells, flags, keys, 0, program->columns, ready_texts(program, texts)};
    LEVEL(reader) r = {tile, lines, program, lines->raw, cells, 0, 0, 0, {0}};
    const uint8_t *raw = lines->raw, *line = raw;
    size_t base, done = 0;
    int tricky = program->gb && lines->delimiter >= 0x40;
    for (base = 0; base < SBC_TILE; base++) { /* the empty cell of each row, and nothing left to chance */
        size_t k;
        for (k = 0; k <= program->columns; k++) {
            cells[base * (program->columns + 1) + k].at = sbc_nothing;
            cells[base * (program->columns + 1) + k].length = 0;
        }
    }
    for (base = 0; base < lines->size; base += 64) {
        uint64_t events;
        if (lines->size - base >= 64) {
            events = events64(raw + base, lines->delimiter);
        } else {
            uint8_t rest[64] = {0};
            memcpy(rest, raw + base, lines->size - base);
            events = events64(rest, lines->delimiter) & (((uint64_t)1 << (lines->size - base)) - 1);
        }
        for (; events; events &= events - 1) {
            const uint8_t *p = raw + base + first_bit(events);
            if (*p == lines->delimiter) {
                if (!tricky || !LEVEL(is_trail)(p, line)) {
                    LEVEL(close_cell)(&r, p);
                    r.start = p + 1;
                }
                continue;
            }
            if (*p == '\n' && p > raw && p[-1] == '\r') { /* the second half of CR LF */
                r.start = line = p + 1;
                continue;
            }
            if (done == n) {
                return done + 1; /* more lines than the caller counted */
            }
            starts[done++] = (uint32_t)(line - raw);
            LEVEL(close_line)(&r, line, p);
            r.start = line = p + 1;
        }
    }
    if (line < raw + lines->size) {
        if (done == n) {
            return done + 1;
        }
        starts[done++] = (uint32_t)(line - raw);
        LEVEL(close_line)(&r, line, raw + lines->size);
    }
    LEVEL(flush)(&r);
    starts[done] = (uint32_t)lines->size;
    return done;
}

size_t LEVEL(sbc_screen_count)(const uint8_t *raw, size_t size) {
    size_t base, count = 0;
    uint64_t before = 0; /* whether the byte before is a CR */
    for (base = 0; base < size; base += 64) {
        uint64_t feeds, returns;
        if (size - base >= 64) {
            feeds = equals64(raw + base, '\n');
            returns = equals64(raw + base, '\r');
        } else {
            uint8_t rest[64] = {0};
            memcpy(rest, raw + base, size - base);
            feeds = equals64(rest, '\n');
            returns = equals64(rest, '\r');
        }
        count += ones(returns) + ones(feeds & ~(returns << 1 | before));
        before = returns >> 63;
    }
    return count + (size && raw[size - 1] != '\n' && raw[size - 1] != '\r');
}
