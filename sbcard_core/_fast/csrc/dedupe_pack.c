/* Numbers as keys; see dedupe.h. Eight digits at a time in one 64-bit word: no vector unit is needed to keep up with
 * memory. */
#include "dedupe.h"

#include <string.h>

static inline uint64_t load(const uint8_t *bytes)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
#else
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--)
        word = word << 8 | bytes[i];
    return word;
#endif
}

static inline uint32_t load4(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* 0 if all eight bytes are '0'-'9': each has high half 3, and still has it after 6 is added. */
static inline uint64_t no_digits(uint64_t word)
{
    const uint64_t high = 0xF0F0F0F0F0F0F0F0u, three = 0x3030303030303030u;
    return ((word & high) ^ three) | (((word + 0x0606060606060606u) & high) ^ three);
}

/* The value of eight digits, the first byte the highest: pairs, then fours, then all. */
static inline uint64_t value(uint64_t word)
{
    word &= 0x0F0F0F0F0F0F0F0Fu;
    word = word * 10 + (word >> 8);
    return (((word & 0x000000FF000000FFu) * 0x000F424000000064u) +
            (((word >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u)) >>
           32;
}

static inline unsigned pack_one(const uint8_t *row, uint64_t *key)
{
    uint64_t high = load(row), low = load(row + 8);
    unsigned last_digit = (unsigned)row[16] - '0';
    unsigned check = row[17] == 'X' ? 10u : (unsigned)row[17] - '0';
    uint64_t wrong = no_digits(high) | no_digits(low);
    unsigned bad = (wrong != 0) | (last_digit > 9) | (check > 10) | (row[17] == '0' + 10);
    uint64_t packed = ((value(high) * 100000000u + value(low)) * 10 + last_digit) * 11 + check;
    *key = bad ? SBC_DEDUPE_NONE : packed;
    return bad;
}

size_t sbc_dedupe_pack(const uint8_t *rows, size_t n, uint64_t *keys, uint8_t *status)
{
    size_t others = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned bad = pack_one(rows + SBC_DEDUPE_LENGTH * i, keys + i);
        status[i] = (uint8_t)bad;
        others += bad;
    }
    return others;
}

static inline int64_t offset(const void *offsets, int wide, size_t at)
{
    const char *place = (const char *)offsets + at * (wide ? 8 : 4); /* Arrow only recommends alignment */
    int64_t eight;
    int32_t four;
    if (wide) {
        memcpy(&eight, place, 8);
        return eight;
    }
    memcpy(&four, place, 4);
    return four;
}

ptrdiff_t sbc_dedupe_pack_texts(const uint8_t *data, size_t size, const void *offsets, int wide, size_t n,
                                uint64_t *keys, uint8_t *status)
{
    ptrdiff_t others = 0;
    int64_t start = offset(offsets, wide, 0);
    if (start < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        int64_t end = offset(offsets, wide, i + 1);
        if (end < start || (uint64_t)end > size)
            return -1;
        unsigned bad = 1;
        keys[i] = SBC_DEDUPE_NONE;
        if (end - start == SBC_DEDUPE_LENGTH)
            bad = pack_one(data + start, keys + i);
        status[i] = (uint8_t)bad;
        others += (ptrdiff_t)bad;
        start = end;
    }
    return others;
}

ptrdiff_t sbc_dedupe_pack_views(const uint8_t *views, size_t n, const sbc_dedupe_block *blocks, size_t count,
                                uint64_t *keys, uint8_t *status)
{
    ptrdiff_t others = 0;
    for (size_t i = 0; i < n; i++, views += 16) {
        uint32_t length = load4(views), block = load4(views + 8), place = load4(views + 12);
        unsigned bad = 1;
        keys[i] = SBC_DEDUPE_NONE;
        if (length > 12 && (block >= count || (uint64_t)place + length > blocks[block].size))
            return -1;
        if (length == SBC_DEDUPE_LENGTH)
            bad = pack_one(blocks[block].data + place, keys + i);
        status[i] = (uint8_t)bad;
        others += (ptrdiff_t)bad;
    }
    return others;
}
