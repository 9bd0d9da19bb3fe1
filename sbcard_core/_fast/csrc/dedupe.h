/* Repeated numbers in columns of millions: exact 64-bit keys, marks, a set that grows, a split by hash.
 *
 * A key is the number itself, not a digest: 17 digits and the check character (0-9, X = 10) as
 * body * 11 + check, below 1.1e18. Two rows have one key only if they are equal. What is no such row gets
 * SBC_DEDUPE_NONE; it equals nothing, and every call below marks it 0.
 *
 * Keys pass through a mixer that is one to one and fixes 0 (two odd factors of the caller's seed, a shift between
 * them), so that equal mixtures are equal keys and an empty slot is 0. The factors are drawn anew by every process:
 * no file can be made that heaps its keys in one place.
 *
 * Up to SBC_DEDUPE_OPEN keys are marked in one open-addressing table, prefetched. More are first split by their top
 * bits into parts whose tables stay in or near the level-2 cache; only mixtures are moved, no row numbers: as the
 * split is stable, one last run over the keys in order takes each part's marks one after the other.
 *
 * Memory of a mark besides its arguments: 9 bytes a key when split (none else), and one table: at most 4/3 to 8/3
 * slots of 8 bytes (12 where all occurrences are marked) for each different key of a part.
 */
#ifndef SBCARD_DEDUPE_H
#define SBCARD_DEDUPE_H

#include <stddef.h>
#include <stdint.h>

#define SBC_DEDUPE_LENGTH 18
#define SBC_DEDUPE_NONE UINT64_MAX
#define SBC_DEDUPE_MOST UINT32_MAX /* keys of one call */

enum { SBC_DEDUPE_OPEN = 400000, SBC_DEDUPE_PART = 98304, SBC_DEDUPE_BITS = 12 };

/* Why a call gave up: no memory; the keys were changed by another thread meanwhile, or the set has no free slot, as none
 * that these calls filled. Nothing outside the arguments was read or written, and every loop came to its end. A set is
 * one caller's at a time. */
enum { SBC_DEDUPE_MEMORY = -1, SBC_DEDUPE_CHANGED = -2 };

/* Two odd factors (the lowest bits are set here). */
typedef struct {
    uint64_t first, second;
} sbc_dedupe_seed;

/* Bytes of text somewhere else: the data buffers of a column of string views. */
typedef struct {
    const uint8_t *data;
    size_t size;
} sbc_dedupe_block;

/* Keys of n rows of 18 bytes; status 1 = not 17 digits and a digit or 'X'. Returns how many such rows there are. */
size_t sbc_dedupe_pack(const uint8_t *rows, size_t n, uint64_t *keys, uint8_t *status);

/* The same for text i = data[offsets[i] .. offsets[i + 1]); wide: int64 offsets, else int32. -1 = offsets that run
 * backwards or past size: nothing outside data is read. */
ptrdiff_t sbc_dedupe_pack_texts(const uint8_t *data, size_t size, const void *offsets, int wide, size_t n,
                                uint64_t *keys, uint8_t *status);

/* The same for n Arrow string views (16 bytes: length, prefix, block, place). -1 = a view outside its block. */
ptrdiff_t sbc_dedupe_pack_views(const uint8_t *views, size_t n, const sbc_dedupe_block *blocks, size_t count,
                                uint64_t *keys, uint8_t *status);

/* out[i] = 1 where key i occurs for the first time, or (all) where it occurs more than once; parts are 2^bits, or
 * chosen by n if bits < 0. Returns 0, SBC_DEDUPE_MEMORY or SBC_DEDUPE_CHANGED. */
int sbc_dedupe_mark(const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int all, int bits, uint8_t *out);

/* The keys in 2^bits parts by hash, in order within each; starts has 2^bits + 1 places. Returns as above. */
int sbc_dedupe_split(const uint64_t *keys, size_t n, sbc_dedupe_seed seed, int bits, uint64_t *out, uint64_t *starts);

/* Put keys into a set of 2^bits slots (zeros when empty) until it is 3/4 full; out[i] = 1 for a new key. Returns how
 * many were taken and adds the new ones to *used, or SBC_DEDUPE_CHANGED where no slot is left.
 * The same seed for one set throughout. */
ptrdiff_t sbc_dedupe_insert(uint64_t *slots, int bits, size_t *used, const uint64_t *keys, size_t n,
                            sbc_dedupe_seed seed, uint8_t *out);

/* Move a set into a larger one, which must be empty. 0, or SBC_DEDUPE_CHANGED where it has no room. */
int sbc_dedupe_move(const uint64_t *slots, int bits, uint64_t *larger, int larger_bits);

/* The slot of each key, -1 where it is not in the set. 0, or SBC_DEDUPE_CHANGED where the set has no free slot. */
int sbc_dedupe_find(const uint64_t *slots, int bits, const uint64_t *keys, size_t n, sbc_dedupe_seed seed,
                    int64_t *out);

#endif
