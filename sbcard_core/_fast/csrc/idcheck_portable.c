/* ISO C path of the citizen-number check: the reference for every vector path. */
#include "idcheck.h"

static const uint8_t WEIGHTS[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
static const uint8_t DAYS[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

static unsigned two(const uint8_t *d) {
    return d[0] * 10u + d[1];
}

static int is_date(const uint8_t *d, uint32_t today) {
    unsigned year = two(d) * 100u + two(d + 2);
    unsigned month = two(d + 4);
    unsigned day = two(d + 6);
    unsigned last;

    if (year < 1900 || year > 2075 || month < 1 || month > 12 || day < 1) {
        return 0;
    }
    last = DAYS[month];
    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        last++;
    }
    return day <= last && (year - 1900) * 372 + (month - 1) * 31 + day - 1 <= today;
}

static uint8_t check_one(const uint8_t *row, const uint8_t *sex, const uint8_t *regions, uint32_t today) {
    uint8_t digits[SBC_ID_LENGTH];
    uint8_t found = 0;
    unsigned sum;
    uint32_t region = 0;
    int i;

    for (i = 0; i < SBC_ID_LENGTH; i++) {
        digits[i] = (uint8_t)(row[i] - '0');
        if (i == 17 && row[i] == 'X') {
            digits[i] = 10;
        } else if (digits[i] > 9) {
            return SBC_ID_CHARACTERS;
        }
    }
    for (i = 0; i < 6; i++) {
        region = region * 10 + digits[i];
    }
    if (!(regions[region >> 3] >> (region & 7) & 1)) {
        found |= SBC_ID_REGION;
    }
    if (!is_date(digits + 6, today)) {
        found |= SBC_ID_DATE;
    }
    sum = digits[17];
    for (i = 0; i < 17; i++) {
        sum += (unsigned)WEIGHTS[i] * digits[i];
    }
    if (sum % 11 != 1) {
        found |= SBC_ID_CHECK;
    }
    if (sex && (*sex == '1' || *sex == '2') && (digits[16] & 1) != (*sex & 1)) {
        found |= SBC_ID_SEX;
    }
    return found;
}

void sbc_idcheck_portable(const uint8_t *rows, const uint8_t *sex, size_t n, const uint8_t *regions, uint32_t today,
                          uint8_t *out) {
    size_t i;
    for (i = 0; i < n; i++) {
        out[i] = check_one(rows + i * SBC_ID_LENGTH, sex ? sex + i : 0, regions, today);
    }
}
