/* Marks, sets and splits of keys; see dedupe.h. */
#include "dedupe.h"

#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define PREFETCH(place) __builtin_prefetch((place), 1)
#define ALWAYS inline __attribute__((always_inline))
#else
#define ALWAYS inline
#define PREFETCH(place) ((void)(place))
#endif

enum { GROUP = 32, LINE = 8 };

/* One to one; 0 stays 0, so SBC_DEDUPE_NONE becomes 0 and no other key does. The top bits depend on all others. */
static inline uint64_t mix(uint64_t key, sbc_dedupe_seed seed)
{
    uint64_t mixed = (key + 1) * seed.first;
    return (mixed ^ mixed >> 32) * seed.second;
}

static inline sbc_dedupe_seed odd(sbc_dedupe_seed seed)
{
    seed.first |= 1;
    seed.second |= 1;
    return seed;
}

/* Top bits, after `skip` of them are used up; bits > 0. */
static inline size_t top(uint64_t mixed, int skip, int bits)
{
    return (size_t)(mixed << skip >> (64 - bits));
}

typedef struct {
    uint64_t *slots;
    uint32_t *firsts; /* where each key came first, if all its occurrences are to be marked */
    int bits, skip;
    size_t used;
    size_t vacant; /* a slot that is free still, in a caller's set */
} table;

/* The slot that holds a mixture or is free for it, in a table with at least one free slot. */
static inline size_t seek(const uint64_t *slots, size_t mask, size_t at, uint64_t mixed)
{
    while (slots[at] && slots[at] != mixed)
        at = (at + 1) & mask;
    return at;
}

/* The first free slot from `at` on, all round; SIZE_MAX in a full table, where seek() would never end. */
static size_t free_slot(const uint64_t *slots, size_t mask, size_t at)
{
    for (size_t left = mask + 1; left; left--, at = (at + 1) & mask)
        if (!slots[at])
            return at;
    return SIZE_MAX;
}

static int bits_for(size_t keys)
{
    int bits = 6;
    while (bits < 40 && ((size_t)3 << bits) / 4 < keys)
        bits++;
    return bits;
}

static int grow(table *it)
{
    size_t old = (size_t)1 << it->bits, mask = 2 * old - 1;
    uint64_t *slots = calloc(2 * old, sizeof *slots);
    uint32_t *firsts = it->firsts ? malloc(2 * old * sizeof *firsts) : NULL;
    if (!slots || (it->firsts && !firsts)) {
        free(slots);
        free(firsts);
        return SBC_DEDUPE_MEMORY;
    }
    for (size_t i = 0; i < old; i++) {
        if (!it->slots[i])
            continue;
        size_t at = seek(slots, mask, top(it->slots[i], it->skip, it->bits + 1), it->slots[i]);
        slots[at] = it->slots[i];
        if (firsts)
            firsts[at] = it->firsts[i];
    }
    free(it->slots);
    free(it->firsts);
    it->slots = slots;
    it->firsts = firsts;
    it->bits++;
    return 0;
}

static int start(table *it, int bits, int skip, int all)
{
    *it = (table){.bits = bits, .skip = skip};
    it->slots = calloc((size_t)1 << bits, sizeof *it->slots);
    it->firsts = all ? malloc(((size_t)1 << bits) * sizeof *it->firsts) : NULL;
    return it->slots && (!all || it->firsts) ? 0 : SBC_DEDUPE_MEMORY;
}

static void finish(table *it)
{
    free(it->slots);
    free(it->firsts);
}

static ALWAYS void place_one(table *it, size_t at, uint64_t mixed, size_t row, uint8_t *out, int all, int own)
{
    size_t mask = ((size_t)1 << it->bits) - 1;
    if (!mixed) {
        out[row] = 0;
        return;
    }
    at = seek(it->slots, mask, at, mixed);
    int fresh = it->slots[at] == 0;
    if (fresh) {
        it->slots[at] = mixed;
        it->used++;
        if (all)
            it->firsts[at] = (uint32_t)row;
        if (!own && at == it->vacant)
            it->vacant = free_slot(it->slots, mask, at);
    } else if (all) {
        out[it->firsts[at]] = 1;
    }
    out[row] = (uint8_t)(all ? !fresh : fresh);
}

/* Mark n keys against a table; `mixed_before`: keys holds mixtures; `own`: the table grows, and has room. */
static ALWAYS int mark_run(table *it, const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int mixed_before, int all,
                           int own, uint8_t *out)
{
    uint64_t mixed[GROUP];
    size_t places[GROUP];
    for (size_t i = 0; i < n; i += GROUP) {
        size_t count = n - i < GROUP ? n - i : GROUP;
        if (own && it->used + count > ((size_t)3 << it->bits) / 4 && grow(it))
            return SBC_DEDUPE_MEMORY;
        for (size_t j = 0; j < count; j++) {
            mixed[j] = mixed_before ? keys[i + j] : mix(keys[i + j], seed);
            places[j] = top(mixed[j], it->skip, it->bits);
            PREFETCH(it->slots + places[j]);
        }
        for (size_t j = 0; j < count; j++) {
            if (!own && it->vacant == SIZE_MAX)
                return SBC_DEDUPE_CHANGED;
            place_one(it, places[j], mixed[j], i + j, out, all, own);
        }
    }
    return 0;
}

static int mark_open(const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int all, uint8_t *out)
{
    table it;
    int failed = start(&it, bits_for(n + GROUP), 0, all) ||
                 (all ? mark_run(&it, keys, n, seed, 0, 1, 1, out) : mark_run(&it, keys, n, seed, 0, 0, 1, out));
    finish(&it);
    return failed ? SBC_DEDUPE_MEMORY : 0;
}

/* Move the mixtures (or the keys themselves) into their parts, a cache line at a time; starts as in dedupe.h. Keys are
 * read twice: where they fill a part beyond its end they are no longer those that were counted. */
static int scatter(const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int bits, int as_keys, uint64_t *out,
                   uint64_t *starts)
{
    size_t parts = (size_t)1 << bits;
    uint64_t *lines = malloc(parts * LINE * sizeof *lines), *ends = calloc(parts + 1, sizeof *ends);
    uint8_t *held = calloc(parts, 1);
    if (!lines || !ends || !held) {
        free(lines);
        free(ends);
        free(held);
        return SBC_DEDUPE_MEMORY;
    }
    memset(starts, 0, (parts + 1) * sizeof *starts);
    int failed = 0;
    for (size_t i = 0; i < n; i++)
        starts[top(mix(keys[i], seed), 0, bits) + 1]++;
    for (size_t part = 0; part < parts; part++)
        starts[part + 1] += starts[part];
    memcpy(ends, starts, (parts + 1) * sizeof *ends);
    for (size_t i = 0; i < n; i++) {
        uint64_t key = *(const volatile uint64_t *)(keys + i), mixed = mix(key, seed);
        size_t part = top(mixed, 0, bits);
        uint64_t *line = lines + LINE * part;
        unsigned count = held[part];
        line[count++] = as_keys ? key : mixed;
        if (count == LINE) {
            if (ends[part] + LINE > starts[part + 1]) {
                failed = SBC_DEDUPE_CHANGED;
                break;
            }
            memcpy(out + ends[part], line, LINE * sizeof *line);
            ends[part] += LINE;
            count = 0;
        }
        held[part] = (uint8_t)count;
    }
    for (size_t part = 0; part < parts && !failed; part++) {
        if (ends[part] + held[part] != starts[part + 1])
            failed = SBC_DEDUPE_CHANGED;
        else
            memcpy(out + ends[part], lines + LINE * part, held[part] * sizeof *lines);
    }
    free(lines);
    free(ends);
    free(held);
    return failed;
}

int sbc_dedupe_split(const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int bits, uint64_t *out, uint64_t *starts)
{
    return scatter(keys, n, odd(seed), bits, 1, out, starts);
}

static int mark_part(const uint64_t *mixed, size_t n, int bits, int table_bits, table *it, int all, uint8_t *out)
{
    sbc_dedupe_seed none = {0, 0};
    if (it->bits != table_bits) { /* a part with uncommonly many keys made it grow */
        finish(it);
        if (start(it, table_bits, bits, all))
            return SBC_DEDUPE_MEMORY;
    } else {
        memset(it->slots, 0, sizeof *it->slots << it->bits);
        it->used = 0;
    }
    return all ? mark_run(it, mixed, n, none, 1, 1, 1, out) : mark_run(it, mixed, n, none, 1, 0, 1, out);
}

static int mark_split(const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int all, int bits, uint8_t *out)
{
    size_t parts = (size_t)1 << bits;
    uint64_t *mixed = malloc((n ? n : 1) * sizeof *mixed), *starts = malloc((parts + 1) * sizeof *starts);
    uint8_t *marks = malloc(n ? n : 1);
    int table_bits = bits_for(n / parts + n / parts / 4 + 2 * GROUP);
    table it = {0};
    int failed = !mixed || !starts || !marks || start(&it, table_bits, bits, all) ? SBC_DEDUPE_MEMORY : 0;
    if (!failed)
        failed = scatter(keys, n, seed, bits, 0, mixed, starts);
    for (size_t part = 0; part < parts && !failed; part++)
        failed = mark_part(mixed + starts[part], starts[part + 1] - starts[part], bits, table_bits, &it, all,
                           marks + starts[part]);
    for (size_t i = 0; i < n && !failed; i++) {
        uint64_t place = starts[top(mix(keys[i], seed), 0, bits)]++;
        if (place >= n)
            failed = SBC_DEDUPE_CHANGED;
        else
            out[i] = marks[place];
    }
    finish(&it);
    free(mixed);
    free(starts);
    free(marks);
    return failed;
}

int sbc_dedupe_mark(const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int all, int bits, uint8_t *out)
{
    if (bits < 0) {
        bits = 0;
        while (n > SBC_DEDUPE_OPEN && bits < SBC_DEDUPE_BITS && n >> bits > SBC_DEDUPE_PART)
            bits++;
    }
    return bits ? mark_split(keys, n, odd(seed), all, bits, out) : mark_open(keys, n, odd(seed), all, out);
}

ptrdiff_t sbc_dedupe_insert(uint64_t *slots, int bits, size_t *used, const uint64_t *keys, size_t n,
                            sbc_dedupe_seed seed, uint8_t *out)
{
    table it = {.slots = slots, .bits = bits, .used = *used};
    it.vacant = free_slot(slots, ((size_t)1 << bits) - 1, 0);
    if (it.vacant == SIZE_MAX)
        return SBC_DEDUPE_CHANGED;
    size_t most = ((size_t)3 << bits) / 4, taken = 0;
    seed = odd(seed);
    while (taken < n && it.used < most) {
        size_t count = n - taken < most - it.used ? n - taken : most - it.used;
        if (mark_run(&it, keys + taken, count, seed, 0, 0, 0, out + taken))
            return SBC_DEDUPE_CHANGED;
        taken += count;
    }
    *used = it.used;
    return (ptrdiff_t)taken;
}

int sbc_dedupe_move(const uint64_t *slots, int bits, uint64_t *larger, int larger_bits)
{
    size_t mask = ((size_t)1 << larger_bits) - 1, vacant = free_slot(larger, mask, 0);
    for (size_t i = 0; i <= ((size_t)1 << bits) - 1; i++) {
        uint64_t mixed = slots[i];
        size_t at;
        if (!mixed)
            continue;
        if (vacant == SIZE_MAX)
            return SBC_DEDUPE_CHANGED;
        at = seek(larger, mask, top(mixed, 0, larger_bits), mixed);
        larger[at] = mixed;
        if (at == vacant)
            vacant = free_slot(larger, mask, at);
    }
    return 0;
}

int sbc_dedupe_find(const uint64_t *slots, int bits, const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int64_t *out)
{
    size_t mask = ((size_t)1 << bits) - 1, places[GROUP];
    uint64_t mixed[GROUP];
    seed = odd(seed);
    if (free_slot(slots, mask, 0) == SIZE_MAX)
        return SBC_DEDUPE_CHANGED;
    for (size_t i = 0; i < n; i += GROUP) {
        size_t count = n - i < GROUP ? n - i : GROUP;
        for (size_t j = 0; j < count; j++) {
            mixed[j] = mix(keys[i + j], seed);
            places[j] = top(mixed[j], 0, bits);
            PREFETCH(slots + places[j]);
        }
        for (size_t j = 0; j < count; j++) {
            size_t at = seek(slots, mask, places[j], mixed[j]);
            out[i + j] = mixed[j] && slots[at] ? (int64_t)at : -1;
        }
    }
    return 0;
}
