/* Numbers and rules over several cells on strips. A part of screen_strips.h. */

/* The column whose '1' or '2' a number's own kernel can compare on the way; that rule is then done. */
static const uint8_t *sex_beside(strips *s, const sbc_check *check) {
    const sbc_program *program = s->program;
    size_t k;
    for (k = 0; k < program->clause_count; k++) {
        const sbc_clause *c = program->clauses + k;
        const strip *b = s->strips + c->b;
        if (c->kind == SBC_PARITY && c->last && (!k || c[-1].last) && c->a == check->column && c->from == 16 &&
            b->form == EQUAL && b->width == 1) {
            s->settled |= (uint64_t)1 << k;
            return b->at;
        }
    }
    return 0;
}

static void look_at_numbers(strips *s, const sbc_check *check, size_t rows, uint8_t *flags, uint64_t *keys) {
    const uint8_t *tables = s->program->tables, *numbers = s->strips[check->column].at;
    const uint8_t *until = tables + check->table, *sexes = sex_beside(s, check);
    uint8_t status[SBC_STRIP];
    size_t row, base;
    SBC_IDCHECK(numbers, sexes, rows, tables + check->size, (uint32_t)check->max, status);
    for (row = 0; row < rows; row++) {
        if (LEVEL(may_be_rounded)(numbers + row * SBC_ID_LENGTH)) { /* seldom: no flag is written for the others */
            flags[row] = 1;
        }
    }
    for (row = 0; keys && check->options & SBC_GIVES_KEY && row < rows; row++) {
        if (!(status[row] & SBC_ID_CHARACTERS)) {
            keys[row] = LEVEL(key)(numbers + row * SBC_ID_LENGTH);
        }
    }
    memset(status + rows, 0, SBC_STRIP - rows);
    for (base = 0; base < rows; base += 32) {
        uint32_t found = ~bits_of(_mm256_cmpeq_epi8(load256(status + base), _mm256_setzero_si256()));
        for (; found; found &= found - 1) {
            row = base + first_bit(found);
            flags[row] |= LEVEL(number_fails)(numbers + row * SBC_ID_LENGTH, status[row], until);
        }
    }
}

/* A check over a strip; 0 where rows of cells must do it. */
static int check_strip(strips *s, size_t k, size_t first, size_t rows, uint8_t *flags, uint64_t *keys) {
    const sbc_check *check = s->program->checks + k;
    const uint8_t *tables = s->program->tables;
    const strip *found = s->strips + check->column;
    if (check->kind == SBC_TEXT && found->form != OTHER && s->texts[k].usable && !s->program->gb &&
        s->columns[check->column].kind) {
        look_at_texts(s->texts + k, check, tables, s->columns + check->column, first, rows, flags);
        return 1;
    }
    if (found->form != EQUAL || check->kind == SBC_TEXT || check->kind == SBC_LUHN || check->kind == SBC_CARD ||
        check->kind == SBC_KEY) {
        return 0;
    }
    if (!found->width && check->options & SBC_OPTIONAL) {
        return 1;
    }
    if (check->kind == SBC_SHAPE && found->width && found->width >= check->min && found->width <= check->max) {
        if (s->plans[k].by_bytes) {
            look_at_bytes(&s->plans[k].bytes, found, rows, flags);
        } else {
            look_at_shapes(check, tables + check->table, found, rows, flags);
        }
    } else if (check->kind == SBC_SET && found->width == 1 && s->plans[k].by_bytes) {
        look_at_bytes(&s->plans[k].bytes, found, rows, flags);
    } else if (check->kind == SBC_SET && found->width && found->width <= 7) {
        look_at_sets(check, tables + check->table, found, rows, flags);
    } else if (check->kind == SBC_DAY && found->width == 8) {
        look_at_days(check, tables, found, rows, flags);
    } else if (check->kind == SBC_NUMBER && found->width == SBC_ID_LENGTH) {
        look_at_numbers(s, check, rows, flags, keys);
    } else if (check->kind == SBC_DAY && found->width) {
        return 0; /* a word instead of a day */
    } else {
        memset(flags, 1, rows); /* of no length that passes */
    }
    return 1;
}

/* A rule of one clause over strips; 0 where rows of cells must do it. */
static int rule_strip(const strips *s, const sbc_clause *c, size_t rows, uint8_t *flags) {
    const strip *a = s->strips + c->a, *b = s->strips + c->b;
    sbc_cell cells[2] = {{a->at, a->width}, {b->at, b->width}};
    sbc_clause alone = *c;
    size_t row;
    if (a->form != EQUAL || b->form != EQUAL) {
        return 0;
    }
    if (c->kind == SBC_PART_OTHER && c->size == 8 && b->width == 8 && a->width >= c->from + 8) {
        const uint8_t *part = a->at + c->from, *whole = b->at;
        size_t step = a->width;
        for (row = 0; row < rows; row++, part += step, whole += 8) {
            flags[row] |= load64(part) != load64(whole);
        }
        return 1;
    }
    alone.a = 0;
    alone.b = 1;
    for (row = 0; row < rows; row++, cells[0].at += a->width, cells[1].at += b->width) {
        flags[row] |= holds(&alone, cells);
    }
    return 1;
}

/* Does what strips can and gives the rest. */
static sbc_program look_at_strips(strips *s, size_t first, size_t rows, uint8_t *flags, uint64_t *keys) {
    const sbc_program *program = s->program;
    sbc_program rest = *program;
    size_t k, from;
    rest.checks = s->checks;
    rest.clauses = s->clauses;
    rest.check_count = rest.clause_count = 0;
    s->settled = 0;
    for (k = 0; k < program->columns; k++) {
        if (s->used[k]) {
            s->strips[k] = strip_of(s->columns + k, first, rows);
        }
    }
    for (k = 0; k < program->check_count; k++) {
        if (!check_strip(s, k, first, rows, flags, keys)) {
            if (program->checks[k].kind == SBC_TEXT) {
                s->rest_texts[rest.check_count] = s->texts[k];
            }
            s->checks[rest.check_count++] = program->checks[k];
        }
    }
    for (k = from = 0; k < program->clause_count; from = ++k) {
        while (!program->clauses[k].last) {
            k++;
        }
        if (s->settled >> k & 1 || (k == from && rule_strip(s, program->clauses + k, rows, flags))) {
            continue;
        }
        memcpy(s->clauses + rest.clause_count, program->clauses + from, (k - from + 1) * sizeof(sbc_clause));
        rest.clause_count += k - from + 1;
    }
    return rest;
}

void LEVEL(sbc_screen_columns)(const sbc_program *program, const sbc_column *columns, size_t n, uint8_t *flags,
                               uint64_t *keys) {
    static const strip NONE = {sbc_nothing, 0, EQUAL};
    LEVEL(room) room;
    strips s;
    size_t first, k;
    memset(flags, 0, n);
    LEVEL(clear)(program, &room);
    if (program->check_count > SBC_PLANS || program->clause_count > SBC_PLANS || n < SBC_PAD) {
        LEVEL(by_rows)(program, columns, 0, n, flags, keys, 0, &room);
        return;
    }
    s.program = program;
    s.columns = columns;
    plan_checks(&s);
    LEVEL(find_used)(program, columns, s.used);
    for (k = 0; k <= program->columns; k++) {
        s.strips[k] = NONE;
    }
    for (first = 0; first < n; first += SBC_STRIP) {
        size_t rows = n - first < SBC_STRIP ? n - first : SBC_STRIP;
        sbc_program rest = look_at_strips(&s, first, rows, flags + first, keys ? keys + first : 0);
        if (rest.check_count || rest.clause_count) {
            LEVEL(by_rows)(&rest, columns, first, rows, flags + first, keys ? keys + first : 0, s.rest_texts, &room);
        }
    }
}
