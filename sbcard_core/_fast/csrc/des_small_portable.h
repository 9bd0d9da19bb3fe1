/* One message in plain 64-bit C: all eight S-boxes at once, as one polynomial over bits.
 *
 * A round's 32 output bits are 32 functions of 6 bits. Written as XOR sums of products (algebraic normal form), all 32
 * share one Horner scheme, a word of coefficients per product; each of the six variables is a word that repeats an
 * input bit under the four outputs of its S-box. The upper half of a 64-bit word holds what is multiplied by the
 * first variable, so 31 steps do instead of 63. The outputs of an S-box stand in the order within their nibble that lets eight
 * rotations make the permutation P. No table is indexed by data.
 */
typedef struct {
    uint64_t mask[16][6];
} small_key;

typedef struct {
    uint32_t left, right;
} small_state;

static const uint64_t SMALL_NORMAL[32] = {
    0xCFDE566CDF3B4547u, 0x3873CBD5D6D53CA6u, 0xF0492999C73577FFu, 0xAD0F719E300FE111u,
    0x6035C0CAAB565C53u, 0x607F212A10BF6105u, 0x3571D60C94EBE139u, 0x0CB31FADCABC0B14u,
    0x3962ED535CAB96BDu, 0x0803ED848A1CF110u, 0x695B4B9FB9FCCC0Au, 0x1C3C2D1310109101u,
    0xF1244206C1306324u, 0x611CC237D110F315u, 0x6105F6C04111E7A0u, 0xB0BFC2B01233F3D1u,
    0x99E388C07379657Bu, 0x95D0D200BC8F804Cu, 0x39D7C00AA096C006u, 0xECDCA021019FC80Du,
    0xC1BFE09396B0B6C6u, 0xC9103365B380E02Cu, 0xE62FAC933C366817u, 0x97306B4C892F8678u,
    0xF5E2DC93C69E0BE2u, 0x9CC3B7F4B5933089u, 0x93C5849988A4C800u, 0xFB8FCD1D28AC6000u,
    0xF1BFF0C6C0B94284u, 0xF0505597801F539Cu, 0x0000000000000000u, 0x0000000000000000u,
};

static inline uint32_t rotate(uint32_t x, int n) {
    return x << n | x >> (32 - n);
}

static inline uint64_t swap_bytes(uint64_t x) {
    x = (x >> 8 & 0x00FF00FF00FF00FFu) | (x & 0x00FF00FF00FF00FFu) << 8;
    x = (x >> 16 & 0x0000FFFF0000FFFFu) | (x & 0x0000FFFF0000FFFFu) << 16;
    return x >> 32 | x << 32;
}

static void small_schedule(small_key *key, const uint8_t *bytes) {
    uint64_t word = load_le64(bytes);
    int r, i, s;
    for (r = 0; r < 16; r++) {
        for (i = 0; i < 6; i++) {
            uint64_t bits = 0;
            for (s = 0; s < 8; s++) {
                bits |= (word >> ROUND_KEY[r][6 * s + i] & 1) << (28 - 4 * s);
            }
            key->mask[r][i] = bits * 0x0000000F0000000Fu;
        }
    }
}

#define EXCHANGE(a, b, n, mask)              \
    do {                                     \
        uint32_t t = ((a) >> (n) ^ (b)) & (mask); \
        (b) ^= t;                            \
        (a) ^= t << (n);                     \
    } while (0)

static inline small_state small_split(uint64_t word) { /* IP */
    small_state s;
    uint64_t be = swap_bytes(word);
    s.left = (uint32_t)(be >> 32);
    s.right = (uint32_t)be;
    EXCHANGE(s.left, s.right, 4, 0x0F0F0F0Fu);
    EXCHANGE(s.left, s.right, 16, 0x0000FFFFu);
    EXCHANGE(s.right, s.left, 2, 0x33333333u);
    EXCHANGE(s.right, s.left, 8, 0x00FF00FFu);
    EXCHANGE(s.left, s.right, 1, 0x55555555u);
    return s;
}

static inline uint64_t small_get(const small_state *state) { /* the inverse of IP */
    uint32_t l = state->left, r = state->right;
    EXCHANGE(l, r, 1, 0x55555555u);
    EXCHANGE(r, l, 8, 0x00FF00FFu);
    EXCHANGE(r, l, 2, 0x33333333u);
    EXCHANGE(l, r, 16, 0x0000FFFFu);
    EXCHANGE(l, r, 4, 0x0F0F0F0Fu);
    return swap_bytes((uint64_t)l << 32 | r);
}

static inline void small_set(small_state *state, uint64_t word) {
    *state = small_split(word);
}

static inline void small_add(small_state *state, uint64_t word) {
    small_state s = small_split(word);
    state->left ^= s.left;
    state->right ^= s.right;
}

/* The four inner bits of each S-box's six, one of them under all its outputs, in both halves of the word. */
#define SPREAD(r, n) (((r) >> (n) & 0x11111111u) * 0x0000000F0000000Fu)
#define STEP(v, n)                                      \
    for (i = 0; i < (n); i++) {                         \
        t[i] = t[2 * i] ^ ((v) & t[2 * i + 1]);         \
    }

static inline uint32_t small_round(uint32_t r, const uint64_t *mask) {
    uint64_t r64 = r, x1 = SPREAD(r64, 3), x4 = SPREAD(r64, 0), x0, x2, x3, x5, t[16];
    uint32_t f;
    int i;
    x0 = (x4 >> 4 | x4 << 60) ^ mask[0];
    x5 = (x1 << 4 | x1 >> 60) ^ mask[5];
    x1 ^= mask[1];
    x2 = SPREAD(r64, 2) ^ mask[2];
    x3 = SPREAD(r64, 1) ^ mask[3];
    x4 ^= mask[4];
    for (i = 0; i < 16; i++) {
        t[i] = SMALL_NORMAL[2 * i] ^ (x5 & SMALL_NORMAL[2 * i + 1]);
    }
    STEP(x4, 8)
    STEP(x3, 4)
    STEP(x2, 2)
    STEP(x1, 1)
    f = (uint32_t)(t[0] ^ (x0 & t[0] >> 32));
    return (rotate(f, 4) & 0x04002022u) |
           (rotate(f, 6) & 0x40440400u) | (rotate(f, 10) & 0x00200200u) | (rotate(f, 11) & 0x01000810u) |
           (rotate(f, 14) & 0xA0120004u) | (rotate(f, 19) & 0x0000C100u) | (rotate(f, 20) & 0x12000040u) |
           (rotate(f, 25) & 0x08891089u);
}

static NOINLINE void small_des(small_state *state, const small_key *key, int decrypt) {
    const uint64_t *mask = key->mask[decrypt ? 15 : 0];
    ptrdiff_t step = decrypt ? -6 : 6;
    uint32_t l = state->left, r = state->right;
    int i;
    for (i = 0; i < 8; i++) {
        l ^= small_round(r, mask);
        mask += step;
        r ^= small_round(l, mask);
        mask += step;
    }
    state->left = r; /* no swap after the last round */
    state->right = l;
}
