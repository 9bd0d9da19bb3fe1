/* The citizen-number kernel under a fuzzer: every path gives the same bits, and none touches a byte beyond its rows.
 *
 * Input: 4 bytes day, 1 byte of flags, then rows of 18 bytes. The rows are copied so that their last byte is the last
 * of the allocation; the sanitizer sees any read or write beyond.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "idcheck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *copy(const uint8_t *data, size_t size) {
    uint8_t *out = malloc(size ? size : 1);
    if (size)
        memcpy(out, data, size);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 5)
        return 0;
    uint32_t today = (data[0] | (uint32_t)data[1] << 8) % 65472;
    uint8_t flags = data[4];
    size_t n = (size - 5) / SBC_ID_LENGTH;
    uint8_t *regions = malloc(125000);
    for (size_t i = 0; i < 125000; i++)
        regions[i] = (uint8_t)(i * 37 + flags);
    uint8_t *rows = copy(data + 5, n * SBC_ID_LENGTH);
    if (flags & 2) /* mostly digits, so that the deeper tests are reached */
        for (size_t i = 0; i < n * SBC_ID_LENGTH; i++)
            rows[i] = (uint8_t)('0' + rows[i] % 10);
    uint8_t *sex = flags & 1 ? copy(data + size - n, n) : NULL;
    uint8_t *one = malloc(n + 1), *other = malloc(n + 1);
    memset(one, 0xEE, n + 1);
    memset(other, 0xEE, n + 1);
    sbc_idcheck_portable(rows, sex, n, regions, today, one);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        sbc_idcheck_avx2(rows, sex, n, regions, today, other);
    else
#endif
        memcpy(other, one, n);
    if (memcmp(one, other, n + 1) != 0)
        abort();
    for (size_t i = 0; i < n; i++)
        if (one[i] > 31 || ((one[i] & 1) && one[i] != 1))
            abort();
    free(regions);
    free(rows);
    free(sex);
    free(one);
    free(other);
    return 0;
}
