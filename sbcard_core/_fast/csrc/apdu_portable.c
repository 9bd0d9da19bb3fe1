/* ISO C path of the APDU batches. Copies of up to 128 bytes are done in place: most data fields are 8 to 40 bytes, where
 * a call of memcpy costs more than the copy. */
#include "apdu.h"

#include <string.h>

/* One read of a number that another thread may be writing: never two that differ. */
#define ONCE(place) (*(const volatile int64_t *)(place))

/* Overlapping pieces of fixed size: no loop over bytes, and nothing outside s[0..l) or o[0..l) is touched. */
static inline void copy(uint8_t *o, const uint8_t *s, size_t l) {
    size_t i;
    if (l > 128) {
        memcpy(o, s, l);
    } else if (l >= 16) {
        for (i = 0; i + 16 < l; i += 16) {
            memcpy(o + i, s + i, 16);
        }
        memcpy(o + l - 16, s + l - 16, 16);
    } else if (l >= 8) {
        memcpy(o, s, 8);
        memcpy(o + l - 8, s + l - 8, 8);
    } else if (l >= 4) {
        memcpy(o, s, 4);
        memcpy(o + l - 4, s + l - 4, 4);
    } else if (l) {
        o[0] = s[0];
        o[l >> 1] = s[l >> 1];
        o[l - 1] = s[l - 1];
    }
}

static inline int64_t size_of(int64_t nc, int64_t ne) {
    if (nc > SBC_APDU_MAX_NC || ne < 0 || ne > SBC_APDU_MAX_NE) {
        return 0;
    }
    if (nc > SBC_APDU_SHORT_NC || ne > SBC_APDU_SHORT_NE) {
        return nc ? 7 + nc + (ne ? 2 : 0) : 7;
    }
    return 4 + (nc ? 1 + nc : 0) + (ne ? 1 : 0);
}

static inline void put(uint8_t *o, const uint8_t *header, const uint8_t *data, int64_t nc, int64_t ne) {
    memcpy(o, header, 4);
    o += 4;
    if (nc > SBC_APDU_SHORT_NC || ne > SBC_APDU_SHORT_NE) {
        *o++ = 0;
        if (nc) {
            *o++ = (uint8_t)(nc >> 8);
            *o++ = (uint8_t)nc;
            copy(o, data, (size_t)nc);
            o += nc;
        }
        if (ne) {
            *o++ = (uint8_t)(ne >> 8);
            *o++ = (uint8_t)ne;
        }
        return;
    }
    if (nc) {
        *o++ = (uint8_t)nc;
        copy(o, data, (size_t)nc);
        o += nc;
    }
    if (ne) {
        *o = (uint8_t)ne;
    }
}

int64_t sbc_apdu_total(const sbc_apdu_batch *b) {
    uint64_t any = 0, empty = 0;
    int64_t total = 0, start, end;
    size_t i;
    if (!b->offsets && !b->ne) {
        return (int64_t)b->n * size_of(b->length, b->one_ne);
    }
    if (b->offsets) {
        /* Signs ORed: of the offsets, so that no difference can overflow, and of the differences. */
        uint64_t signs = (uint64_t)b->offsets[b->n];
        for (i = 0; i < b->n; i++) {
            uint64_t nc = (uint64_t)b->offsets[i + 1] - (uint64_t)b->offsets[i];
            signs |= (uint64_t)b->offsets[i] | nc;
            any |= nc;
            empty += (nc - 1) >> 63;
        }
        if (signs >> 63 || b->offsets[b->n] > b->size) {
            return -1;
        }
        if (!b->ne && any <= SBC_APDU_SHORT_NC && b->one_ne <= SBC_APDU_SHORT_NE) {
            /* The usual batch: header, data, Lc where there are data, Le for all or for none. */
            total = (int64_t)b->n * (5 + (b->one_ne != 0)) - (int64_t)empty;
            return total + b->offsets[b->n] - b->offsets[0];
        }
    }
    start = b->offsets ? ONCE(b->offsets) : 0;
    for (i = 0; i < b->n; i++, start = end) {
        end = b->offsets ? ONCE(b->offsets + i + 1) : start + b->length;
        total += size_of(end - start, b->ne ? b->ne[i] : b->one_ne);
    }
    return total;
}

/* All items alike and short, with at least 4 bytes of data: header and Lc go out as one 8-byte store, whose last three
 * bytes the data then cover. Inlined with the lengths that commands mostly have, the copy has no branch. */
static inline void alike(const sbc_apdu_batch *b, size_t nc, uint8_t *out) {
    const size_t le = b->one_ne != 0, size = 5 + nc + le;
    const uint8_t *header = b->headers, *data = b->data;
    size_t i;
    for (i = 0; i < b->n; i++) {
        uint8_t head[8] = {0};
        memcpy(head, header, 4);
        head[4] = (uint8_t)nc;
        memcpy(out, head, 8);
        copy(out + 5, data, nc);
        if (le) {
            out[5 + nc] = (uint8_t)b->one_ne;
        }
        header += b->header_step;
        data += nc;
        out += size;
    }
}

static void encode_alike(const sbc_apdu_batch *b, uint8_t *out, int64_t *ends) {
    const int64_t nc = b->length, ne = b->one_ne, size = size_of(nc, ne);
    size_t i;
    for (i = 0; i < b->n; i++) {
        ends[i + 1] = (int64_t)(i + 1) * size;
    }
    if (nc < 4 || nc > SBC_APDU_SHORT_NC || ne > SBC_APDU_SHORT_NE) {
        for (i = 0; size && i < b->n; i++) {
            put(out + (int64_t)i * size, b->headers + i * b->header_step, b->data + (int64_t)i * nc, nc, ne);
        }
    } else if (nc == 8) {
        alike(b, 8, out);
    } else if (nc == 16) {
        alike(b, 16, out);
    } else {
        alike(b, (size_t)nc, out);
    }
}

int64_t sbc_apdu_same_length(const int64_t *offsets, size_t n, int64_t size, int64_t *start) {
    enum { BLOCK = 512 };
    int64_t begin = ONCE(offsets), second;
    uint64_t first;
    size_t i = 0;
    if (!n || begin < 0 || begin > size) {
        return -1;
    }
    second = ONCE(offsets + 1);
    if (second < begin) {
        return -1;
    }
    first = (uint64_t)second - (uint64_t)begin;
    if (first && n > (uint64_t)(size - begin) / first) {
        return -1;
    }
    while (i < n) {
        size_t end = n - i < BLOCK ? n : i + BLOCK;
        uint64_t other = 0;
        for (; i < end; i++) {
            other |= ((uint64_t)offsets[i + 1] - (uint64_t)offsets[i]) ^ first;
        }
        if (other) {
            return -1;
        }
    }
    *start = begin;
    return (int64_t)first;
}

enum { BATCH = 256 };

/* The items of one batch: offsets and Ne are copies of its own. `left` bytes of room; `careful`: it may be too little. */
static inline int64_t encode_some(const sbc_apdu_batch *b, const uint8_t *header, const int64_t *offsets,
                                  const int32_t *ne_of, size_t n, uint8_t *out, int64_t left, int careful,
                                  int64_t base, int64_t *ends) {
    uint8_t *o = out;
    size_t i;
    for (i = 0; i < n; i++, header += b->header_step) {
        int64_t start = offsets[i], nc = offsets[i + 1] - start, ne = ne_of ? ne_of[i] : b->one_ne;
        if (careful && size_of(nc, ne) > left - (o - out)) {
            return -1;
        }
        if (nc >= 4 && nc <= SBC_APDU_SHORT_NC && (uint64_t)ne <= SBC_APDU_SHORT_NE) {
            uint8_t head[8] = {0};
            memcpy(head, header, 4);
            head[4] = (uint8_t)nc;
            memcpy(o, head, 8);
            copy(o + 5, b->data + start, (size_t)nc);
            o += 5 + nc;
            if (ne) {
                *o++ = (uint8_t)ne;
            }
        } else if (size_of(nc, ne)) {
            put(o, header, b->data + start, nc, ne);
            o += size_of(nc, ne);
        }
        ends[i] = base + (o - out);
    }
    return o - out;
}

/* In batches whose offsets and Ne are copied and checked, so that an item needs no check of its own. */
int sbc_apdu_encode(const sbc_apdu_batch *b, uint8_t *out, int64_t total, int64_t *ends) {
    int64_t offsets[BATCH + 1], at = 0, made;
    int32_t ne[BATCH];
    size_t i, k, count;
    ends[0] = 0;
    if (!b->offsets && !b->ne) {
        encode_alike(b, out, ends);
        return 1;
    }
    for (i = 0; i < b->n; i += count) {
        const uint8_t *header = b->headers + i * b->header_step;
        uint64_t signs;
        int careful;
        count = b->n - i < BATCH ? b->n - i : BATCH;
        if (b->offsets) {
            memcpy(offsets, b->offsets + i, (count + 1) * sizeof *offsets);
        } else {
            for (k = 0; k <= count; k++) {
                offsets[k] = (int64_t)(i + k) * b->length;
            }
        }
        if (b->ne) {
            memcpy(ne, b->ne + i, count * sizeof *ne);
        }
        signs = (uint64_t)offsets[count];
        for (k = 0; k < count; k++) {
            signs |= (uint64_t)offsets[k] | ((uint64_t)offsets[k + 1] - (uint64_t)offsets[k]);
        }
        if (signs >> 63 || offsets[count] > b->size) {
            return 0;
        }
        careful = offsets[count] - offsets[0] + (int64_t)count * 9 > total - at;
        if (careful) {
            made = encode_some(b, header, offsets, b->ne ? ne : 0, count, out + at, total - at, 1, at, ends + i + 1);
        } else if (b->ne) {
            made = encode_some(b, header, offsets, ne, count, out + at, 0, 0, at, ends + i + 1);
        } else {
            made = encode_some(b, header, offsets, 0, count, out + at, 0, 0, at, ends + i + 1);
        }
        if (made < 0) {
            return 0;
        }
        at += made;
    }
    return at == total;
}

int sbc_apdu_decode(const uint8_t *buffer, int64_t size, const int64_t *offsets, int64_t length, size_t n,
                    int64_t *ends, uint16_t *sw) {
    int64_t start = offsets ? ONCE(offsets) : 0, end;
    size_t i;
    if (start < 0) {
        return 0;
    }
    for (i = 0; i < n; i++, start = end) {
        end = offsets ? ONCE(offsets + i + 1) : start + length;
        if (end < start || end > size) {
            return 0;
        }
        if (end - start < 2) {
            ends[i] = start;
            sw[i] = 0;
        } else {
            ends[i] = end - 2;
            sw[i] = (uint16_t)((unsigned)buffer[end - 2] << 8 | buffer[end - 1]);
        }
    }
    return start <= size;
}
