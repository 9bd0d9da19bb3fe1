/* The calls of one level: full passes go wide, what is left over goes wide or one by one. Included last. */

#define WINDOW 4096 /* messages sorted by length at a time: lengths are not secret */
#define BUCKETS 1024

/* Numbers of the window's messages by falling length; 0 when all are as long as the first. */
static int order_by_length(const int64_t *offsets, size_t count, uint32_t *order) {
    uint32_t begins[BUCKETS + 1] = {0};
    size_t most = 0, i;
    int shift = 0, uniform = 1;
    for (i = 0; i < count; i++) {
        size_t length = (size_t)(offsets[i + 1] - offsets[i]);
        most = length > most ? length : most;
        uniform &= length == (size_t)(offsets[1] - offsets[0]);
    }
    if (uniform) {
        return 0;
    }
    while (most >> shift >= BUCKETS) {
        shift++;
    }
    for (i = 0; i < count; i++) {
        begins[(most - (size_t)(offsets[i + 1] - offsets[i])) >> shift]++;
    }
    {
        uint32_t sum = 0;
        for (i = 0; i <= BUCKETS; i++) {
            uint32_t here = begins[i];
            begins[i] = sum;
            sum += here;
        }
    }
    for (i = 0; i < count; i++) {
        order[begins[(most - (size_t)(offsets[i + 1] - offsets[i])) >> shift]++] = (uint32_t)i;
    }
    return 1;
}

typedef void pass_fn(wide *w, const sbc_des_job *job, const uint8_t *factors, const uint32_t *order, size_t first,
                     size_t count);

static void pass_mac_any(wide *w, const sbc_des_job *job, const uint8_t *factors, const uint32_t *order, size_t first,
                         size_t count) {
    (void)factors;
    pass_cbc_mac(w, job, order, first, count);
}

static void pass_cbc_any(wide *w, const sbc_des_job *job, const uint8_t *factors, const uint32_t *order, size_t first,
                         size_t count) {
    (void)factors;
    pass_cbc_encrypt(w, job, order, first, count);
}

/* All messages by passes over windows of like lengths; a last group below SMALL is left: returns where it starts. */
static size_t over_messages(const sbc_des_job *job, const uint8_t *factors, pass_fn *pass) {
    wide w;
    uint32_t order[WINDOW];
    size_t first = 0;
    wide_begin(&w, job->key_length);
    if (!job->key_step) {
        keys_load_one(&w, job->keys);
    }
    while (job->n - first >= SMALL) {
        size_t window = job->n - first < WINDOW ? job->n - first : WINDOW, done = 0;
        int sorted;
        if (window > LANES && window % LANES && window % LANES < SMALL) {
            window -= window % LANES;
        }
        sorted = order_by_length(job->offsets + first, window, order);
        while (done < window) {
            size_t count = window - done < LANES ? window - done : LANES;
            if (sorted) {
                pass(&w, job, factors, order + done, first, count);
            } else {
                pass(&w, job, factors, NULL, first + done, count);
            }
            done += count;
        }
        first += window;
    }
    return first;
}

static NOINLINE void run_cbc_mac(const sbc_des_job *job) {
    size_t first = job->n >= SMALL ? over_messages(job, NULL, pass_mac_any) : 0;
    small_cbc_mac(job, first);
}

static NOINLINE void run_tac(const sbc_des_job *job, const uint8_t *factors) {
    size_t first = job->n >= SMALL ? over_messages(job, factors, pass_tac) : 0;
    small_tac(job, factors, first);
}

static NOINLINE void run_cbc(const sbc_des_job *job) {
    wide w;
    size_t message = 0, block = 0, left;
    if (!job->decrypt) {
        small_cbc(job, job->n >= SMALL ? over_messages(job, NULL, pass_cbc_any) : 0, 0);
        return;
    }
    left = (size_t)(job->offsets[job->n] - job->offsets[0]) / 8;
    if (left >= SMALL) {
        wide_begin(&w, job->key_length);
        if (!job->key_step) {
            keys_load_one(&w, job->keys);
        }
        while (left >= SMALL) {
            size_t count = left < LANES ? left : LANES;
            pass_cbc_decrypt(&w, job, &message, &block, count);
            left -= count;
        }
    }
    small_cbc(job, message, block);
}

typedef void block_pass_fn(wide *w, const sbc_des_job *job, size_t first, size_t count);

static size_t over_blocks(const sbc_des_job *job, block_pass_fn *pass) {
    wide w;
    size_t first = 0;
    if (job->n < SMALL) {
        return 0;
    }
    wide_begin(&w, job->key_length);
    if (!job->key_step) {
        keys_load_one(&w, job->keys);
    }
    while (job->n - first >= SMALL) {
        size_t count = job->n - first < LANES ? job->n - first : LANES;
        pass(&w, job, first, count);
        first += count;
    }
    return first;
}

static NOINLINE void run_ecb(const sbc_des_job *job) {
    small_ecb(job, over_blocks(job, pass_ecb));
}

static NOINLINE void run_derive(const sbc_des_job *job) {
    small_derive(job, over_blocks(job, pass_derive));
}

/* ---- the calls: each leaves a clean stack, what the compiler spilled included ---- */

#define USED_ONE 12288   /* one key schedule and its state */
#define USED_SMALL 24576 /* a TAC's two */
#define USED_WIDE 65536

static NOINLINE void wipe_one(void) {
    uint8_t below[USED_ONE];
    sbc_des_wipe(below, sizeof below);
}

static NOINLINE void wipe_small(void) {
    uint8_t below[USED_SMALL];
    sbc_des_wipe(below, sizeof below);
}

static NOINLINE void wipe_wide(void) {
    uint8_t below[USED_WIDE];
    sbc_des_wipe(below, sizeof below);
}

static void wipe_stack(const sbc_des_job *job) {
    if (job->n < SMALL) {
        wipe_one();
    } else {
        wipe_wide();
    }
}

static void level_ecb(const sbc_des_job *job) {
    run_ecb(job);
    wipe_stack(job);
}

static void level_cbc(const sbc_des_job *job) {
    run_cbc(job);
    wipe_wide(); /* decryption goes wide by blocks, not by messages */
}

static void level_cbc_mac(const sbc_des_job *job) {
    run_cbc_mac(job);
    wipe_stack(job);
}

static void level_derive(const sbc_des_job *job) {
    run_derive(job);
    wipe_stack(job);
}

static void level_tac(const sbc_des_job *job, const uint8_t *factors) {
    run_tac(job, factors);
    if (job->n < SMALL) {
        wipe_small();
    } else {
        wipe_wide();
    }
}

const sbc_des_kernel KERNEL = {LANES, SMALL, level_ecb, level_cbc, level_cbc_mac, level_derive, level_tac};
