/* The batch calls over passes of the wide path. Included once per level file, after des_wide.h. */

/* The first `count` messages of the pass are named by order (or first, first + 1, ...); the rest repeat the first. */
static void pass_choose(wide *w, const uint32_t *order, size_t first, size_t count) {
    size_t l;
    for (l = 0; l < LANES; l++) {
        size_t lane = l < count ? l : 0;
        w->index[l] = order ? first + order[lane] : first + lane;
    }
}

static int pass_messages(wide *w, const sbc_des_job *job) {
    size_t l;
    int uniform = 1;
    for (l = 0; l < LANES; l++) {
        const int64_t *offset = job->offsets + w->index[l];
        w->at[l] = job->data + offset[0];
        w->length[l] = (size_t)(offset[1] - offset[0]);
        uniform &= w->length[l] == w->length[0];
    }
    return uniform;
}

/* w->aside <- the IVs of the pass */
static void ivs_load(wide *w, const sbc_des_job *job) {
    if (!job->ivs) {
        memset(w->aside, 0, sizeof w->aside);
    } else if (!job->iv_step) {
        planes_of_one(w->aside, job->ivs);
    } else {
        const uint8_t *at[LANES];
        size_t l;
        for (l = 0; l < LANES; l++) {
            at[l] = job->ivs + job->iv_step * w->index[l];
        }
        gather(w->aside, at, 0);
    }
}

/* Block b of a padded message as a little-endian word. */
static uint64_t padded_word(const uint8_t *message, size_t length, size_t b, int padding) {
    uint8_t block[8] = {0};
    size_t from, have;
    int i;
    if (padding == 3) {
        if (b == 0) {
            for (i = 0; i < 8; i++) {
                block[i] = (uint8_t)((uint64_t)length * 8 >> (56 - 8 * i));
            }
            return load_le64(block);
        }
        b--;
    }
    from = 8 * b;
    if (from + 8 <= length) {
        return load_le64(message + from);
    }
    have = from < length ? length - from : 0;
    if (have) {
        memcpy(block, message + from, have);
    }
    if (padding == 2 && from + have == length) {
        block[have] = 0x80;
    }
    return load_le64(block);
}

/* Blocks of a padded message; at least one. */
static size_t padded_blocks(size_t length, int padding) {
    size_t blocks = (length + 7) / 8;
    if (padding == 2) {
        return length / 8 + 1;
    }
    return (blocks ? blocks : 1) + (padding == 3);
}

static void chain_uniform(wide *w, int padding) {
    size_t length = w->length[0], blocks = padded_blocks(length, padding), b, l;
    size_t shift = padding == 3;
    for (b = 0; b < blocks; b++) {
        if (b >= shift && 8 * (b - shift) + 8 <= length) {
            gather(w->planes, w->at, 8 * (b - shift));
        } else if (b < shift || 8 * (b - shift) >= length) { /* the same for all */
            uint8_t block[8];
            store_le64(block, padded_word(w->at[0], length, b, padding));
            planes_of_one(w->planes, block);
        } else {
            for (l = 0; l < LANES; l++) {
                w->words[l] = padded_word(w->at[l], length, b, padding);
            }
            planes_from_words(w->planes, w->words);
        }
        state_add(w, w->planes);
        encipher(w, 0);
    }
}

/* Messages of different length end together: a shorter one waits, then starts from its IV. */
static void chain_mixed(wide *w, int padding) {
    size_t most = 0, l, t;
    int i;
    for (l = 0; l < LANES; l++) {
        size_t blocks = padded_blocks(w->length[l], padding);
        most = blocks > most ? blocks : most;
    }
    for (t = 0; t < most; t++) {
        uint64_t starting[WORDS] = {0}, any = 0;
        for (l = 0; l < LANES; l++) {
            size_t wait = most - padded_blocks(w->length[l], padding);
            starting[l % WORDS] |= (uint64_t)(t == wait && t > 0) << (l / WORDS);
            w->words[l] = t < wait ? 0 : padded_word(w->at[l], w->length[l], t - wait, padding);
        }
        for (i = 0; i < WORDS; i++) {
            any |= starting[i];
        }
        if (any) {
            vec mask;
            memcpy(&mask, starting, sizeof mask);
            state_get(w, w->planes);
            for (i = 0; i < 64; i++) {
                w->planes[i] ^= (w->planes[i] ^ w->aside[i]) & mask;
            }
            state_set(w, w->planes);
        }
        planes_from_words(w->planes, w->words);
        state_add(w, w->planes);
        encipher(w, 0);
    }
}

/* CBC-MAC of the pass from the IVs in w->aside, left in w->state. */
static void chain(wide *w, const sbc_des_job *job) {
    int uniform = pass_messages(w, job);
    state_set(w, w->aside);
    if (uniform) {
        chain_uniform(w, job->padding);
    } else {
        chain_mixed(w, job->padding);
    }
}

static void state_words(wide *w) {
    state_get(w, w->planes);
    words_from_planes(w->words, w->planes);
}

/* ---- passes: `count` messages from `first` in `order` ---------------------------------------------------------- */

static void pass_cbc_mac(wide *w, const sbc_des_job *job, const uint32_t *order, size_t first, size_t count) {
    size_t l;
    pass_choose(w, order, first, count);
    if (job->key_step) {
        keys_load(w, job);
    }
    ivs_load(w, job);
    if (job->retail) {
        w->key_count = 1;
        chain(w, job);
        w->key_count = 2;
        des(w, w->keys[1], 1);
        des(w, w->keys[0], 0);
    } else {
        chain(w, job);
    }
    state_words(w);
    for (l = 0; l < count; l++) {
        store_le64(job->out + 8 * w->index[l], w->words[l]);
    }
}

/* w->planes holds factors; they become E(K, F) in w->aside, E(K, not F) in w->planes. */
static void derive_planes(wide *w) {
    int i;
    state_set(w, w->planes);
    encipher(w, 0);
    state_get(w, w->aside);
    for (i = 0; i < 64; i++) {
        w->planes[i] = ~w->planes[i];
    }
    state_set(w, w->planes);
    encipher(w, 0);
    state_get(w, w->planes);
}

static void factors_load(wide *w, const uint8_t *factors) {
    size_t l;
    for (l = 0; l < LANES; l++) {
        w->at[l] = factors + 8 * w->index[l];
    }
    gather(w->planes, w->at, 0);
}

static void pass_derive(wide *w, const sbc_des_job *job, size_t first, size_t count) {
    size_t l;
    pass_choose(w, NULL, first, count);
    if (job->key_step) {
        keys_load(w, job);
    }
    factors_load(w, job->data);
    derive_planes(w);
    words_from_planes(w->words, w->planes);
    for (l = 0; l < count; l++) {
        store_le64(job->out + 16 * w->index[l] + 8, w->words[l]);
    }
    words_from_planes(w->words, w->aside);
    for (l = 0; l < count; l++) {
        store_le64(job->out + 16 * w->index[l], w->words[l]);
    }
}

static void pass_tac(wide *w, const sbc_des_job *job, const uint8_t *factors, const uint32_t *order, size_t first,
                     size_t count) {
    size_t l;
    int i;
    pass_choose(w, order, first, count);
    factors_load(w, factors);
    derive_planes(w);
    for (i = 0; i < 64; i++) {
        w->keys[2][i] = w->aside[i] ^ w->planes[i];
    }
    memset(w->aside, 0, sizeof w->aside);
    memcpy(w->planes, w->keys[0], sizeof w->planes);
    memcpy(w->keys[0], w->keys[2], sizeof w->keys[0]);
    memcpy(w->keys[2], w->planes, sizeof w->keys[0]); /* the master waits in the third place */
    w->key_count = 1;
    chain(w, job);
    w->key_count = 2;
    memcpy(w->keys[0], w->keys[2], sizeof w->keys[0]);
    state_words(w);
    for (l = 0; l < count; l++) {
        uint8_t *out = job->out + (job->tacs ? w->index[l] : 4 * w->index[l]);
        uint8_t block[8];
        store_le64(block, w->words[l]);
        if (job->tacs) {
            const uint8_t *tac = job->tacs + 4 * w->index[l];
            unsigned different = 0;
            for (i = 0; i < 4; i++) {
                different |= (unsigned)(tac[i] ^ block[i]);
            }
            *out = (uint8_t)((different + 255) >> 8);
        } else {
            memcpy(out, block, 4);
        }
    }
}

static void pass_ecb(wide *w, const sbc_des_job *job, size_t first, size_t count) {
    size_t l;
    pass_choose(w, NULL, first, count);
    if (job->key_step) {
        keys_load(w, job);
    }
    factors_load(w, job->data);
    state_set(w, w->planes);
    encipher(w, job->decrypt);
    state_words(w);
    for (l = 0; l < count; l++) {
        store_le64(job->out + 8 * (first + l), w->words[l]);
    }
}

static void pass_cbc_encrypt(wide *w, const sbc_des_job *job, const uint32_t *order, size_t first, size_t count) {
    size_t most = 0, l, b;
    int uniform;
    pass_choose(w, order, first, count);
    if (job->key_step) {
        keys_load(w, job);
    }
    ivs_load(w, job);
    state_set(w, w->aside);
    uniform = pass_messages(w, job);
    for (l = 0; l < count; l++) {
        most = w->length[l] > most ? w->length[l] : most;
    }
    for (b = 0; b < most; b += 8) {
        if (uniform) {
            gather(w->planes, w->at, b);
        } else {
            for (l = 0; l < LANES; l++) {
                w->words[l] = b < w->length[l] ? load_le64(w->at[l] + b) : 0;
            }
            planes_from_words(w->planes, w->words);
        }
        state_add(w, w->planes);
        encipher(w, 0);
        state_words(w);
        for (l = 0; l < count; l++) {
            if (b < w->length[l]) {
                store_le64(job->out + job->offsets[w->index[l]] + b, w->words[l]);
            }
        }
    }
}

/* Decryption has no chain: lanes are blocks. `message` and `block` walk over the batch. */
static void pass_cbc_decrypt(wide *w, const sbc_des_job *job, size_t *message, size_t *block, size_t count) {
    uint64_t before[LANES];
    uint8_t *out[LANES];
    size_t l;
    for (l = 0; l < count; l++) {
        const uint8_t *iv = job->ivs ? job->ivs + job->iv_step * *message : NULL;
        int64_t start = job->offsets[*message];
        while (start + (int64_t)*block == job->offsets[*message + 1]) {
            ++*message;
            *block = 0;
            start = job->offsets[*message];
            iv = job->ivs ? job->ivs + job->iv_step * *message : NULL;
        }
        w->index[l] = *message;
        w->at[l] = job->data + start + *block;
        out[l] = job->out + start + *block;
        before[l] = *block ? load_le64(w->at[l] - 8) : iv ? load_le64(iv) : 0;
        *block += 8;
    }
    for (; l < LANES; l++) {
        w->index[l] = w->index[0];
        w->at[l] = w->at[0];
    }
    if (job->key_step) {
        keys_load(w, job);
    }
    gather(w->planes, w->at, 0);
    state_set(w, w->planes);
    encipher(w, 1);
    state_words(w);
    for (l = 0; l < count; l++) {
        store_le64(out[l], w->words[l] ^ before[l]);
    }
}
