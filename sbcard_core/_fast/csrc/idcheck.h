/* Bulk check of citizen numbers (GB 11643-1999), one status byte per row.
 *
 * Input is n contiguous rows of 18 bytes. Every path gives the same bits for
 * the same rows; the path is chosen once by the caller (see cpu.h).
 *
 *   bit 0  a byte is no digit (the last may also be 'X'); no other bit is then set
 *   bit 1  the six-digit region code is not in `regions`
 *   bit 2  digits 7-14 are no date from 1900-01-01 to `today`
 *   bit 3  the check character (ISO 7064 MOD 11-2) is another one
 *   bit 4  the parity of digit 17 contradicts `sex` ('1' odd, '2' even);
 *          any other byte in `sex` states nothing, so nothing is compared
 *
 * regions: 1,000,000 bits, bit r % 8 of byte r / 8 = code r is known.
 * today:   (year - 1900) * 372 + (month - 1) * 31 + (day - 1), at most 65471.
 * sex:     n bytes, or NULL to leave bit 4 clear.
 */
#ifndef SBCARD_IDCHECK_H
#define SBCARD_IDCHECK_H

#include <stddef.h>
#include <stdint.h>

enum {
    SBC_ID_CHARACTERS = 1,
    SBC_ID_REGION = 2,
    SBC_ID_DATE = 4,
    SBC_ID_CHECK = 8,
    SBC_ID_SEX = 16
};

#define SBC_ID_LENGTH 18

typedef void sbc_idcheck_fn(const uint8_t *rows, const uint8_t *sex, size_t n, const uint8_t *regions, uint32_t today,
                            uint8_t *out);

sbc_idcheck_fn sbc_idcheck_portable;
sbc_idcheck_fn sbc_idcheck_avx2; /* calls the portable path where the compiler has no AVX2 */

#endif
