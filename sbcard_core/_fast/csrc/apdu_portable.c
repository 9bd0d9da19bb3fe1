/* ISO C path of the APDU batches. Copies of up to 128 bytes are done in place: most data fields are 8 to 40 bytes, where
 * a call of memcpy costs more than the copy. */
#include "apdu.h"

#include <string.h>

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

static inline uint8_t *put(uint8_t *o, const uint8_t *header, const uint8_t *data, int64_t nc, int64_t ne) {
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
        return o;
    }
    if (nc) {
        *o++ = (uint8_t)nc;
        copy(o, data, (size_t)nc);
        o += nc;
    }
    if (ne) {
        *o++ = (uint8_t)ne;
    }
    return o;
}

/* Signs ORed: of the offsets, so that no difference can overflow, and of the differences. */
int sbc_apdu_offsets_fit(const int64_t *offsets, size_t n, int64_t size) {
    uint64_t any = (uint64_t)offsets[n];
    size_t i;
    for (i = 0; i < n; i++) {
        any |= (uint64_t)offsets[i] | ((uint64_t)offsets[i + 1] - (uint64_t)offsets[i]);
    }
    return any >> 63 == 0 && offsets[n] <= size;
}

int64_t sbc_apdu_total(const sbc_apdu_batch *b) {
    uint64_t any = 0, empty = 0;
    int64_t total = 0;
    size_t i;
    if (!b->offsets && !b->ne) {
        return (int64_t)b->n * size_of(b->length, b->one_ne);
    }
    if (b->offsets && !b->ne) {
        for (i = 0; i < b->n; i++) {
            uint64_t nc = (uint64_t)b->offsets[i + 1] - (uint64_t)b->offsets[i];
            any |= nc;
            empty += (nc - 1) >> 63;
        }
        if (any <= SBC_APDU_SHORT_NC && b->one_ne <= SBC_APDU_SHORT_NE) {
            /* The usual batch: header, data, Lc where there are data, Le for all or for none. */
            total = (int64_t)b->n * (5 + (b->one_ne != 0)) - (int64_t)empty;
            return total + b->offsets[b->n] - b->offsets[0];
        }
    }
    for (i = 0; i < b->n; i++) {
        int64_t nc = b->offsets ? b->offsets[i + 1] - b->offsets[i] : b->length;
        total += size_of(nc, b->ne ? b->ne[i] : b->one_ne);
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

int64_t sbc_apdu_same_length(const int64_t *offsets, size_t n, int64_t size) {
    enum { BLOCK = 512 };
    uint64_t first;
    size_t i = 0;
    if (!n || offsets[0] < 0 || offsets[1] < offsets[0] || offsets[n] > size) {
        return -1;
    }
    first = (uint64_t)offsets[1] - (uint64_t)offsets[0];
    if (first && n > (uint64_t)size / first) {
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
    return (int64_t)first;
}

void sbc_apdu_encode(const sbc_apdu_batch *b, uint8_t *out, int64_t *ends) {
    const uint8_t *header = b->headers;
    uint8_t *o = out;
    size_t i;
    ends[0] = 0;
    if (!b->offsets && !b->ne) {
        encode_alike(b, out, ends);
        return;
    }
    for (i = 0; i < b->n; i++, header += b->header_step) {
        int64_t start = b->offsets ? b->offsets[i] : (int64_t)i * b->length;
        int64_t nc = b->offsets ? b->offsets[i + 1] - start : b->length;
        int64_t ne = b->ne ? b->ne[i] : b->one_ne;
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
            o = put(o, header, b->data + start, nc, ne);
        }
        ends[i + 1] = o - out;
    }
}

void sbc_apdu_decode(const uint8_t *buffer, const int64_t *offsets, int64_t length, size_t n, int64_t *ends,
                     uint16_t *sw) {
    size_t i;
    for (i = 0; i < n; i++) {
        int64_t start = offsets ? offsets[i] : (int64_t)i * length;
        int64_t end = offsets ? offsets[i + 1] : start + length;
        if (end - start < 2) {
            ends[i] = start;
            sw[i] = 0;
        } else {
            ends[i] = end - 2;
            sw[i] = (uint16_t)((unsigned)buffer[end - 2] << 8 | buffer[end - 1]);
        }
    }
}
