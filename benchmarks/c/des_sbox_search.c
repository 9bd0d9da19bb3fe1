/* Search for small, shallow circuits of the eight DES S-boxes over AND, OR, XOR, AND-NOT and NOT.
 *
 * A walk over equivalent circuits. All 64 inputs of an S-box make one 64-bit word, so a gate's value is a word and so
 * is its "care" mask: the inputs for which flipping the gate flips some output. Any other gate that agrees with it on
 * that mask may take its place. One step takes a random gate and replaces it, uniformly at random, by one of
 *   - a gate that exists already, when one agrees (the circuit shrinks),
 *   - another single gate of two earlier signals that agrees (the circuit keeps its size and drifts),
 *   - now and then a pair of gates that agrees (the circuit grows by one, within `slack`),
 * and then drops what nothing uses any more. Drift is what finds the next saving. The best circuit by
 * weight * gates + 4 * deepest output + sum of the outputs' depths is kept, and wandering too far returns to it.
 *
 *   cc -O3 -march=native -o des_sbox_search benchmarks/c/des_sbox_search.c -lm
 *   ./des_sbox_search DIRECTORY SECONDS SEED SLACK WEIGHT   improves DIRECTORY/s1.txt ... s8.txt
 *   ./des_sbox_search DIRECTORY print                       writes csrc/des_sbox.h to standard output
 *
 * A large weight (1000) with a slack of 8 to 16 finds few gates in some minutes, restarted with other seeds; a second
 * run with weight 10 and slack 3 then trades nothing or little for depth, which counts as much: the wide path waits
 * for its S-boxes.
 *
 * A file holds one gate per line, "op a b", signals 0-5 being the inputs (0 = leftmost bit) and the first gate 6,
 * then "out" and the four output signals (0 = leftmost). A missing file starts from a sum of products.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OP_AND, OP_OR, OP_XOR, OP_ANDN, OP_NOT };
#define MAXN 700
#define INPUTS 6
#define GROW 24 /* one step in so many adds a gate */

typedef struct {
    int n; /* signals, inputs included */
    uint8_t op[MAXN];
    int16_t a[MAXN], b[MAXN];
    int out[4];
    uint64_t t[MAXN];
} circuit;

static const uint8_t SBOX[8][65] = {
    "\16\4\15\1\2\17\13\10\3\12\6\14\5\11\0\7\0\17\7\4\16\2\15\1\12\6\14\13\11\5\3\10\4\1\16\10\15\6\2\13\17\14\11\7\3\12\5\0\17\14\10\2\4\11\1\7\5\13\3\16\12\0\6\15",
    "\17\1\10\16\6\13\3\4\11\7\2\15\14\0\5\12\3\15\4\7\17\2\10\16\14\0\1\12\6\11\13\5\0\16\7\13\12\4\15\1\5\10\14\6\11\3\2\17\15\10\12\1\3\17\4\2\13\6\7\14\0\5\16\11",
    "\12\0\11\16\6\3\17\5\1\15\14\7\13\4\2\10\15\7\0\11\3\4\6\12\2\10\5\16\14\13\17\1\15\6\4\11\10\17\3\0\13\1\2\14\5\12\16\7\1\12\15\0\6\11\10\7\4\17\16\3\13\5\2\14",
    "\7\15\16\3\0\6\11\12\1\2\10\5\13\14\4\17\15\10\13\5\6\17\0\3\4\7\2\14\1\12\16\11\12\6\11\0\14\13\7\15\17\1\3\16\5\2\10\4\3\17\0\6\12\1\15\10\11\4\5\13\14\7\2\16",
    "\2\14\4\1\7\12\13\6\10\5\3\17\15\0\16\11\16\13\2\14\4\7\15\1\5\0\17\12\3\11\10\6\4\2\1\13\12\15\7\10\17\11\14\5\6\3\0\16\13\10\14\7\1\16\2\15\6\17\0\11\12\4\5\3",
    "\14\1\12\17\11\2\6\10\0\15\3\4\16\7\5\13\12\17\4\2\7\14\11\5\6\1\15\16\0\13\3\10\11\16\17\5\2\10\14\3\7\0\4\12\1\15\13\6\4\3\2\14\11\5\17\12\13\16\1\7\6\0\10\15",
    "\4\13\2\16\17\0\10\15\3\14\11\7\5\12\6\1\15\0\13\7\4\11\1\12\16\3\5\14\2\17\10\6\1\4\13\15\14\3\7\16\12\17\6\10\0\5\11\2\6\13\15\10\1\4\12\7\11\5\0\17\16\2\3\14",
    "\15\2\10\4\6\17\13\1\12\11\3\16\5\0\14\7\1\17\15\10\12\3\7\4\14\5\6\13\0\16\11\2\7\13\4\1\11\14\16\2\0\6\12\15\17\3\5\10\2\1\16\7\4\12\10\15\17\14\11\0\3\5\6\13"};

static uint64_t rs, INB[INPUTS], target[8][4];
static uint64_t rnd(void) {
    rs ^= rs << 13;
    rs ^= rs >> 7;
    rs ^= rs << 17;
    return rs * 0x2545F4914F6CDD1Dull >> 16;
}
static uint64_t eval(int op, uint64_t a, uint64_t b) {
    switch (op) {
    case OP_AND: return a & b;
    case OP_OR: return a | b;
    case OP_XOR: return a ^ b;
    case OP_ANDN: return a & ~b;
    default: return ~a;
    }
}
static void run(circuit *c) {
    int i;
    for (i = 0; i < INPUTS; i++) c->t[i] = INB[i];
    for (; i < c->n; i++) c->t[i] = eval(c->op[i], c->t[c->a[i]], c->t[c->b[i]]);
}
static int right(const circuit *c, int k) {
    int o;
    for (o = 0; o < 4; o++)
        if (c->t[c->out[o]] != target[k][o]) return 0;
    return 1;
}
/* Depth-first from the outputs in random order of operands: drops dead gates, keeps operands before users. */
static void visit(const circuit *c, circuit *d, int *map, int i) {
    int a, b;
    if (map[i] >= 0) return;
    if (c->op[i] == OP_NOT) {
        visit(c, d, map, c->a[i]);
        a = b = map[c->a[i]];
    } else {
        int first = (int)(rnd() & 1);
        visit(c, d, map, first ? c->b[i] : c->a[i]);
        visit(c, d, map, first ? c->a[i] : c->b[i]);
        a = map[c->a[i]];
        b = map[c->b[i]];
    }
    d->op[d->n] = c->op[i];
    d->a[d->n] = (int16_t)a;
    d->b[d->n] = (int16_t)b;
    map[i] = d->n++;
}
static void clean(circuit *c) {
    static circuit d;
    int map[MAXN], i, o;
    for (i = 0; i < MAXN; i++) map[i] = i < INPUTS ? i : -1;
    d.n = INPUTS;
    for (o = 0; o < 4; o++) {
        visit(c, &d, map, c->out[o]);
        d.out[o] = map[c->out[o]];
    }
    run(&d);
    *c = d;
}

/* Where gate g's value matters, and who depends on it. */
static uint64_t care(const circuit *c, int g, uint8_t *depends) {
    uint64_t t[MAXN], m = 0;
    int i, o;
    memset(depends, 0, (size_t)c->n);
    depends[g] = 1;
    t[g] = ~c->t[g];
    for (i = g + 1; i < c->n; i++) {
        int da = depends[c->a[i]], db = depends[c->b[i]];
        if (da | db) {
            depends[i] = 1;
            t[i] = eval(c->op[i], da ? t[c->a[i]] : c->t[c->a[i]], db ? t[c->b[i]] : c->t[c->b[i]]);
        }
    }
    for (o = 0; o < 4; o++)
        if (depends[c->out[o]]) m |= t[c->out[o]] ^ c->t[c->out[o]];
    return m;
}
/* Rebuild with gate g replaced: by signal `same`, or by op(a, b), or by op(op1(p, q), c) (order given by left). */
static void substitute(circuit *c, int g, int same, int op, int a, int b, int op1, int p, int q, const uint8_t *depends) {
    static circuit d;
    int map[MAXN], i, o;
    d.n = INPUTS;
    for (i = 0; i < INPUTS; i++) map[i] = i;
    for (i = INPUTS; i < c->n; i++) /* all that does not depend on g first */
        if (!depends[i]) {
            d.op[d.n] = c->op[i];
            d.a[d.n] = (int16_t)map[c->a[i]];
            d.b[d.n] = (int16_t)map[c->b[i]];
            map[i] = d.n++;
        }
    if (same >= 0)
        map[g] = map[same];
    else {
        int h = -1;
        if (op1 >= 0) {
            d.op[d.n] = (uint8_t)op1;
            d.a[d.n] = (int16_t)map[p];
            d.b[d.n] = (int16_t)map[q];
            h = d.n++;
        }
        d.op[d.n] = (uint8_t)op;
        d.a[d.n] = (int16_t)(a < 0 ? h : map[a]);
        d.b[d.n] = (int16_t)(b < 0 ? h : map[b]);
        map[g] = d.n++;
    }
    for (i = g + 1; i < c->n; i++)
        if (depends[i]) {
            d.op[d.n] = c->op[i];
            d.a[d.n] = (int16_t)map[c->a[i]];
            d.b[d.n] = (int16_t)map[c->b[i]];
            map[i] = d.n++;
        }
    for (o = 0; o < 4; o++) d.out[o] = map[c->out[o]];
    *c = d;
    clean(c);
}
static void step(circuit *c, int limit) {
    uint8_t depends[MAXN];
    int g = INPUTS + (int)(rnd() % (uint64_t)(c->n - INPUTS)), i, j, n = 0, m, found = 0, bo = 0, ba = 0, bb = 0;
    uint64_t mask = care(c, g, depends), want = c->t[g] & mask, s[MAXN];
    int id[MAXN];
    for (i = 0; i < c->n; i++)
        if (!depends[i]) {
            id[n] = i;
            s[n++] = c->t[i] & mask;
        }
    for (i = 0; i < n; i++)
        if (s[i] == want) {
            substitute(c, g, id[i], 0, 0, 0, -1, 0, 0, depends);
            return;
        }
    if (c->n - INPUTS < limit && rnd() % GROW == 0) { /* grow: op(op1(p, q), r) */
        int tries;
        for (tries = 0; tries < 400; tries++) {
            int p = (int)(rnd() % (uint64_t)n), q = (int)(rnd() % (uint64_t)n), op1 = (int)(rnd() % 5), start;
            uint64_t h = eval(op1, s[p], s[q]) & mask;
            if (op1 != OP_NOT && p == q) continue;
            start = (int)(rnd() % (uint64_t)n);
            for (m = 0; m < n; m++) {
                int r = (start + m) % n;
                uint64_t x = s[r];
                int op = -1, left = 1;
                if ((h ^ x) == want) op = OP_XOR;
                else if ((h & x) == want) op = OP_AND;
                else if ((h | x) == want) op = OP_OR;
                else if ((h & ~x) == want) op = OP_ANDN;
                else if ((x & ~h) == want) op = OP_ANDN, left = 0;
                if (op >= 0) {
                    if (left) substitute(c, g, -1, op, -1, id[r], op1, id[p], id[q], depends);
                    else substitute(c, g, -1, op, id[r], -1, op1, id[p], id[q], depends);
                    return;
                }
            }
        }
        return;
    }
    for (i = 0; i < n; i++) {
        uint64_t x = s[i];
        if ((~x & mask) == want && rnd() % (uint64_t)++found == 0) bo = OP_NOT, ba = bb = i;
        for (j = i + 1; j < n; j++) {
            uint64_t y = s[j];
            int hit = -1;
            if ((x ^ y) == want) hit = OP_XOR;
            else if ((x & y) == want) hit = OP_AND;
            else if ((x | y) == want) hit = OP_OR;
            else if ((x & ~y) == want) hit = OP_ANDN;
            else if ((y & ~x) == want) hit = OP_ANDN + 8;
            if (hit >= 0 && rnd() % (uint64_t)++found == 0) {
                bo = hit & 7;
                ba = hit & 8 ? j : i;
                bb = hit & 8 ? i : j;
            }
        }
    }
    if (found) substitute(c, g, -1, bo, id[ba], id[bb], -1, 0, 0, depends);
}

static int add(circuit *c, int op, int a, int b) {
    c->op[c->n] = (uint8_t)op;
    c->a[c->n] = (int16_t)a;
    c->b[c->n] = (int16_t)b;
    return c->n++;
}
static int mux(circuit *c, uint64_t f, int bit) { /* Shannon tree by algebraic normal form */
    int lo, hi, w = 1 << (INPUTS - 1 - bit), i;
    uint64_t f0 = 0, f1 = 0;
    if (bit == INPUTS) return f & 1 ? -2 : -1;
    for (i = 0; i < w; i++) {
        f0 |= (f >> i & 1) << i;
        f1 |= (f >> (i + w) & 1) << i;
    }
    lo = mux(c, f0, bit + 1);
    hi = mux(c, f0 ^ f1, bit + 1);
    if (hi == -1) return lo;
    hi = hi == -2 ? bit : add(c, OP_AND, bit, hi);
    if (lo == -1) return hi;
    if (lo == -2) return add(c, OP_NOT, hi, hi);
    return add(c, OP_XOR, hi, lo);
}
static void start_from_tables(circuit *c, int k) {
    int o;
    c->n = INPUTS;
    for (o = 0; o < 4; o++) c->out[o] = mux(c, target[k][o], 0);
    run(c);
    clean(c);
}
static const char *NAMES[] = {"and", "or", "xor", "andn", "not"};
static int load(circuit *c, const char *path) {
    FILE *f = fopen(path, "r");
    char word[16];
    int i;
    if (!f) return 0;
    c->n = INPUTS;
    while (fscanf(f, "%15s", word) == 1) {
        if (!strcmp(word, "out")) {
            for (i = 0; i < 4; i++)
                if (fscanf(f, "%d", &c->out[i]) != 1) exit(2);
            break;
        }
        for (i = 0; strcmp(NAMES[i], word); i++) {}
        c->op[c->n] = (uint8_t)i;
        if (fscanf(f, "%hd %hd", &c->a[c->n], &c->b[c->n]) != 2) exit(2);
        c->n++;
    }
    fclose(f);
    run(c);
    return 1;
}
static void save(const circuit *c, const char *path) {
    char temporary[600];
    FILE *f;
    int i;
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    f = fopen(temporary, "w");
    for (i = INPUTS; i < c->n; i++) fprintf(f, "%s %d %d\n", NAMES[c->op[i]], c->a[i], c->b[i]);
    fprintf(f, "out %d %d %d %d\n", c->out[0], c->out[1], c->out[2], c->out[3]);
    fclose(f);
    rename(temporary, path);
}
/* Printed order: few values alive at once, so that they fit the registers. An input is alive from its first use, an
 * output is spent as soon as it is computed. */
static double pressure(const circuit *c, const int *order) {
    int last[MAXN], first[INPUTS], i, o, g, alive = 0, begins[MAXN] = {0}, ends[MAXN] = {0};
    double cost = 0;
    for (i = 0; i < c->n; i++) last[i] = -1;
    for (i = 0; i < INPUTS; i++) first[i] = -1;
    for (i = 0; i < c->n - INPUTS; i++) {
        int two[2];
        g = order[i];
        two[0] = c->a[g];
        two[1] = c->b[g];
        last[g] = i;
        begins[i]++;
        for (o = 0; o < 2; o++) {
            last[two[o]] = i;
            if (two[o] < INPUTS && first[two[o]] < 0) first[two[o]] = i, begins[i]++;
        }
    }
    for (i = 0; i < c->n; i++) ends[last[i]]++;
    for (i = 0; i < c->n - INPUTS; i++) {
        int over;
        alive += begins[i];
        over = alive - 14;
        cost += alive * 0.01 + (over > 0 ? over * over : 0);
        alive -= ends[i];
    }
    return cost;
}
static void arrange(const circuit *c, int *order) {
    int m = c->n - INPUTS, place[MAXN], i, j, x, lo, hi, saved[MAXN];
    double cost, least;
    long turn, turns = 600000;
    static int best[MAXN];
    for (i = 0; i < m; i++) order[i] = best[i] = INPUTS + i;
    cost = least = pressure(c, order);
    for (turn = 0; turn < turns; turn++) {
        double heat = 4.0 * pow(0.002, (double)turn / (double)turns), next;
        for (i = 0; i < INPUTS; i++) place[i] = -1;
        for (i = 0; i < m; i++) place[order[i]] = i;
        i = (int)(rnd() % (uint64_t)m);
        x = order[i];
        lo = (place[c->a[x]] > place[c->b[x]] ? place[c->a[x]] : place[c->b[x]]) + 1;
        for (hi = i; hi + 1 < m && c->a[order[hi + 1]] != x && c->b[order[hi + 1]] != x; hi++) {}
        j = lo + (int)(rnd() % (uint64_t)(hi - lo + 1));
        if (i == j) continue;
        memcpy(saved, order, sizeof saved);
        if (j > i) memmove(order + i, order + i + 1, (size_t)(j - i) * sizeof *order);
        else memmove(order + j + 1, order + j, (size_t)(i - j) * sizeof *order);
        order[j] = x;
        next = pressure(c, order);
        if (next <= cost || (double)(rnd() % 1000000) < 1e6 * exp((cost - next) / heat)) cost = next;
        else memcpy(order, saved, sizeof saved);
        if (cost < least) {
            least = cost;
            memcpy(best, order, sizeof best);
        }
    }
    memcpy(order, best, sizeof best);
}
static void print(const circuit *c, int k) {
    int i, o, j, order[MAXN], defined[INPUTS] = {0};
    arrange(c, order);
    printf("\n/* S%d: %d gates */\n#define S%d(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \\\n    do { \\\n", k + 1,
           c->n - INPUTS, k + 1);
    for (i = 0; i < c->n - INPUTS; i++) {
        int g = order[i], two[2];
        const char *form[] = {"x%d & x%d; \\\n", "x%d | x%d; \\\n", "x%d ^ x%d; \\\n", "x%d & ~x%d; \\\n", "~x%d; \\\n"};
        two[0] = c->a[g];
        two[1] = c->b[g];
        for (j = 0; j < 2; j++)
            if (two[j] < INPUTS && !defined[two[j]]) {
                printf("        const vec x%d = a%d; \\\n", two[j], two[j]);
                defined[two[j]] = 1;
            }
        printf("        const vec x%d = ", g);
        printf(form[c->op[g]], c->a[g], c->b[g]);
        for (o = 0; o < 4; o++)
            if (c->out[o] == g) printf("        y%d ^= x%d; \\\n", o, g);
    }
    printf("    } while (0)\n");
}

static int score_of(const circuit *c, int weight) {
    int depth[MAXN] = {0}, deepest = 0, sum = 0, i, o;
    for (i = INPUTS; i < c->n; i++) {
        int x = depth[c->a[i]], y = depth[c->b[i]];
        depth[i] = 1 + (x > y ? x : y);
    }
    for (o = 0; o < 4; o++) {
        sum += depth[c->out[o]];
        deepest = depth[c->out[o]] > deepest ? depth[c->out[o]] : deepest;
    }
    return weight * (c->n - INPUTS) + 4 * deepest + sum;
}

static void improve(circuit *best, int k, int slack, int weight, const char *path) {
    static circuit now;
    int steps, score = score_of(best, weight), size = best->n - INPUTS;
    now = *best;
    for (steps = 0; steps < 100000; steps++) {
        step(&now, size + slack);
        if (now.n - INPUTS > size + slack) {
            now = *best;
        } else if (score_of(&now, weight) <= score && right(&now, k)) {
            int found = score_of(&now, weight);
            *best = now;
            size = now.n - INPUTS;
            if (found < score) {
                score = found;
                save(best, path);
                fprintf(stderr, "S%d: %d gates, score %d\n", k + 1, size, score);
            }
        }
    }
}

int main(int argc, char **argv) {
    static circuit best[8];
    char path[8][512];
    time_t begun = time(NULL);
    int k, o, v, b, total = 0;
    if (argc != 6 && !(argc == 3 && !strcmp(argv[2], "print"))) {
        return fprintf(stderr, "see the head of the source\n"), 2;
    }
    rs = 0x9E3779B97F4A7C15u * (uint64_t)(argc > 3 ? 2 * atoi(argv[3]) + 1 : 1);
    for (b = 0; b < INPUTS; b++) {
        for (v = 0; v < 64; v++) {
            INB[b] |= (uint64_t)(v >> (5 - b) & 1) << v;
        }
    }
    for (k = 0; k < 8; k++) {
        for (o = 0; o < 4; o++) {
            for (v = 0; v < 64; v++) {
                int row = (v >> 4 & 2) | (v & 1), column = v >> 1 & 15;
                target[k][o] |= (uint64_t)(SBOX[k][row * 16 + column] >> (3 - o) & 1) << v;
            }
        }
        snprintf(path[k], sizeof path[k], "%s/s%d.txt", argv[1], k + 1);
        if (!load(&best[k], path[k])) {
            start_from_tables(&best[k], k);
        }
        if (!right(&best[k], k)) {
            return fprintf(stderr, "%s is not S%d\n", path[k], k + 1), 1;
        }
        total += best[k].n - INPUTS;
    }
    if (argc == 3) {
        printf("/* Circuits of the eight S-boxes over AND, OR, XOR, AND-NOT and NOT: y0-y3 ^= S(a0 ... a5), leftmost bits\n"
               " * first. %d gates in all.\n *\n * Found by our own search, benchmarks/c/des_sbox_search.c, which printed this file.\n */\n"
               "#ifndef SBCARD_DES_SBOX_H\n#define SBCARD_DES_SBOX_H\n", total);
        for (k = 0; k < 8; k++) {
            print(&best[k], k);
        }
        printf("\n#endif\n");
        return 0;
    }
    while (difftime(time(NULL), begun) < atof(argv[2])) {
        for (k = 0; k < 8; k++) {
            improve(&best[k], k, atoi(argv[4]), atoi(argv[5]), path[k]);
        }
    }
    return 0;
}
