/* Circuits of the eight S-boxes over AND, OR, XOR, AND-NOT and NOT: y0-y3 ^= S(x0 ... x5), leftmost bits first.
 *
 * Found by our own search; benchmarks/c/des_sbox_search.c improves and prints them.
 */
#ifndef SBCARD_DES_SBOX_H
#define SBCARD_DES_SBOX_H

/* S1: 49 gates */
#define S1(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x0 = a0; \
        const vec x3 = a3; \
        const vec x8 = x0 ^ x3; \
        const vec x2 = a2; \
        const vec x14 = x2 & ~x8; \
        const vec x9 = x2 ^ x8; \
        const vec x15 = x3 | x14; \
        const vec x5 = a5; \
        const vec x17 = x3 & x5; \
        const vec x16 = x9 ^ x15; \
        const vec x18 = x16 ^ x17; \
        const vec x4 = a4; \
        const vec x10 = x4 ^ x9; \
        const vec x27 = x14 ^ x10; \
        const vec x28 = x27 | x18; \
        const vec x19 = x10 & ~x18; \
        const vec x20 = x0 ^ x19; \
        const vec x6 = x2 | x5; \
        const vec x7 = x4 ^ x6; \
        const vec x21 = x20 & ~x7; \
        const vec x11 = x10 ^ x7; \
        const vec x36 = x2 & x28; \
        const vec x37 = x7 ^ x36; \
        const vec x1 = a1; \
        const vec x12 = ~x1; \
        const vec x13 = x12 & ~x7; \
        const vec x22 = x13 | x21; \
        const vec x23 = x2 ^ x22; \
        const vec x24 = x23 & ~x11; \
        const vec x25 = x12 | x24; \
        const vec x26 = x5 ^ x25; \
        const vec x34 = x19 & x26; \
        const vec x35 = x9 | x34; \
        const vec x29 = x26 ^ x28; \
        const vec x33 = x22 & ~x29; \
        const vec x38 = x37 ^ x35; \
        const vec x30 = x15 ^ x29; \
        y0 ^= x30; \
        const vec x31 = x5 ^ x30; \
        const vec x32 = x4 & ~x31; \
        const vec x39 = x30 | x38; \
        const vec x47 = x6 & ~x39; \
        const vec x40 = x39 ^ x1; \
        const vec x41 = x38 ^ x40; \
        const vec x48 = x41 ^ x47; \
        y2 ^= x48; \
        const vec x49 = x30 ^ x48; \
        const vec x42 = x23 & x41; \
        const vec x43 = x33 ^ x42; \
        const vec x44 = x8 ^ x43; \
        const vec x51 = x12 ^ x49; \
        const vec x50 = x23 | x49; \
        const vec x52 = x21 ^ x51; \
        const vec x53 = x52 & x50; \
        const vec x54 = x44 ^ x53; \
        y3 ^= x54; \
        const vec x45 = x21 ^ x44; \
        const vec x46 = x32 ^ x45; \
        y1 ^= x46; \
    } while (0)

/* S2: 45 gates */
#define S2(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x4 = a4; \
        const vec x7 = ~x4; \
        const vec x5 = a5; \
        const vec x8 = x5 ^ x7; \
        const vec x49 = x8 & ~x5; \
        const vec x0 = a0; \
        const vec x6 = x0 ^ x4; \
        const vec x9 = x8 & ~x6; \
        const vec x2 = a2; \
        const vec x10 = x2 ^ x4; \
        const vec x11 = x10 | x9; \
        const vec x3 = a3; \
        const vec x12 = x3 ^ x5; \
        const vec x13 = x12 ^ x11; \
        const vec x21 = x9 ^ x13; \
        const vec x18 = x13 & ~x0; \
        const vec x14 = x6 & ~x5; \
        const vec x1 = a1; \
        const vec x15 = x1 ^ x14; \
        const vec x19 = x4 ^ x15; \
        const vec x20 = x19 & ~x18; \
        const vec x16 = x5 | x15; \
        const vec x22 = x1 & x16; \
        const vec x23 = x21 & ~x22; \
        const vec x24 = x23 ^ x2; \
        const vec x25 = x24 ^ x20; \
        const vec x50 = x25 ^ x49; \
        y3 ^= x50; \
        const vec x32 = x16 | x25; \
        const vec x33 = x22 ^ x32; \
        const vec x26 = x4 ^ x25; \
        const vec x27 = x6 | x26; \
        const vec x17 = x16 & x12; \
        const vec x36 = x14 ^ x27; \
        const vec x37 = x12 ^ x36; \
        const vec x28 = x27 & ~x5; \
        const vec x29 = x28 ^ x17; \
        const vec x38 = x29 & ~x37; \
        const vec x30 = x6 ^ x29; \
        const vec x31 = x7 & ~x30; \
        const vec x34 = x33 & ~x31; \
        const vec x35 = x13 ^ x34; \
        y0 ^= x35; \
        const vec x39 = x7 | x38; \
        const vec x40 = x14 | x39; \
        const vec x41 = x15 ^ x40; \
        const vec x46 = x5 ^ x38; \
        const vec x47 = x41 ^ x46; \
        const vec x42 = x41 & ~x2; \
        const vec x43 = x30 ^ x42; \
        y1 ^= x43; \
        const vec x44 = x25 ^ x30; \
        const vec x45 = x44 & ~x2; \
        const vec x48 = x45 ^ x47; \
        y2 ^= x48; \
    } while (0)

/* S3: 46 gates */
#define S3(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x2 = a2; \
        const vec x5 = a5; \
        const vec x6 = x2 ^ x5; \
        const vec x1 = a1; \
        const vec x7 = x1 & ~x6; \
        const vec x4 = a4; \
        const vec x8 = x4 ^ x7; \
        const vec x12 = x7 | x8; \
        const vec x0 = a0; \
        const vec x9 = x0 ^ x8; \
        const vec x10 = x2 ^ x9; \
        const vec x13 = x10 & x12; \
        const vec x14 = x1 | x13; \
        const vec x15 = x14 & ~x5; \
        const vec x3 = a3; \
        const vec x11 = x3 ^ x10; \
        const vec x16 = x4 | x11; \
        const vec x17 = x16 & ~x0; \
        const vec x27 = x0 | x3; \
        const vec x18 = x2 | x17; \
        const vec x19 = x3 ^ x18; \
        const vec x23 = x4 | x19; \
        const vec x20 = x6 ^ x19; \
        const vec x22 = x1 ^ x6; \
        const vec x24 = x22 ^ x23; \
        const vec x21 = x3 & ~x20; \
        const vec x25 = x21 | x24; \
        const vec x26 = x11 ^ x25; \
        const vec x28 = ~x27; \
        const vec x29 = x28 & ~x26; \
        const vec x30 = x15 | x29; \
        const vec x33 = x7 ^ x26; \
        y1 ^= x33; \
        const vec x44 = x9 | x33; \
        const vec x31 = x11 ^ x30; \
        const vec x32 = x6 ^ x31; \
        y0 ^= x32; \
        const vec x45 = x30 & x44; \
        const vec x37 = x17 ^ x12; \
        const vec x46 = x20 & x45; \
        const vec x47 = x12 ^ x46; \
        const vec x48 = x2 & ~x47; \
        const vec x34 = x20 & ~x3; \
        const vec x35 = x34 & ~x7; \
        const vec x36 = x27 & ~x35; \
        const vec x38 = x37 ^ x36; \
        const vec x49 = x48 ^ x38; \
        const vec x39 = x3 ^ x38; \
        const vec x40 = x22 ^ x39; \
        y3 ^= x40; \
        const vec x41 = x32 & ~x40; \
        const vec x42 = x35 ^ x41; \
        const vec x50 = x44 ^ x49; \
        const vec x43 = x1 | x42; \
        const vec x51 = x50 ^ x43; \
        y2 ^= x51; \
    } while (0)

/* S4: 28 gates */
#define S4(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x1 = a1; \
        const vec x3 = a3; \
        const vec x6 = x1 ^ x3; \
        const vec x0 = a0; \
        const vec x9 = x0 ^ x6; \
        const vec x4 = a4; \
        const vec x7 = x4 ^ x6; \
        const vec x2 = a2; \
        const vec x8 = x2 ^ x4; \
        const vec x10 = x9 | x8; \
        const vec x11 = x7 ^ x10; \
        const vec x12 = x9 | x11; \
        const vec x13 = x3 ^ x12; \
        const vec x14 = x10 ^ x13; \
        const vec x15 = x2 ^ x14; \
        const vec x16 = x8 & ~x15; \
        const vec x17 = x11 ^ x16; \
        const vec x19 = x11 & ~x15; \
        const vec x20 = x9 ^ x19; \
        const vec x22 = x6 & ~x20; \
        const vec x23 = x3 ^ x22; \
        const vec x24 = x13 | x17; \
        const vec x5 = a5; \
        const vec x25 = x5 ^ x15; \
        const vec x26 = x24 ^ x25; \
        const vec x18 = x5 & x17; \
        const vec x21 = x20 ^ x18; \
        const vec x27 = x5 | x26; \
        const vec x28 = x23 ^ x27; \
        const vec x29 = x28 ^ x21; \
        y0 ^= x29; \
        const vec x30 = ~x28; \
        const vec x31 = x17 ^ x30; \
        y2 ^= x31; \
        const vec x32 = x26 ^ x31; \
        y3 ^= x32; \
        const vec x33 = x21 ^ x32; \
        y1 ^= x33; \
    } while (0)

/* S5: 52 gates */
#define S5(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x5 = a5; \
        const vec x3 = a3; \
        const vec x7 = x5 & ~x3; \
        const vec x1 = a1; \
        const vec x2 = a2; \
        const vec x6 = x1 ^ x2; \
        const vec x8 = x7 ^ x6; \
        const vec x10 = x3 ^ x8; \
        const vec x11 = x1 & ~x10; \
        const vec x4 = a4; \
        const vec x12 = x4 | x11; \
        const vec x13 = x12 ^ x8; \
        const vec x14 = x10 & ~x13; \
        const vec x9 = x8 & ~x1; \
        const vec x15 = x5 | x14; \
        const vec x16 = x15 & ~x2; \
        const vec x19 = x5 ^ x16; \
        const vec x18 = x9 & ~x4; \
        const vec x20 = x19 ^ x18; \
        const vec x0 = a0; \
        const vec x21 = ~x0; \
        const vec x22 = x21 & ~x20; \
        const vec x23 = x13 ^ x22; \
        y2 ^= x23; \
        const vec x41 = x22 & ~x2; \
        const vec x24 = x5 ^ x23; \
        const vec x25 = x24 & ~x1; \
        const vec x26 = x15 & ~x25; \
        const vec x17 = x4 & ~x16; \
        const vec x27 = x17 ^ x26; \
        const vec x28 = x27 ^ x1; \
        const vec x29 = x24 ^ x28; \
        const vec x46 = x19 ^ x29; \
        const vec x47 = x21 | x46; \
        const vec x30 = x29 & ~x9; \
        const vec x31 = x3 ^ x28; \
        const vec x32 = x31 & ~x6; \
        const vec x33 = x20 ^ x32; \
        const vec x38 = x23 & ~x16; \
        const vec x39 = x0 ^ x38; \
        const vec x40 = x3 | x39; \
        const vec x34 = x4 | x33; \
        const vec x35 = x30 ^ x34; \
        const vec x49 = x33 ^ x35; \
        const vec x36 = x0 & x35; \
        const vec x37 = x31 ^ x36; \
        y0 ^= x37; \
        const vec x42 = x37 ^ x41; \
        const vec x43 = x42 & ~x40; \
        const vec x44 = x43 & ~x5; \
        const vec x45 = x23 | x44; \
        const vec x48 = x47 ^ x43; \
        const vec x50 = x49 ^ x48; \
        y3 ^= x50; \
        const vec x51 = x1 ^ x4; \
        const vec x52 = x47 & ~x51; \
        const vec x53 = x0 ^ x52; \
        const vec x54 = x53 & ~x50; \
        const vec x55 = x1 ^ x54; \
        const vec x56 = x37 ^ x55; \
        const vec x57 = x56 ^ x45; \
        y1 ^= x57; \
    } while (0)

/* S6: 43 gates */
#define S6(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x4 = a4; \
        const vec x7 = ~x4; \
        const vec x0 = a0; \
        const vec x5 = a5; \
        const vec x6 = x0 ^ x5; \
        const vec x8 = x6 ^ x7; \
        const vec x9 = x0 & ~x8; \
        const vec x1 = a1; \
        const vec x10 = x1 ^ x9; \
        const vec x11 = x4 ^ x10; \
        const vec x16 = x0 ^ x10; \
        const vec x13 = x5 & ~x0; \
        const vec x23 = x4 & x16; \
        const vec x24 = x8 & ~x23; \
        const vec x2 = a2; \
        const vec x12 = x2 | x5; \
        const vec x14 = x12 ^ x13; \
        const vec x15 = x14 & ~x11; \
        const vec x17 = x16 ^ x15; \
        const vec x3 = a3; \
        const vec x29 = x23 & ~x3; \
        const vec x18 = x2 ^ x3; \
        const vec x19 = x7 & ~x18; \
        const vec x20 = x19 & ~x15; \
        const vec x30 = x29 & ~x13; \
        const vec x25 = x13 & x24; \
        const vec x21 = x3 ^ x11; \
        const vec x26 = x21 | x25; \
        const vec x22 = x18 | x17; \
        const vec x27 = x26 ^ x22; \
        y3 ^= x27; \
        const vec x28 = x4 ^ x27; \
        const vec x36 = x27 & ~x1; \
        const vec x31 = x30 ^ x18; \
        const vec x32 = x31 | x28; \
        const vec x33 = x32 & ~x21; \
        const vec x34 = x30 ^ x33; \
        const vec x35 = x24 ^ x34; \
        const vec x37 = x11 & ~x36; \
        const vec x38 = x31 ^ x37; \
        const vec x45 = x38 & ~x36; \
        const vec x46 = x35 ^ x45; \
        y1 ^= x46; \
        const vec x39 = x13 ^ x38; \
        const vec x47 = x2 | x17; \
        const vec x48 = x39 ^ x47; \
        y2 ^= x48; \
        const vec x40 = x35 & ~x39; \
        const vec x41 = x5 & ~x40; \
        const vec x42 = x3 ^ x41; \
        const vec x43 = x20 | x42; \
        const vec x44 = x17 ^ x43; \
        y0 ^= x44; \
    } while (0)

/* S7: 44 gates */
#define S7(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x3 = a3; \
        const vec x6 = ~x3; \
        const vec x4 = a4; \
        const vec x9 = x4 | x6; \
        const vec x5 = a5; \
        const vec x10 = x5 ^ x9; \
        const vec x1 = a1; \
        const vec x11 = x1 ^ x10; \
        const vec x12 = x9 & ~x11; \
        const vec x2 = a2; \
        const vec x13 = x2 ^ x12; \
        const vec x14 = x11 & ~x13; \
        const vec x0 = a0; \
        const vec x7 = x0 ^ x6; \
        const vec x8 = x4 ^ x7; \
        const vec x15 = x8 ^ x14; \
        const vec x16 = x0 & ~x15; \
        const vec x27 = x3 | x16; \
        const vec x17 = x11 & ~x16; \
        const vec x18 = x13 ^ x17; \
        const vec x19 = x5 & ~x18; \
        const vec x24 = x10 & ~x19; \
        const vec x20 = x15 ^ x19; \
        y3 ^= x20; \
        const vec x21 = x6 | x20; \
        const vec x39 = x0 & x21; \
        const vec x36 = x2 & x5; \
        const vec x37 = x6 ^ x36; \
        const vec x38 = x13 & x37; \
        const vec x40 = x1 ^ x39; \
        const vec x41 = x40 | x38; \
        const vec x42 = x4 ^ x41; \
        const vec x22 = x21 & ~x2; \
        const vec x23 = x5 ^ x22; \
        const vec x43 = x23 ^ x42; \
        y1 ^= x43; \
        const vec x25 = x23 | x24; \
        const vec x26 = x8 & x25; \
        const vec x28 = x5 & ~x25; \
        const vec x29 = x28 | x27; \
        const vec x32 = x17 | x29; \
        const vec x30 = x7 ^ x29; \
        const vec x31 = x26 | x30; \
        const vec x47 = x26 & x37; \
        const vec x45 = x1 ^ x32; \
        const vec x33 = x32 ^ x31; \
        const vec x46 = x24 | x45; \
        const vec x34 = x2 ^ x33; \
        const vec x48 = x46 & ~x47; \
        const vec x49 = x34 ^ x48; \
        y2 ^= x49; \
        const vec x35 = x21 ^ x34; \
        const vec x44 = x35 ^ x43; \
        y0 ^= x44; \
    } while (0)

/* S8: 51 gates */
#define S8(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x4 = a4; \
        const vec x6 = ~x4; \
        const vec x2 = a2; \
        const vec x7 = x2 | x6; \
        const vec x3 = a3; \
        const vec x8 = x3 ^ x7; \
        const vec x9 = x6 & x8; \
        const vec x10 = x2 ^ x9; \
        const vec x1 = a1; \
        const vec x17 = x10 & ~x1; \
        const vec x5 = a5; \
        const vec x18 = x5 ^ x17; \
        const vec x19 = x3 & x18; \
        const vec x20 = x10 & ~x19; \
        const vec x11 = x8 ^ x10; \
        const vec x21 = x5 & x20; \
        const vec x22 = x1 ^ x21; \
        const vec x23 = x20 | x22; \
        const vec x12 = x5 ^ x6; \
        const vec x24 = x12 | x8; \
        const vec x25 = x24 ^ x23; \
        const vec x13 = x7 ^ x12; \
        const vec x14 = x9 | x13; \
        const vec x0 = a0; \
        const vec x15 = x14 & x0; \
        const vec x26 = x0 & x25; \
        const vec x27 = x18 ^ x26; \
        const vec x16 = x15 ^ x11; \
        const vec x28 = x27 ^ x11; \
        y1 ^= x28; \
        const vec x29 = x28 & ~x6; \
        const vec x36 = x27 & ~x2; \
        const vec x37 = x13 ^ x36; \
        const vec x30 = x0 & x29; \
        const vec x31 = x22 ^ x30; \
        const vec x32 = x1 & x31; \
        const vec x33 = x32 ^ x16; \
        const vec x47 = x32 & ~x29; \
        const vec x48 = x26 ^ x47; \
        const vec x49 = x2 | x48; \
        const vec x42 = x7 | x29; \
        const vec x50 = x0 ^ x49; \
        const vec x51 = x8 & ~x29; \
        const vec x52 = x50 ^ x51; \
        const vec x53 = x5 ^ x52; \
        const vec x34 = x4 ^ x33; \
        y2 ^= x34; \
        const vec x35 = x31 & ~x34; \
        const vec x38 = x37 ^ x35; \
        const vec x39 = x33 & x38; \
        const vec x54 = x35 ^ x39; \
        const vec x55 = x54 & ~x4; \
        const vec x56 = x53 ^ x55; \
        y3 ^= x56; \
        const vec x40 = x37 ^ x39; \
        const vec x41 = x1 & ~x40; \
        const vec x43 = x42 & ~x41; \
        const vec x44 = x8 ^ x43; \
        const vec x45 = x0 | x44; \
        const vec x46 = x38 ^ x45; \
        y0 ^= x46; \
    } while (0)

/* 358 gates in all */

#endif
