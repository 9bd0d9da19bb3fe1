/* The batch calls one message at a time, from message `first` on. Included after a small path.
 * Nothing is wiped here: the caller in des_level.h wipes the whole stack these calls have used. */

typedef struct {
    small_key keys[3];
    small_state state;
    int count;
} small;

static void small_keys(small *m, const uint8_t *key, size_t key_length) {
    int i;
    m->count = (int)(key_length / 8);
    for (i = 0; i < m->count; i++) {
        small_schedule(&m->keys[i], key + 8 * i);
    }
}

static void small_encipher(small *m, int decrypt) {
    if (m->count == 1) {
        small_des(&m->state, &m->keys[0], decrypt);
        return;
    }
    small_des(&m->state, &m->keys[!decrypt || m->count == 2 ? 0 : 2], decrypt);
    small_des(&m->state, &m->keys[1], !decrypt);
    small_des(&m->state, &m->keys[decrypt || m->count == 2 ? 0 : 2], decrypt);
}

static uint64_t small_iv(const sbc_des_job *job, size_t i) {
    return job->ivs ? load_le64(job->ivs + job->iv_step * i) : 0;
}

static void small_chain(small *m, const uint8_t *message, size_t length, int padding) {
    size_t blocks = padded_blocks(length, padding), b;
    for (b = 0; b < blocks; b++) {
        small_add(&m->state, padded_word(message, length, b, padding));
        small_encipher(m, 0);
    }
}

static void small_cbc_mac(const sbc_des_job *job, size_t first) {
    small m;
    size_t i;
    if (first >= job->n) {
        return;
    }
    if (!job->key_step) {
        small_keys(&m, job->keys, job->key_length);
    }
    for (i = first; i < job->n; i++) {
        if (job->key_step) {
            small_keys(&m, job->keys + job->key_step * i, job->key_length);
        }
        m.count = job->retail ? 1 : m.count;
        small_set(&m.state, small_iv(job, i));
        small_chain(&m, job->data + job->offsets[i], (size_t)(job->offsets[i + 1] - job->offsets[i]), job->padding);
        if (job->retail) {
            m.count = 2;
            small_des(&m.state, &m.keys[1], 1);
            small_des(&m.state, &m.keys[0], 0);
        }
        store_le64(job->out + 8 * i, small_get(&m.state));
    }
}

static void small_ecb(const sbc_des_job *job, size_t first) {
    small m;
    size_t i;
    if (first >= job->n) {
        return;
    }
    if (!job->key_step) {
        small_keys(&m, job->keys, job->key_length);
    }
    for (i = first; i < job->n; i++) {
        if (job->key_step) {
            small_keys(&m, job->keys + job->key_step * i, job->key_length);
        }
        small_set(&m.state, load_le64(job->data + 8 * i));
        small_encipher(&m, job->decrypt);
        store_le64(job->out + 8 * i, small_get(&m.state));
    }
}

/* From byte `from` of message `first` on. */
static void small_cbc(const sbc_des_job *job, size_t first, size_t from) {
    small m;
    size_t i;
    if (first >= job->n) {
        return;
    }
    if (!job->key_step) {
        small_keys(&m, job->keys, job->key_length);
    }
    for (i = first; i < job->n; i++, from = 0) {
        const uint8_t *in = job->data + job->offsets[i];
        uint8_t *out = job->out + job->offsets[i];
        size_t length = (size_t)(job->offsets[i + 1] - job->offsets[i]), b;
        uint64_t before = from ? load_le64(in + from - 8) : small_iv(job, i);
        if (job->key_step) {
            small_keys(&m, job->keys + job->key_step * i, job->key_length);
        }
        for (b = from; b < length; b += 8) {
            uint64_t word = load_le64(in + b);
            small_set(&m.state, job->decrypt ? word : word ^ before);
            small_encipher(&m, job->decrypt);
            before ^= small_get(&m.state);
            store_le64(out + b, job->decrypt ? before : small_get(&m.state));
            before = job->decrypt ? word : small_get(&m.state);
        }
    }
}

/* E(K, F) and E(K, not F) as words. */
static void small_derived(small *m, const uint8_t *factor, uint64_t pair[2]) {
    uint64_t word = load_le64(factor);
    small_set(&m->state, word);
    small_encipher(m, 0);
    pair[0] = small_get(&m->state);
    small_set(&m->state, ~word);
    small_encipher(m, 0);
    pair[1] = small_get(&m->state);
}

static void small_derive(const sbc_des_job *job, size_t first) {
    small m;
    uint64_t pair[2];
    size_t i;
    if (first >= job->n) {
        return;
    }
    if (!job->key_step) {
        small_keys(&m, job->keys, job->key_length);
    }
    for (i = first; i < job->n; i++) {
        if (job->key_step) {
            small_keys(&m, job->keys + job->key_step * i, job->key_length);
        }
        small_derived(&m, job->data + 8 * i, pair);
        store_le64(job->out + 16 * i, pair[0]);
        store_le64(job->out + 16 * i + 8, pair[1]);
    }
}

static void small_tac(const sbc_des_job *job, const uint8_t *factors, size_t first) {
    small m, card;
    uint64_t pair[2];
    uint8_t block[8];
    size_t i;
    int j;
    if (first >= job->n) {
        return;
    }
    small_keys(&m, job->keys, job->key_length);
    for (i = first; i < job->n; i++) {
        small_derived(&m, factors + 8 * i, pair);
        store_le64(block, pair[0] ^ pair[1]);
        small_keys(&card, block, 8);
        small_set(&card.state, 0);
        small_chain(&card, job->data + job->offsets[i], (size_t)(job->offsets[i + 1] - job->offsets[i]), 2);
        store_le64(block, small_get(&card.state));
        if (job->tacs) {
            unsigned different = 0;
            for (j = 0; j < 4; j++) {
                different |= (unsigned)(job->tacs[4 * i + (size_t)j] ^ block[j]);
            }
            job->out[i] = (uint8_t)((different + 255) >> 8);
        } else {
            memcpy(job->out + 4 * i, block, 4);
        }
    }
}
