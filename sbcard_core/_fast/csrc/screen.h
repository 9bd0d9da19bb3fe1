/* Screen of record values: which rows are certainly clean, straight from the bytes of a file or of Arrow columns.
 *
 * A row's flag is 0 only if every check of the program holds. Anything the program does not understand (a quote that
 * is no plain wrapping, a character beyond its classes, a wrong number of cells) sets the flag: look closer.
 *
 * A program is three arrays, made by validation.program and read here as they are:
 *   checks   one per column that must be looked at, in any order
 *   clauses  conjunctions over several cells; a row that fulfils one whole conjunction is flagged
 *   tables   bytes that checks point into (class bitmaps, sets, days)
 * sbc_screen_sound() refuses a program that would read outside of them.
 *
 * A cell is (address, length). Cells shorter than SBC_PAD are readable up to SBC_PAD bytes: those near the end of
 * their buffer are copied. Column `columns` of every row is an empty cell, for fields that a file does not have.
 *
 * Buffers of Arrow columns are immutable (the Arrow format says so): sbc_screen_columns relies on it. Lines, starts,
 * chosen rows and pairs are read once each and checked where they are used: another thread may write them.
 *
 * A unit is a character: 7-bit as itself; in UTF-8 its code point up to FFFF, in GB 18030 its two-byte code.
 * A four-byte character has no unit and flags its row.
 */
#ifndef SBCARD_SCREEN_H
#define SBCARD_SCREEN_H

#include <stddef.h>
#include <stdint.h>

#define SBC_PAD 32
#define SBC_TILE 128      /* rows looked at together */
#define SBC_COLUMNS 64    /* at most so many cells in a row */
#define SBC_DAY_BITS (200 * 372)
#define SBC_UNIT_BYTES 8192
#define SBC_REGIONS 1000000

enum {
    SBC_SHAPE = 1,   /* min..max bytes, byte k in one of `size` ranges of place k: low[SBC_PAD] high[SBC_PAD] each */
    SBC_SET = 2,     /* one of a set of values up to 7 bytes: 2^size slots, at most max probes; alt = multiplier */
    SBC_DAY = 3,     /* YYYYMMDD whose bit is set, or the alternative word */
    SBC_TEXT = 4,    /* min..max units of a class, a multiple of step; up to `size` such parts with the unit between that
                      * the low half of alt holds; its high half, if any, less 1 is the place of the first unit's class */
    SBC_NUMBER = 5,  /* citizen number: characters, date up to `max`, check, none that ends in 000; last birth year by
                      * region */
    SBC_LUHN = 6,    /* min..max digits, not all 0, with a right Luhn digit where alt is 0 */
    SBC_CARD = 7,    /* card number: 8 of 0-9A-Z and the GB 11714 check character */
    SBC_KEY = 8      /* only the number's form: 17 digits and 0-9 or X */
};

enum { SBC_OPTIONAL = 1, SBC_GIVES_KEY = 2 };

typedef struct {
    uint16_t kind, column, options, step;
    uint32_t min, max;
    uint32_t table, size; /* place in `tables` */
    uint64_t alt;
} sbc_check; /* 32 bytes */

enum {
    SBC_EMPTY = 1,
    SBC_FILLED = 2,
    SBC_IS = 3,         /* a is the word */
    SBC_IS_NOT = 4,
    SBC_AFTER = 5,      /* a has `size` bytes and is greater than the word */
    SBC_BEFORE = 6,
    SBC_HEAD_NOT = 7,   /* a has `from` bytes and does not begin with the word */
    SBC_SAME = 8,       /* a equals b */
    SBC_OTHER = 9,
    SBC_PART_OTHER = 10, /* a[from : from + size] is not b, or a ends before */
    SBC_PARITY = 11      /* b is '1' or '2' and a[from] has the other parity */
};

typedef struct {
    uint16_t kind, last, a, b; /* last: ends a conjunction */
    uint32_t from, size;
    uint8_t word[16];
} sbc_clause; /* 32 bytes */

typedef struct {
    const sbc_check *checks;
    const sbc_clause *clauses;
    const uint8_t *tables;
    size_t check_count, clause_count, table_size;
    int gb;            /* 1 = GB 18030, 0 = UTF-8 */
    uint32_t columns;  /* cells per row */
} sbc_program;

typedef struct {
    const uint8_t *at;
    uint64_t length;
} sbc_cell;

typedef struct {
    const uint8_t *raw;
    size_t size;
    uint8_t delimiter;
    const uint8_t *edges; /* first bytes of lines that are no records */
    size_t edge_count;
} sbc_lines;

/* One column of cells. Kind 4 = Arrow's 32-bit offsets, 8 = 64-bit offsets, 16 = views, 0 = all empty; for
 * sbc_screen_join alone, 2 = pairs (start, length) as sbc_screen_cut gives them, `parts` pairs per row, `offset` first. */
typedef struct {
    uint64_t kind, offset;
    uint64_t validity, places, data, size; /* addresses; size of the data, or of the views, in bytes */
    uint64_t parts, sizes;                 /* views: the array of data buffers, and the one of their sizes; `data` of
                                              them. A place outside of its buffer flags its row, and joins as nothing. */
} sbc_column; /* 64 bytes */

/* 0 = the program reads outside of its tables or columns. */
int sbc_screen_sound(const sbc_program *program);

/* How many lines the bytes hold: LF, CR LF and a lone CR end one. */
typedef size_t sbc_screen_count_fn(const uint8_t *raw, size_t size);

/* Looks through the lines: starts[n + 1], flags[n], keys[n]; gives n back. keys may be NULL. */
typedef size_t sbc_screen_lines_fn(const sbc_program *program, const sbc_lines *lines, size_t n, uint32_t *starts,
                                   uint8_t *flags, uint64_t *keys);

/* Looks through n rows of columns. */
typedef void sbc_screen_columns_fn(const sbc_program *program, const sbc_column *columns, size_t n, uint8_t *flags,
                                   uint64_t *keys);

/* The cells of some lines that passed: n * columns pairs (start, length) into raw. starts[line + 1] ends a line. 0 where
 * a chosen line is none of `rows`, or the starts of one lie outside of raw. */
int sbc_screen_cut(const sbc_program *program, const sbc_lines *lines, const uint32_t *starts, size_t rows,
                   const int64_t *chosen, size_t n, uint32_t *pairs);

/* The cells of rows one after the other: of the chosen rows, or of the first n where chosen is NULL. cell_end and
 * row_end stand between cells and between rows, -1 = nothing; ends (NULL or n + 1) gets the offset of each row.
 * Gives the number of bytes; out may be NULL to ask for it, else at most `space` bytes are written. SIZE_MAX where a
 * chosen row is none of `rows`, or where there is more than `space`: the columns are not what they were when asked. */
size_t sbc_screen_join(const sbc_column *columns, size_t count, size_t rows, const int64_t *chosen, size_t n,
                       int cell_end, int row_end, int64_t *ends, uint8_t *out, size_t space);

sbc_screen_count_fn sbc_screen_count_portable, sbc_screen_count_avx2;
sbc_screen_lines_fn sbc_screen_lines_portable, sbc_screen_lines_avx2;
sbc_screen_columns_fn sbc_screen_columns_portable, sbc_screen_columns_avx2;

#endif
