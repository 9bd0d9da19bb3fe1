/* Circuits of the eight S-boxes over AND, OR, XOR, AND-NOT and NOT: y0-y3 ^= S(x0 ... x5), leftmost bits first.
 *
 * Found by our own search; benchmarks/c/des_sbox_search.c improves and prints them.
 */
#ifndef SBCARD_DES_SBOX_H
#define SBCARD_DES_SBOX_H

/* S1: 52 gates */
#define S1(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
    const vec x0 = a0, x1 = a1, x2 = a2, x3 = a3, x4 = a4, x5 = a5; \
    const vec x6 = x3 ^ x5; \
    const vec x7 = x3 & ~x6; \
    const vec x8 = x2 ^ x7; \
    const vec x9 = x8 & ~x4; \
    const vec x10 = x6 ^ x9; \
    const vec x11 = x10 & ~x8; \
    const vec x12 = x2 | x6; \
    const vec x13 = x4 & ~x8; \
    const vec x14 = x0 ^ x13; \
    const vec x15 = x3 ^ x14; \
    const vec x16 = x14 & ~x15; \
    const vec x17 = ~x16; \
    const vec x18 = x9 ^ x17; \
    const vec x19 = x12 ^ x18; \
    const vec x20 = x3 | x19; \
    const vec x21 = x4 ^ x20; \
    const vec x22 = x11 ^ x21; \
    const vec x23 = x22 & ~x0; \
    const vec x24 = x10 ^ x23; \
    const vec x25 = x12 & x21; \
    const vec x26 = x25 & ~x15; \
    const vec x27 = x1 & ~x26; \
    const vec x28 = x27 ^ x24; \
    const vec x29 = x4 & x5; \
    const vec x30 = x28 & ~x0; \
    const vec x31 = x30 & ~x7; \
    const vec x32 = x24 & x31; \
    const vec x33 = x4 & ~x28; \
    const vec x34 = x13 & ~x33; \
    const vec x35 = x32 ^ x34; \
    const vec x36 = x35 ^ x29; \
    const vec x37 = x36 & ~x33; \
    const vec x38 = x15 ^ x37; \
    const vec x39 = x1 ^ x22; \
    const vec x40 = x25 & ~x39; \
    const vec x41 = x40 ^ x38; \
    const vec x42 = x33 & ~x19; \
    const vec x43 = x1 ^ x42; \
    const vec x44 = x3 | x30; \
    const vec x45 = x11 | x44; \
    const vec x46 = x10 & ~x0; \
    const vec x47 = x46 & ~x42; \
    const vec x48 = x34 ^ x47; \
    const vec x49 = x7 ^ x48; \
    const vec x50 = x49 ^ x45; \
    const vec x51 = x43 ^ x50; \
    const vec x52 = x29 & x43; \
    const vec x53 = x51 ^ x52; \
    const vec x54 = x20 & ~x43; \
    const vec x55 = x28 ^ x41; \
    const vec x56 = x55 ^ x54; \
    const vec x57 = x53 ^ x56; \
    y0 ^= x28; \
    y1 ^= x41; \
    y2 ^= x51; \
    y3 ^= x57; \
} while (0)

/* S2: 46 gates */
#define S2(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
    const vec x0 = a0, x1 = a1, x2 = a2, x3 = a3, x4 = a4, x5 = a5; \
    const vec x6 = x0 ^ x4; \
    const vec x7 = x5 & x6; \
    const vec x8 = x4 ^ x7; \
    const vec x9 = x1 ^ x6; \
    const vec x10 = x4 ^ x5; \
    const vec x11 = x6 | x10; \
    const vec x12 = ~x11; \
    const vec x13 = x12 | x9; \
    const vec x14 = x1 ^ x11; \
    const vec x15 = x8 & ~x14; \
    const vec x16 = x4 & ~x10; \
    const vec x17 = x16 ^ x15; \
    const vec x18 = x17 & ~x5; \
    const vec x19 = x11 ^ x18; \
    const vec x20 = x19 & ~x2; \
    const vec x21 = x3 ^ x20; \
    const vec x22 = x21 & ~x17; \
    const vec x23 = x13 ^ x22; \
    const vec x24 = x2 ^ x23; \
    const vec x25 = x8 ^ x24; \
    const vec x26 = x25 & ~x5; \
    const vec x27 = x6 | x26; \
    const vec x28 = x4 & x27; \
    const vec x29 = x5 | x9; \
    const vec x30 = x3 & x29; \
    const vec x31 = x30 ^ x27; \
    const vec x32 = x31 & ~x4; \
    const vec x33 = x1 | x32; \
    const vec x34 = x28 ^ x33; \
    const vec x35 = x21 ^ x34; \
    const vec x36 = x5 ^ x35; \
    const vec x37 = x16 & ~x31; \
    const vec x38 = x14 ^ x37; \
    const vec x39 = x5 ^ x38; \
    const vec x40 = x2 | x39; \
    const vec x41 = x31 ^ x40; \
    const vec x42 = x5 & x25; \
    const vec x43 = x6 | x42; \
    const vec x44 = x43 & ~x3; \
    const vec x45 = x10 ^ x31; \
    const vec x46 = x11 & ~x45; \
    const vec x47 = x16 ^ x25; \
    const vec x48 = x46 ^ x47; \
    const vec x49 = x2 | x48; \
    const vec x50 = x49 ^ x44; \
    const vec x51 = x38 ^ x50; \
    y0 ^= x36; \
    y1 ^= x41; \
    y2 ^= x51; \
    y3 ^= x25; \
} while (0)

/* S3: 49 gates */
#define S3(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
    const vec x0 = a0, x1 = a1, x2 = a2, x3 = a3, x4 = a4, x5 = a5; \
    const vec x6 = x2 ^ x5; \
    const vec x7 = x1 & ~x6; \
    const vec x8 = x0 ^ x4; \
    const vec x9 = x7 ^ x8; \
    const vec x10 = x2 ^ x8; \
    const vec x11 = x4 | x7; \
    const vec x12 = ~x1; \
    const vec x13 = x3 ^ x7; \
    const vec x14 = x2 ^ x13; \
    const vec x15 = x4 | x14; \
    const vec x16 = x15 & ~x0; \
    const vec x17 = x16 & ~x2; \
    const vec x18 = x5 ^ x17; \
    const vec x19 = x3 & x18; \
    const vec x20 = x3 ^ x16; \
    const vec x21 = x0 ^ x20; \
    const vec x22 = x19 ^ x21; \
    const vec x23 = x22 | x12; \
    const vec x24 = x11 ^ x23; \
    const vec x25 = x10 & ~x24; \
    const vec x26 = x1 | x5; \
    const vec x27 = x26 | x25; \
    const vec x28 = x3 ^ x11; \
    const vec x29 = x6 ^ x28; \
    const vec x30 = x18 ^ x29; \
    const vec x31 = x30 & ~x4; \
    const vec x32 = x1 ^ x29; \
    const vec x33 = x31 ^ x32; \
    const vec x34 = x33 & ~x19; \
    const vec x35 = x34 ^ x10; \
    const vec x36 = x0 | x29; \
    const vec x37 = x35 | x36; \
    const vec x38 = x23 ^ x37; \
    const vec x39 = x3 | x38; \
    const vec x40 = x39 ^ x27; \
    const vec x41 = x9 ^ x40; \
    const vec x42 = x18 & ~x13; \
    const vec x43 = x0 & ~x42; \
    const vec x44 = x20 | x43; \
    const vec x45 = x32 ^ x44; \
    const vec x46 = x41 & ~x45; \
    const vec x47 = x42 ^ x46; \
    const vec x48 = x1 | x47; \
    const vec x49 = x35 | x9; \
    const vec x50 = x23 ^ x49; \
    const vec x51 = x50 ^ x48; \
    const vec x52 = x24 & ~x2; \
    const vec x53 = x52 ^ x51; \
    const vec x54 = x44 ^ x53; \
    y0 ^= x41; \
    y1 ^= x35; \
    y2 ^= x54; \
    y3 ^= x45; \
} while (0)

/* S4: 33 gates */
#define S4(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
    const vec x0 = a0, x1 = a1, x2 = a2, x3 = a3, x4 = a4, x5 = a5; \
    const vec x6 = ~x4; \
    const vec x7 = x0 & x2; \
    const vec x8 = x3 ^ x7; \
    const vec x9 = x6 & ~x8; \
    const vec x10 = x2 ^ x9; \
    const vec x11 = x10 & ~x0; \
    const vec x12 = x8 ^ x11; \
    const vec x13 = x10 ^ x12; \
    const vec x14 = x1 ^ x13; \
    const vec x15 = x12 & ~x7; \
    const vec x16 = x1 & ~x15; \
    const vec x17 = x4 ^ x16; \
    const vec x18 = x10 ^ x17; \
    const vec x19 = x0 ^ x18; \
    const vec x20 = x19 ^ x13; \
    const vec x21 = x20 | x1; \
    const vec x22 = x12 ^ x21; \
    const vec x23 = x18 | x22; \
    const vec x24 = x15 | x18; \
    const vec x25 = x17 & x24; \
    const vec x26 = x5 ^ x14; \
    const vec x27 = x26 ^ x25; \
    const vec x28 = x20 ^ x27; \
    const vec x29 = x19 ^ x23; \
    const vec x30 = x14 & x29; \
    const vec x31 = x28 ^ x30; \
    const vec x32 = x31 & ~x5; \
    const vec x33 = x23 ^ x32; \
    const vec x34 = x14 ^ x33; \
    const vec x35 = x31 ^ x34; \
    const vec x36 = x5 | x27; \
    const vec x37 = x19 ^ x36; \
    const vec x38 = x27 ^ x37; \
    y0 ^= x34; \
    y1 ^= x35; \
    y2 ^= x37; \
    y3 ^= x38; \
} while (0)

/* S5: 52 gates */
#define S5(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
    const vec x0 = a0, x1 = a1, x2 = a2, x3 = a3, x4 = a4, x5 = a5; \
    const vec x6 = x5 & ~x3; \
    const vec x7 = x1 ^ x2; \
    const vec x8 = x7 ^ x6; \
    const vec x9 = x4 ^ x8; \
    const vec x10 = x3 ^ x8; \
    const vec x11 = x10 & ~x9; \
    const vec x12 = x5 | x11; \
    const vec x13 = x12 & ~x2; \
    const vec x14 = x4 & ~x13; \
    const vec x15 = x1 ^ x14; \
    const vec x16 = x1 ^ x4; \
    const vec x17 = x1 & x16; \
    const vec x18 = x17 & ~x10; \
    const vec x19 = x9 ^ x18; \
    const vec x20 = x8 & ~x1; \
    const vec x21 = x9 & x20; \
    const vec x22 = x5 ^ x13; \
    const vec x23 = x22 ^ x21; \
    const vec x24 = ~x0; \
    const vec x25 = x24 & ~x23; \
    const vec x26 = x25 ^ x19; \
    const vec x27 = x18 & ~x7; \
    const vec x28 = x27 | x26; \
    const vec x29 = x5 ^ x28; \
    const vec x30 = x29 & ~x1; \
    const vec x31 = x12 & ~x30; \
    const vec x32 = x31 ^ x15; \
    const vec x33 = x3 ^ x32; \
    const vec x34 = x29 ^ x32; \
    const vec x35 = x34 & ~x20; \
    const vec x36 = x33 & ~x7; \
    const vec x37 = x23 ^ x36; \
    const vec x38 = x4 | x37; \
    const vec x39 = x35 ^ x38; \
    const vec x40 = x0 & x39; \
    const vec x41 = x33 ^ x40; \
    const vec x42 = x22 ^ x34; \
    const vec x43 = x24 | x42; \
    const vec x44 = x43 & ~x16; \
    const vec x45 = x0 ^ x44; \
    const vec x46 = x25 ^ x41; \
    const vec x47 = x11 | x13; \
    const vec x48 = x24 ^ x47; \
    const vec x49 = x3 | x48; \
    const vec x50 = x46 & ~x49; \
    const vec x51 = x37 ^ x50; \
    const vec x52 = x43 ^ x51; \
    const vec x53 = x39 ^ x52; \
    const vec x54 = x45 & ~x53; \
    const vec x55 = x1 ^ x54; \
    const vec x56 = x28 ^ x55; \
    const vec x57 = x41 ^ x56; \
    y0 ^= x41; \
    y1 ^= x57; \
    y2 ^= x26; \
    y3 ^= x53; \
} while (0)

/* S6: 46 gates */
#define S6(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
    const vec x0 = a0, x1 = a1, x2 = a2, x3 = a3, x4 = a4, x5 = a5; \
    const vec x6 = x3 ^ x5; \
    const vec x7 = ~x5; \
    const vec x8 = x0 | x7; \
    const vec x9 = ~x4; \
    const vec x10 = x0 ^ x9; \
    const vec x11 = x5 ^ x10; \
    const vec x12 = x0 & x11; \
    const vec x13 = x1 ^ x12; \
    const vec x14 = x4 ^ x13; \
    const vec x15 = x0 ^ x14; \
    const vec x16 = x8 & ~x15; \
    const vec x17 = x7 & ~x2; \
    const vec x18 = x16 & ~x17; \
    const vec x19 = x13 ^ x18; \
    const vec x20 = x2 | x19; \
    const vec x21 = x8 ^ x20; \
    const vec x22 = x9 | x14; \
    const vec x23 = x22 | x21; \
    const vec x24 = x23 & ~x3; \
    const vec x25 = x2 ^ x24; \
    const vec x26 = x4 & x25; \
    const vec x27 = x2 ^ x3; \
    const vec x28 = x19 | x27; \
    const vec x29 = x11 & x22; \
    const vec x30 = x29 & ~x8; \
    const vec x31 = x3 ^ x15; \
    const vec x32 = x30 | x31; \
    const vec x33 = x28 ^ x32; \
    const vec x34 = x33 & ~x1; \
    const vec x35 = x15 & ~x34; \
    const vec x36 = x35 ^ x21; \
    const vec x37 = x5 & x36; \
    const vec x38 = x27 ^ x37; \
    const vec x39 = x23 ^ x6; \
    const vec x40 = x38 | x39; \
    const vec x41 = x27 ^ x40; \
    const vec x42 = x41 & ~x26; \
    const vec x43 = x6 ^ x42; \
    const vec x44 = x19 ^ x43; \
    const vec x45 = x28 ^ x26; \
    const vec x46 = x45 & ~x31; \
    const vec x47 = x35 ^ x46; \
    const vec x48 = x47 & ~x34; \
    const vec x49 = x29 ^ x48; \
    const vec x50 = x27 ^ x49; \
    const vec x51 = x36 ^ x25; \
    y0 ^= x44; \
    y1 ^= x50; \
    y2 ^= x51; \
    y3 ^= x33; \
} while (0)

/* S7: 47 gates */
#define S7(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
    const vec x0 = a0, x1 = a1, x2 = a2, x3 = a3, x4 = a4, x5 = a5; \
    const vec x6 = x3 & ~x4; \
    const vec x7 = x1 ^ x6; \
    const vec x8 = ~x1; \
    const vec x9 = x7 | x8; \
    const vec x10 = x5 & x9; \
    const vec x11 = x0 & x10; \
    const vec x12 = x7 & x11; \
    const vec x13 = x7 & ~x2; \
    const vec x14 = x13 ^ x10; \
    const vec x15 = x3 ^ x4; \
    const vec x16 = x14 ^ x15; \
    const vec x17 = x16 & ~x12; \
    const vec x18 = x0 ^ x17; \
    const vec x19 = x2 ^ x18; \
    const vec x20 = x3 & ~x19; \
    const vec x21 = x2 | x20; \
    const vec x22 = x5 ^ x21; \
    const vec x23 = x0 ^ x15; \
    const vec x24 = x22 | x23; \
    const vec x25 = x0 & x24; \
    const vec x26 = x19 ^ x25; \
    const vec x27 = x3 ^ x18; \
    const vec x28 = x3 | x13; \
    const vec x29 = x16 & x19; \
    const vec x30 = x5 ^ x7; \
    const vec x31 = x30 & ~x29; \
    const vec x32 = x28 | x31; \
    const vec x33 = x7 & ~x5; \
    const vec x34 = x22 ^ x31; \
    const vec x35 = x33 ^ x34; \
    const vec x36 = x32 ^ x35; \
    const vec x37 = x0 & ~x20; \
    const vec x38 = x8 ^ x37; \
    const vec x39 = x38 & ~x36; \
    const vec x40 = x4 ^ x39; \
    const vec x41 = x22 ^ x40; \
    const vec x42 = x20 ^ x41; \
    const vec x43 = x27 ^ x42; \
    const vec x44 = x32 & x43; \
    const vec x45 = x44 ^ x26; \
    const vec x46 = x42 & x24; \
    const vec x47 = x1 & ~x31; \
    const vec x48 = x47 ^ x46; \
    const vec x49 = x45 ^ x48; \
    const vec x50 = x35 & ~x27; \
    const vec x51 = x50 & ~x28; \
    const vec x52 = x51 ^ x49; \
    y0 ^= x45; \
    y1 ^= x41; \
    y2 ^= x52; \
    y3 ^= x19; \
} while (0)

/* S8: 52 gates */
#define S8(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
    const vec x0 = a0, x1 = a1, x2 = a2, x3 = a3, x4 = a4, x5 = a5; \
    const vec x6 = ~x4; \
    const vec x7 = x6 & ~x3; \
    const vec x8 = x2 ^ x7; \
    const vec x9 = x8 & ~x1; \
    const vec x10 = x2 | x6; \
    const vec x11 = x3 ^ x10; \
    const vec x12 = x8 ^ x11; \
    const vec x13 = x8 & ~x12; \
    const vec x14 = x9 | x13; \
    const vec x15 = x5 & x14; \
    const vec x16 = x1 ^ x15; \
    const vec x17 = x13 | x16; \
    const vec x18 = x5 ^ x6; \
    const vec x19 = x11 | x18; \
    const vec x20 = x19 ^ x17; \
    const vec x21 = x0 & x20; \
    const vec x22 = x5 ^ x21; \
    const vec x23 = x9 ^ x22; \
    const vec x24 = x12 ^ x23; \
    const vec x25 = x4 & x24; \
    const vec x26 = x0 & x25; \
    const vec x27 = x16 ^ x26; \
    const vec x28 = x1 & x27; \
    const vec x29 = x10 ^ x18; \
    const vec x30 = x7 | x29; \
    const vec x31 = x0 & x30; \
    const vec x32 = x28 ^ x31; \
    const vec x33 = x4 ^ x12; \
    const vec x34 = x33 ^ x32; \
    const vec x35 = x27 & ~x34; \
    const vec x36 = x29 ^ x35; \
    const vec x37 = x23 & ~x2; \
    const vec x38 = x37 ^ x36; \
    const vec x39 = x25 & ~x9; \
    const vec x40 = x28 & ~x39; \
    const vec x41 = x40 & ~x37; \
    const vec x42 = x18 ^ x41; \
    const vec x43 = x1 & ~x42; \
    const vec x44 = x3 ^ x43; \
    const vec x45 = x39 ^ x44; \
    const vec x46 = x0 | x45; \
    const vec x47 = x46 ^ x38; \
    const vec x48 = x21 ^ x40; \
    const vec x49 = x2 | x48; \
    const vec x50 = x5 ^ x49; \
    const vec x51 = x11 & ~x25; \
    const vec x52 = x34 & x38; \
    const vec x53 = x52 ^ x35; \
    const vec x54 = x53 & ~x4; \
    const vec x55 = x0 ^ x54; \
    const vec x56 = x51 ^ x55; \
    const vec x57 = x50 ^ x56; \
    y0 ^= x47; \
    y1 ^= x24; \
    y2 ^= x34; \
    y3 ^= x57; \
} while (0)

/* 377 gates in all */

#endif
