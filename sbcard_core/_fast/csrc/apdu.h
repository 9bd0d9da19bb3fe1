/* Many command APDUs into one buffer, many answers taken apart (ISO/IEC 7816-4:2013 5.1).
 *
 * Item i has the header at headers + i * header_step (0: one header for all) and as data
 *   data[offsets[i] .. offsets[i + 1])          where offsets is given (n + 1 ascending numbers within data), or
 *   data[i * length .. (i + 1) * length)        where it is NULL.
 * Ne of item i is ne[i], or one_ne where ne is NULL: 0 none, at most 65536.
 *
 * Lengths are short where they fit (Nc <= 255 and Ne <= 256) and extended otherwise. An item that no command can hold
 * (Nc > 65535, Ne < 0 or > 65536) comes out empty: a command is never empty, so nothing else looks like it.
 *
 * No byte outside the given ranges is read or written, whatever another thread writes into offsets, ne or data
 * meanwhile: a pass reads every number once, or copies it, and checks what it has read. Nothing is allocated.
 */
#ifndef SBCARD_APDU_H
#define SBCARD_APDU_H

#include <stddef.h>
#include <stdint.h>

enum { SBC_APDU_MAX_NC = 65535, SBC_APDU_MAX_NE = 65536, SBC_APDU_SHORT_NC = 255, SBC_APDU_SHORT_NE = 256 };

typedef struct {
    const uint8_t *headers;
    size_t header_step;
    const uint8_t *data;
    const int64_t *offsets;
    int64_t size; /* bytes of data */
    int64_t length;
    const int32_t *ne;
    int64_t one_ne;
    size_t n;
} sbc_apdu_batch;

/* The length of every item where all have one and lie within size from *start on, else -1 (found at the first block
 * that has two). Such a batch is written twice as fast with `data + *start` and `length` in place of `offsets`. */
int64_t sbc_apdu_same_length(const int64_t *offsets, size_t n, int64_t size, int64_t *start);

/* Bytes that sbc_apdu_encode writes; -1 where offsets do not ascend from >= 0 to <= size. */
int64_t sbc_apdu_total(const sbc_apdu_batch *batch);

/* Write the commands one after the other; ends[0] = 0 and ends[i + 1] is the end of command i. 1 when exactly `total`
 * bytes were written, 0 when the input is no longer what it was for sbc_apdu_total. */
int sbc_apdu_encode(const sbc_apdu_batch *batch, uint8_t *out, int64_t total, int64_t *ends);

/* Answer i lies at offsets[i] .. offsets[i + 1] (or at i * length): its data end at ends[i], its status word is sw[i].
 * An answer of fewer than two bytes is none: no data, status word 0, which no card sends. 0 where offsets do not ascend
 * from >= 0 to <= size. */
int sbc_apdu_decode(const uint8_t *buffer, int64_t size, const int64_t *offsets, int64_t length, size_t n,
                    int64_t *ends, uint16_t *sw);

#endif
