/* The screen's kernel under a fuzzer: any sound program over any bytes gives the same on every path, within bounds.
 *
 * Input: checks, clauses, flags, delimiter, columns (a byte each), the checks and clauses (32 bytes each), 64 bytes of
 * tables, then the lines. Every buffer is an allocation of its own size, so the sanitizer sees a byte beyond.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 5, TABLES = 64, FREE_FORM = 1, GB = 2, LARGE = 4 | 64, EDGES = 8, COLUMNS = 16, STRIPS = 32 };

static void *copy(const void *data, size_t size) {
    void *out = malloc(size ? size : 1);
    if (size)
        memcpy(out, data, size);
    return out;
}

/* Most random programs are refused; these are bent into range unless the input asks for free form. */
static void bend(sbc_check *checks, size_t n, sbc_clause *clauses, size_t m, uint32_t columns, uint32_t tables) {
    for (size_t i = 0; i < n; i++) {
        sbc_check *c = &checks[i];
        c->kind = (uint16_t)(1 + c->kind % 8);
        c->column = (uint16_t)(c->column % (columns + 1));
        c->options &= 3;
        c->min %= 40;
        c->max = c->min + c->max % 40;
        c->step = (uint16_t)(1 + c->step % 4);
        c->size %= 9;
        c->table = tables > 4096 ? 0 : c->table % (tables + 1) / TABLES * TABLES;
    }
    for (size_t i = 0; i < m; i++) {
        sbc_clause *c = &clauses[i];
        c->kind = (uint16_t)(1 + c->kind % 11);
        c->last &= 1;
        c->a = (uint16_t)(c->a % (columns + 1));
        c->b = (uint16_t)(c->b % (columns + 1));
        c->from %= 20;
        c->size %= 17;
    }
    if (m)
        clauses[m - 1].last = 1;
}

/* A range whose low end is above its high end holds nothing; the levels may differ there, so only sound reads count. */
static int compared;

static void same(const void *one, const void *other, size_t size) {
    if (compared && memcmp(one, other, size) != 0)
        abort();
}

static void by_lines(const sbc_program *program, const sbc_lines *lines, int wide) {
    size_t n = sbc_screen_count_portable(lines->raw, lines->size);
    uint32_t *starts = calloc(n + 1, 4), *other_starts = calloc(n + 1, 4);
    uint8_t *flags = calloc(n + 1, 1), *other_flags = calloc(n + 1, 1);
    uint64_t *keys = calloc(n + 1, 8), *other_keys = calloc(n + 1, 8);
    if (sbc_screen_lines_portable(program, lines, n, starts, flags, keys) != n)
        abort();
    if (n && (starts[0] != 0 || starts[n] != lines->size))
        abort();
    for (size_t i = 0; i < n; i++)
        if (starts[i] >= starts[i + 1])
            abort();
    if (wide) {
        if (sbc_screen_count_avx2(lines->raw, lines->size) != n)
            abort();
        if (sbc_screen_lines_avx2(program, lines, n, other_starts, other_flags, other_keys) != n)
            abort();
        same(starts, other_starts, 4 * (n + 1));
        same(flags, other_flags, n);
        same(keys, other_keys, 8 * n);
    }
    free(starts), free(other_starts), free(flags), free(other_flags), free(keys), free(other_keys);
}

/* The bytes as Arrow columns: the same text in each, cut at places the text itself chooses; with STRIPS, every other
 * column is cut into cells of one width, but for a cell the text may choose, and the text is readable beyond. */
static void by_columns(const sbc_program *program, const uint8_t *raw, size_t size, int how, int wide) {
    size_t n = size / 4 % 600, beyond = how & STRIPS ? SBC_PAD : 0;
    uint32_t *places = malloc(4 * (n + 1)), at = 0, width = size ? raw[0] % 24 : 0, odd = size ? raw[size - 1] : 0;
    uint64_t *even = malloc(8 * (n + 1));
    for (size_t i = 0; i <= n; i++) {
        places[i] = at;
        uint32_t step = size ? raw[i % size] % 24 : 0;
        at = at + step <= size ? at + step : (uint32_t)size;
        even[i] = i * width > size ? size : i * width;
        if (odd < n && i == odd)
            even[i] = even[i] ? even[i] - 1 : 0;
    }
    size_t most = even[n] > places[n] ? even[n] : places[n];
    uint8_t *text = malloc(most + beyond ? most + beyond : 1), *bits = malloc(n / 8 + 1);
    memset(text, '7', most + beyond);
    memcpy(text, raw, most);
    memset(bits, how & EDGES ? 0xFF : 0xB7, n / 8 + 1);
    sbc_column *columns = calloc(program->columns, sizeof *columns);
    for (uint32_t k = 0; k < program->columns; k++) {
        int strip = how & STRIPS && k % 3;
        columns[k].kind = strip ? 8 : 4;
        columns[k].validity = k & 1 ? (uint64_t)(uintptr_t)bits : 0;
        columns[k].places = strip ? (uint64_t)(uintptr_t)even : (uint64_t)(uintptr_t)places;
        columns[k].data = (uint64_t)(uintptr_t)text;
        columns[k].size = most + beyond;
    }
    uint8_t *flags = calloc(n + 1, 1), *other_flags = calloc(n + 1, 1);
    uint64_t *keys = calloc(n + 1, 8), *other_keys = calloc(n + 1, 8);
    sbc_screen_columns_portable(program, columns, n, flags, keys);
    if (wide) {
        sbc_screen_columns_avx2(program, columns, n, other_flags, other_keys);
        same(flags, other_flags, n);
        same(keys, other_keys, 8 * n);
    }
    free(places), free(even), free(text), free(bits), free(columns), free(flags), free(other_flags), free(keys), free(other_keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD)
        return 0;
    size_t n = data[0] % 8, m = data[1] % 5, need = HEAD + 32 * (n + m) + TABLES;
    uint8_t flags = data[2];
    if (size < need)
        return 0;
    uint32_t columns = 1 + data[4] % 12;
    sbc_check *checks = copy(data + HEAD, 32 * n);
    sbc_clause *clauses = copy(data + HEAD + 32 * n, 32 * m);
    size_t table_size = (flags & LARGE) == LARGE ? SBC_REGIONS + 1024 : TABLES;
    uint8_t *tables = calloc(table_size, 1);
    memcpy(tables, data + need - TABLES, TABLES);
    compared = !(flags & FREE_FORM);
    for (size_t k = 0; compared && k < TABLES / 2; k++)
        if (tables[k] > tables[k + TABLES / 2])
            tables[k] = tables[k + TABLES / 2];
    for (size_t done = TABLES; done < table_size; done *= 2)
        memcpy(tables + done, tables, table_size - done < done ? table_size - done : done);
    if (compared)
        bend(checks, n, clauses, m, columns, (uint32_t)table_size);
    sbc_program program = {checks, clauses, tables, n, m, table_size, (flags & GB) != 0, columns};
    uint8_t *raw = copy(data + need, size - need), edges[2] = {'H', 'T'};
    if (sbc_screen_sound(&program)) {
        int wide = 0;
#if defined(__x86_64__)
        wide = __builtin_cpu_supports("avx2") != 0;
#endif
        uint8_t delimiter = data[3] == '\n' || data[3] == '\r' ? ',' : data[3]; /* no end of a line parts cells */
        sbc_lines lines = {raw, size - need, delimiter, edges, flags & EDGES ? 2 : 0};
        if (flags & COLUMNS)
            by_columns(&program, raw, size - need, flags, wide);
        else
            by_lines(&program, &lines, wide);
    }
    free(checks), free(clauses), free(tables), free(raw);
    return 0;
}
