/* Cells of rows that passed, copied together: columns for Arrow, or a whole table's text for its digest. */
#include "screen_cells.h"

/* One read of a number that another thread may be writing. */
#define ONCE(type, place) (*(const volatile type *)(place))

static int is_trail(const uint8_t *p, const uint8_t *line) {
    size_t leads = 0;
    while ((size_t)(p - line) > leads && p[-1 - (ptrdiff_t)leads] >= 0x80) {
        leads++;
    }
    return leads & 1;
}

static const uint8_t *cell_end(const uint8_t *p, const uint8_t *end, const uint8_t *line, uint8_t delimiter, int tricky) {
    for (;; p++) {
        p = p < end ? memchr(p, delimiter, (size_t)(end - p)) : 0;
        if (!p) {
            return end;
        }
        if (!tricky || !is_trail(p, line)) {
            return p;
        }
    }
}

int sbc_screen_cut(const sbc_program *program, const sbc_lines *lines, const uint32_t *starts, size_t rows,
                   const int64_t *chosen, size_t n, uint32_t *pairs) {
    int tricky = program->gb && lines->delimiter >= 0x40;
    size_t k;
    uint32_t column;
    for (k = 0; k < n; k++) {
        uint64_t row = ONCE(uint64_t, chosen + k);
        uint32_t from_place, to_place;
        const uint8_t *line, *end, *p;
        if (row >= rows) {
            return 0;
        }
        from_place = ONCE(uint32_t, starts + row);
        to_place = ONCE(uint32_t, starts + row + 1);
        if (from_place > to_place || to_place > lines->size) {
            return 0;
        }
        p = line = lines->raw + from_place;
        end = lines->raw + to_place;
        while (end > line && (end[-1] == '\n' || end[-1] == '\r')) {
            end--;
        }
        for (column = 0; column < program->columns; column++, pairs += 2) {
            const uint8_t *stop = p <= end ? cell_end(p, end, line, lines->delimiter, tricky) : end;
            const uint8_t *from = p <= end ? p : end;
            int wrapped = stop - from >= 2 && *from == '"';
            pairs[0] = (uint32_t)(from - lines->raw) + (uint32_t)wrapped;
            pairs[1] = (uint32_t)(stop - from) - 2 * (uint32_t)wrapped;
            p = stop + 1;
        }
    }
    return 1;
}

static sbc_cell cell_of(const sbc_column *c, size_t row) {
    const uint8_t *valid = (const uint8_t *)(uintptr_t)c->validity, *limit = 0;
    sbc_cell cell = {sbc_nothing, 0};
    if (!c->kind || (valid && !has_bit(valid, c->offset + row))) {
        return cell;
    }
    if (c->kind == 2) {
        const uint32_t *pair = (const uint32_t *)(uintptr_t)c->places + 2 * (row * c->parts + c->offset);
        uint64_t from = ONCE(uint32_t, pair), length = ONCE(uint32_t, pair + 1);
        cell.at = (const uint8_t *)(uintptr_t)c->data + from;
        cell.length = from + length <= c->size ? length : 0;
        return cell;
    }
    cell = c->kind == 16 ? view_cell(c, row, &limit) : slice_cell(c, row, &limit);
    if (is_outside(cell, limit)) { /* as in screen_columns.h: flagged there */
        cell.at = sbc_nothing;
        cell.length = 0;
    }
    return cell;
}

/* Measures or writes: one loop, each without the other's branches. */
static inline size_t join(const sbc_column *columns, size_t count, size_t rows, const int64_t *chosen, size_t n,
                          int cell_mark, int row_mark, int64_t *ends, uint8_t *out, size_t space, int writes) {
    const size_t cell_marks = cell_mark >= 0, row_marks = row_mark >= 0;
    size_t row, k, size = 0;
    for (row = 0; row < n; row++) {
        uint64_t which = chosen ? ONCE(uint64_t, chosen + row) : row;
        size_t last = row + 1 < n ? row_marks : 0;
        if (which >= rows) {
            return SIZE_MAX;
        }
        if (ends) {
            ends[row] = (int64_t)size;
        }
        for (k = 0; k < count; k++) {
            sbc_cell cell = cell_of(columns + k, which);
            size_t marks = k + 1 < count ? cell_marks : last;
            if (writes) {
                if (cell.length + marks > space - size) {
                    return SIZE_MAX;
                }
                if (cell.length) {
                    memcpy(out + size, cell.at, cell.length);
                }
                if (marks) {
                    out[size + cell.length] = (uint8_t)(k + 1 < count ? cell_mark : row_mark);
                }
            }
            size += cell.length + marks;
        }
    }
    if (ends) {
        ends[n] = (int64_t)size;
    }
    return size;
}

size_t sbc_screen_join(const sbc_column *columns, size_t count, size_t rows, const int64_t *chosen, size_t n,
                       int cell_mark, int row_mark, int64_t *ends, uint8_t *out, size_t space) {
    if (out) {
        return join(columns, count, rows, chosen, n, cell_mark, row_mark, ends, out, space, 1);
    }
    return join(columns, count, rows, chosen, n, cell_mark, row_mark, ends, 0, 0, 0);
}
