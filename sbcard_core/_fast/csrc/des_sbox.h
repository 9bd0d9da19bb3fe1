/* Circuits of the eight S-boxes over AND, OR, XOR, AND-NOT and NOT: y0-y3 ^= S(x0 ... x5), leftmost bits first.
 *
 * Found by our own search; benchmarks/c/des_sbox_search.c improves and prints them.
 */
#ifndef SBCARD_DES_SBOX_H
#define SBCARD_DES_SBOX_H

/* S1: 46 gates */
#define S1(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x4 = a4; \
        const vec x6 = ~x4; \
        const vec x2 = a2; \
        const vec x8 = x2 ^ x6; \
        const vec x5 = a5; \
        const vec x7 = x2 | x5; \
        const vec x9 = x7 ^ x8; \
        const vec x3 = a3; \
        const vec x10 = x3 ^ x9; \
        const vec x11 = x10 & ~x6; \
        const vec x12 = x7 & x11; \
        const vec x36 = x6 | x12; \
        const vec x0 = a0; \
        const vec x13 = x0 ^ x10; \
        const vec x14 = x6 ^ x13; \
        const vec x31 = x7 ^ x14; \
        const vec x15 = x5 ^ x14; \
        const vec x16 = x15 & ~x10; \
        const vec x17 = x8 | x16; \
        const vec x1 = a1; \
        const vec x35 = x1 ^ x15; \
        const vec x21 = x1 & ~x2; \
        const vec x22 = x21 | x14; \
        const vec x18 = x0 & ~x9; \
        const vec x23 = x18 | x1; \
        const vec x24 = x0 ^ x23; \
        const vec x25 = x24 & x22; \
        const vec x37 = x36 ^ x25; \
        const vec x38 = x35 & ~x37; \
        const vec x39 = x13 & ~x38; \
        const vec x19 = x1 ^ x12; \
        const vec x48 = x9 | x19; \
        const vec x20 = x18 & ~x19; \
        const vec x26 = x12 ^ x25; \
        const vec x27 = x20 ^ x26; \
        const vec x28 = x17 ^ x27; \
        const vec x34 = x2 & x17; \
        const vec x40 = x34 ^ x39; \
        const vec x46 = x4 & ~x28; \
        const vec x29 = x5 ^ x28; \
        const vec x30 = x12 ^ x29; \
        y0 ^= x30; \
        const vec x41 = x1 ^ x40; \
        y2 ^= x41; \
        const vec x42 = x30 & x41; \
        const vec x49 = x29 ^ x40; \
        const vec x50 = x48 & ~x49; \
        const vec x32 = x2 ^ x29; \
        const vec x33 = x32 & x23; \
        const vec x43 = x2 ^ x42; \
        const vec x44 = x43 & ~x33; \
        const vec x45 = x44 ^ x31; \
        const vec x47 = x45 ^ x46; \
        y1 ^= x47; \
        const vec x51 = x45 ^ x50; \
        y3 ^= x51; \
    } while (0)

/* S2: 45 gates */
#define S2(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x0 = a0; \
        const vec x4 = a4; \
        const vec x6 = x0 ^ x4; \
        const vec x7 = ~x6; \
        const vec x5 = a5; \
        const vec x15 = x0 ^ x5; \
        const vec x16 = x7 & ~x15; \
        const vec x2 = a2; \
        const vec x14 = x2 ^ x4; \
        const vec x17 = x14 | x16; \
        const vec x3 = a3; \
        const vec x18 = x3 ^ x5; \
        const vec x8 = x5 | x7; \
        const vec x19 = x18 ^ x17; \
        const vec x1 = a1; \
        const vec x9 = x1 ^ x8; \
        const vec x23 = x19 & ~x0; \
        const vec x24 = x4 ^ x9; \
        const vec x25 = x24 | x23; \
        const vec x20 = x16 ^ x19; \
        const vec x21 = x8 & ~x9; \
        const vec x22 = x20 & ~x21; \
        const vec x26 = x25 ^ x22; \
        const vec x32 = x14 ^ x26; \
        const vec x39 = x4 & x8; \
        const vec x10 = x9 & ~x5; \
        const vec x11 = x3 & ~x10; \
        const vec x36 = x11 | x32; \
        const vec x37 = x36 & ~x6; \
        const vec x38 = x18 & ~x37; \
        const vec x40 = x39 & ~x38; \
        const vec x41 = x9 ^ x40; \
        const vec x49 = x5 & ~x4; \
        const vec x33 = x7 & ~x5; \
        const vec x12 = x7 ^ x11; \
        const vec x50 = x32 ^ x49; \
        y3 ^= x50; \
        const vec x27 = x2 ^ x26; \
        const vec x28 = x27 & x10; \
        const vec x34 = x33 & x32; \
        const vec x13 = x4 | x12; \
        const vec x35 = x12 ^ x34; \
        const vec x29 = x21 ^ x28; \
        const vec x44 = x26 ^ x35; \
        const vec x42 = x41 & ~x2; \
        const vec x45 = x2 | x44; \
        const vec x46 = x33 ^ x45; \
        const vec x30 = x13 & ~x29; \
        const vec x31 = x19 ^ x30; \
        y0 ^= x31; \
        const vec x47 = x38 ^ x46; \
        const vec x43 = x35 ^ x42; \
        y1 ^= x43; \
        const vec x48 = x41 ^ x47; \
        y2 ^= x48; \
    } while (0)

/* S3: 48 gates */
#define S3(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x0 = a0; \
        const vec x2 = a2; \
        const vec x7 = x0 ^ x2; \
        const vec x4 = a4; \
        const vec x8 = x4 & ~x7; \
        const vec x1 = a1; \
        const vec x9 = x1 | x8; \
        const vec x5 = a5; \
        const vec x10 = x9 & ~x5; \
        const vec x6 = x2 ^ x5; \
        const vec x15 = x0 ^ x4; \
        const vec x17 = x1 & ~x6; \
        const vec x3 = a3; \
        const vec x14 = x2 ^ x3; \
        const vec x16 = x15 ^ x14; \
        const vec x34 = x15 ^ x17; \
        const vec x18 = x16 ^ x17; \
        const vec x19 = x15 | x18; \
        const vec x20 = x19 & ~x0; \
        const vec x11 = x0 | x3; \
        const vec x21 = x2 | x20; \
        const vec x22 = x21 ^ x3; \
        const vec x30 = x6 ^ x22; \
        const vec x23 = x4 | x22; \
        const vec x13 = x1 ^ x6; \
        const vec x24 = x13 ^ x23; \
        const vec x31 = x3 & ~x30; \
        const vec x32 = x24 | x31; \
        const vec x33 = x16 ^ x32; \
        y1 ^= x33; \
        const vec x35 = x33 | x34; \
        const vec x25 = x18 ^ x24; \
        const vec x12 = ~x11; \
        const vec x26 = x12 & ~x25; \
        const vec x27 = x10 | x26; \
        const vec x28 = x6 ^ x27; \
        const vec x29 = x18 ^ x28; \
        y0 ^= x29; \
        const vec x42 = x27 & x30; \
        const vec x38 = x30 & ~x3; \
        const vec x39 = x38 & ~x17; \
        const vec x36 = x4 | x17; \
        const vec x43 = x35 & x42; \
        const vec x37 = x20 ^ x36; \
        const vec x44 = x36 ^ x43; \
        const vec x45 = x2 & ~x44; \
        const vec x40 = x11 & ~x39; \
        const vec x41 = x40 ^ x37; \
        const vec x48 = x3 ^ x41; \
        const vec x46 = x41 ^ x45; \
        const vec x49 = x13 ^ x48; \
        y3 ^= x49; \
        const vec x50 = x29 & ~x49; \
        const vec x51 = x39 ^ x50; \
        const vec x52 = x1 | x51; \
        const vec x47 = x35 ^ x46; \
        const vec x53 = x52 ^ x47; \
        y2 ^= x53; \
    } while (0)

/* S4: 30 gates */
#define S4(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x1 = a1; \
        const vec x3 = a3; \
        const vec x6 = x1 ^ x3; \
        const vec x0 = a0; \
        const vec x9 = x0 ^ x6; \
        const vec x2 = a2; \
        const vec x7 = x2 ^ x6; \
        const vec x12 = x9 & ~x7; \
        const vec x13 = x1 ^ x12; \
        const vec x4 = a4; \
        const vec x8 = x2 ^ x4; \
        const vec x23 = x2 ^ x13; \
        const vec x10 = x9 & ~x8; \
        const vec x11 = x10 ^ x7; \
        const vec x17 = x9 | x8; \
        const vec x18 = x13 ^ x17; \
        const vec x14 = x8 & x13; \
        const vec x15 = x11 ^ x14; \
        const vec x19 = x11 & ~x18; \
        const vec x20 = x9 ^ x19; \
        const vec x27 = x6 & x20; \
        const vec x28 = x1 ^ x27; \
        const vec x24 = x23 | x15; \
        const vec x5 = a5; \
        const vec x22 = x5 ^ x18; \
        const vec x25 = x22 ^ x24; \
        const vec x26 = x5 | x25; \
        const vec x29 = x26 ^ x28; \
        const vec x16 = x5 & x15; \
        const vec x21 = x20 ^ x16; \
        const vec x31 = ~x15; \
        const vec x32 = x25 ^ x31; \
        const vec x34 = x31 ^ x29; \
        y2 ^= x34; \
        const vec x30 = x29 ^ x21; \
        y0 ^= x30; \
        const vec x33 = x32 ^ x30; \
        y1 ^= x33; \
        const vec x35 = x29 ^ x32; \
        y3 ^= x35; \
    } while (0)

/* S5: 54 gates */
#define S5(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x1 = a1; \
        const vec x2 = a2; \
        const vec x9 = x1 ^ x2; \
        const vec x3 = a3; \
        const vec x5 = a5; \
        const vec x10 = x3 | x5; \
        const vec x11 = x10 ^ x9; \
        const vec x16 = x1 & ~x11; \
        const vec x4 = a4; \
        const vec x17 = x4 | x16; \
        const vec x7 = x1 ^ x4; \
        const vec x8 = x2 ^ x7; \
        const vec x12 = x11 & ~x8; \
        const vec x18 = x3 ^ x11; \
        const vec x13 = x5 | x12; \
        const vec x19 = x18 & ~x1; \
        const vec x23 = x18 ^ x17; \
        const vec x20 = x19 & ~x17; \
        const vec x14 = x13 & ~x2; \
        const vec x15 = x5 ^ x14; \
        const vec x21 = x15 ^ x20; \
        const vec x0 = a0; \
        const vec x6 = ~x0; \
        const vec x22 = x6 & ~x21; \
        const vec x48 = x22 & ~x2; \
        const vec x24 = x23 ^ x22; \
        y2 ^= x24; \
        const vec x25 = x5 ^ x24; \
        const vec x30 = x25 & ~x1; \
        const vec x31 = x13 & ~x30; \
        const vec x26 = x3 ^ x25; \
        const vec x45 = x24 & ~x14; \
        const vec x46 = x0 ^ x45; \
        const vec x28 = x4 & x14; \
        const vec x47 = x3 | x46; \
        const vec x27 = x3 ^ x7; \
        const vec x29 = x28 ^ x27; \
        const vec x32 = x31 ^ x29; \
        const vec x35 = x32 & ~x9; \
        const vec x36 = x21 ^ x35; \
        const vec x33 = x26 ^ x32; \
        const vec x41 = x15 ^ x33; \
        const vec x34 = x33 & ~x19; \
        const vec x37 = x4 | x36; \
        const vec x38 = x34 ^ x37; \
        const vec x51 = x36 ^ x38; \
        const vec x42 = x6 | x41; \
        const vec x39 = x38 & ~x6; \
        const vec x40 = x32 ^ x39; \
        y0 ^= x40; \
        const vec x52 = x42 ^ x51; \
        const vec x43 = x42 & ~x7; \
        const vec x44 = x0 ^ x43; \
        const vec x56 = x24 ^ x40; \
        const vec x49 = x40 ^ x48; \
        const vec x50 = x49 & ~x47; \
        const vec x57 = x27 & x50; \
        const vec x53 = x50 ^ x52; \
        y3 ^= x53; \
        const vec x58 = x56 & ~x57; \
        const vec x54 = x44 & ~x53; \
        const vec x55 = x1 ^ x54; \
        const vec x59 = x55 ^ x58; \
        y1 ^= x59; \
    } while (0)

/* S6: 44 gates */
#define S6(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x4 = a4; \
        const vec x5 = a5; \
        const vec x12 = x4 ^ x5; \
        const vec x0 = a0; \
        const vec x13 = x0 & x12; \
        const vec x10 = x0 ^ x4; \
        const vec x8 = x5 & ~x0; \
        const vec x1 = a1; \
        const vec x14 = x1 ^ x13; \
        const vec x18 = x10 ^ x14; \
        const vec x15 = x4 & x14; \
        const vec x2 = a2; \
        const vec x21 = x2 | x5; \
        const vec x22 = x8 ^ x21; \
        const vec x23 = x18 | x22; \
        const vec x24 = x10 ^ x23; \
        const vec x9 = ~x5; \
        const vec x11 = x9 ^ x10; \
        const vec x16 = x11 & ~x15; \
        const vec x3 = a3; \
        const vec x36 = x3 ^ x5; \
        const vec x29 = x15 & ~x3; \
        const vec x6 = x2 ^ x3; \
        const vec x7 = x4 | x6; \
        const vec x30 = x29 & ~x8; \
        const vec x19 = x3 ^ x18; \
        const vec x17 = x8 & x16; \
        const vec x20 = x19 | x17; \
        const vec x25 = x6 | x24; \
        const vec x26 = x25 ^ x20; \
        y3 ^= x26; \
        const vec x27 = x26 & ~x1; \
        const vec x38 = x26 ^ x7; \
        const vec x31 = x6 ^ x30; \
        const vec x39 = x31 | x38; \
        const vec x40 = x39 & ~x19; \
        const vec x41 = x30 ^ x40; \
        const vec x42 = x16 ^ x41; \
        const vec x28 = x18 & ~x27; \
        const vec x32 = x28 ^ x31; \
        const vec x46 = x32 & ~x27; \
        const vec x47 = x42 ^ x46; \
        y1 ^= x47; \
        const vec x33 = x8 ^ x32; \
        const vec x48 = x2 | x24; \
        const vec x49 = x33 ^ x48; \
        y2 ^= x49; \
        const vec x34 = x9 | x33; \
        const vec x43 = x42 & ~x34; \
        const vec x35 = x34 & ~x7; \
        const vec x44 = x24 ^ x43; \
        const vec x37 = x35 | x36; \
        const vec x45 = x37 ^ x44; \
        y0 ^= x45; \
    } while (0)

/* S7: 43 gates */
#define S7(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x3 = a3; \
        const vec x4 = a4; \
        const vec x8 = x3 & ~x4; \
        const vec x0 = a0; \
        const vec x6 = x0 ^ x4; \
        const vec x7 = x3 ^ x6; \
        const vec x5 = a5; \
        const vec x38 = x4 ^ x5; \
        const vec x9 = x5 ^ x8; \
        const vec x2 = a2; \
        const vec x17 = x2 ^ x8; \
        const vec x29 = x9 | x17; \
        const vec x1 = a1; \
        const vec x10 = x1 ^ x9; \
        const vec x11 = x2 | x10; \
        const vec x12 = x7 ^ x11; \
        const vec x13 = x0 & ~x12; \
        const vec x18 = x17 ^ x13; \
        const vec x14 = ~x10; \
        const vec x15 = x13 | x14; \
        const vec x16 = x15 & ~x1; \
        const vec x30 = x29 & ~x18; \
        const vec x41 = x7 | x30; \
        const vec x31 = x10 | x30; \
        const vec x19 = x18 ^ x16; \
        const vec x20 = x5 & x19; \
        const vec x27 = x10 & ~x20; \
        const vec x28 = x16 | x27; \
        const vec x21 = x12 ^ x20; \
        y3 ^= x21; \
        const vec x26 = x3 & ~x5; \
        const vec x22 = ~x3; \
        const vec x32 = x31 & x22; \
        const vec x23 = x22 | x21; \
        const vec x33 = x2 ^ x32; \
        const vec x37 = x2 & x23; \
        const vec x39 = x38 ^ x37; \
        const vec x24 = x0 & x23; \
        const vec x25 = x1 ^ x24; \
        const vec x42 = x0 & x41; \
        const vec x43 = x33 ^ x42; \
        const vec x34 = x33 & x28; \
        const vec x46 = x26 | x41; \
        const vec x35 = x34 & ~x26; \
        const vec x47 = x28 & x46; \
        const vec x48 = x43 ^ x47; \
        y2 ^= x48; \
        const vec x36 = x25 | x35; \
        const vec x40 = x39 ^ x36; \
        const vec x45 = x23 ^ x40; \
        y1 ^= x45; \
        const vec x44 = x43 ^ x40; \
        y0 ^= x44; \
    } while (0)

/* S8: 53 gates */
#define S8(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x4 = a4; \
        const vec x6 = ~x4; \
        const vec x2 = a2; \
        const vec x11 = x2 | x6; \
        const vec x3 = a3; \
        const vec x12 = x3 ^ x11; \
        const vec x7 = x6 & ~x3; \
        const vec x5 = a5; \
        const vec x13 = x5 ^ x6; \
        const vec x8 = x2 ^ x7; \
        const vec x30 = x11 ^ x13; \
        const vec x31 = x7 | x30; \
        const vec x15 = x5 | x12; \
        const vec x1 = a1; \
        const vec x9 = x8 & ~x1; \
        const vec x10 = x5 ^ x9; \
        const vec x21 = x8 ^ x12; \
        const vec x16 = x15 & x9; \
        const vec x0 = a0; \
        const vec x32 = x0 & x31; \
        const vec x17 = x1 ^ x16; \
        const vec x33 = x21 ^ x32; \
        const vec x23 = x8 & ~x21; \
        const vec x34 = x4 ^ x33; \
        const vec x14 = x12 | x13; \
        const vec x18 = x17 ^ x14; \
        const vec x19 = x0 & x18; \
        const vec x20 = x19 ^ x10; \
        const vec x22 = x20 ^ x21; \
        y1 ^= x22; \
        const vec x38 = x20 & ~x2; \
        const vec x24 = x6 ^ x23; \
        const vec x25 = x22 & ~x24; \
        const vec x39 = x30 ^ x38; \
        const vec x26 = x22 & ~x6; \
        const vec x36 = x17 ^ x25; \
        const vec x41 = x13 & ~x26; \
        const vec x42 = x38 ^ x41; \
        const vec x43 = x42 & ~x1; \
        const vec x44 = x39 ^ x43; \
        const vec x54 = x12 & ~x26; \
        const vec x55 = x0 ^ x54; \
        const vec x56 = x13 ^ x55; \
        const vec x27 = x26 & ~x0; \
        const vec x28 = x25 ^ x27; \
        const vec x29 = x1 & ~x28; \
        const vec x51 = x29 & ~x27; \
        const vec x52 = x19 ^ x51; \
        const vec x35 = x29 ^ x34; \
        y2 ^= x35; \
        const vec x37 = x36 & ~x35; \
        const vec x45 = x12 ^ x44; \
        const vec x48 = x39 & x35; \
        const vec x46 = x0 | x45; \
        const vec x40 = x37 ^ x39; \
        const vec x47 = x40 ^ x46; \
        y0 ^= x47; \
        const vec x53 = x2 | x52; \
        const vec x49 = x37 ^ x48; \
        const vec x57 = x56 ^ x53; \
        const vec x50 = x6 & ~x49; \
        const vec x58 = x57 ^ x50; \
        y3 ^= x58; \
    } while (0)

/* 363 gates in all */

#endif
