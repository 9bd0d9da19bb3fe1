/* Circuits of the eight S-boxes over AND, OR, XOR, AND-NOT and NOT: y0-y3 ^= S(a0 ... a5), leftmost bits
 * first. 354 gates in all.
 *
 * Found by our own search, benchmarks/c/des_sbox_search.c, which printed this file.
 */
#ifndef SBCARD_DES_SBOX_H
#define SBCARD_DES_SBOX_H

/* S1: 44 gates */
#define S1(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x4 = a4; \
        const vec x6 = ~x4; \
        const vec x2 = a2; \
        const vec x7 = x2 ^ x6; \
        const vec x5 = a5; \
        const vec x8 = x2 | x5; \
        const vec x9 = x8 ^ x7; \
        const vec x3 = a3; \
        const vec x10 = x9 ^ x3; \
        const vec x17 = x10 & ~x6; \
        const vec x18 = x8 & x17; \
        const vec x0 = a0; \
        const vec x11 = x0 ^ x10; \
        const vec x12 = x6 ^ x11; \
        const vec x13 = x5 ^ x12; \
        const vec x14 = x13 & ~x10; \
        const vec x15 = x7 | x14; \
        const vec x1 = a1; \
        const vec x19 = x1 ^ x18; \
        const vec x20 = x9 | x19; \
        const vec x23 = x2 | x0; \
        const vec x24 = x23 & ~x12; \
        const vec x22 = x0 ^ x1; \
        const vec x25 = x22 & ~x24; \
        const vec x21 = x0 & ~x20; \
        const vec x26 = x21 | x25; \
        const vec x30 = x1 | x21; \
        const vec x16 = x5 ^ x15; \
        const vec x27 = x16 ^ x26; \
        y0 ^= x27; \
        const vec x28 = x18 ^ x27; \
        const vec x44 = x5 ^ x28; \
        const vec x45 = x4 & ~x44; \
        const vec x29 = x2 ^ x28; \
        const vec x32 = x29 & ~x4; \
        const vec x31 = x30 & x29; \
        const vec x33 = x8 ^ x31; \
        const vec x34 = x33 | x32; \
        const vec x35 = x11 & x34; \
        const vec x36 = x2 & x15; \
        const vec x37 = x36 ^ x35; \
        const vec x47 = x28 ^ x37; \
        const vec x38 = x1 ^ x37; \
        y2 ^= x38; \
        const vec x48 = x20 & ~x47; \
        const vec x39 = x27 & x38; \
        const vec x40 = x2 ^ x39; \
        const vec x41 = x40 & ~x31; \
        const vec x42 = x12 ^ x41; \
        const vec x43 = x8 ^ x42; \
        const vec x46 = x45 ^ x43; \
        y1 ^= x46; \
        const vec x49 = x43 ^ x48; \
        y3 ^= x49; \
    } while (0)

/* S2: 44 gates */
#define S2(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x4 = a4; \
        const vec x6 = ~x4; \
        const vec x5 = a5; \
        const vec x8 = x4 ^ x5; \
        const vec x48 = x8 & ~x4; \
        const vec x0 = a0; \
        const vec x7 = x0 ^ x6; \
        const vec x9 = x7 & ~x8; \
        const vec x14 = x7 & ~x5; \
        const vec x1 = a1; \
        const vec x15 = x1 ^ x14; \
        const vec x18 = x8 ^ x15; \
        const vec x16 = x15 & ~x5; \
        const vec x22 = x1 & ~x16; \
        const vec x3 = a3; \
        const vec x17 = x3 & ~x16; \
        const vec x12 = x3 ^ x5; \
        const vec x31 = x5 | x9; \
        const vec x2 = a2; \
        const vec x10 = x2 ^ x4; \
        const vec x11 = x10 | x9; \
        const vec x13 = x11 ^ x12; \
        const vec x19 = x13 & ~x0; \
        const vec x20 = x18 | x19; \
        const vec x21 = x9 ^ x13; \
        const vec x23 = x21 & ~x22; \
        const vec x24 = x23 ^ x20; \
        const vec x25 = x10 ^ x24; \
        const vec x49 = x25 ^ x48; \
        y3 ^= x49; \
        const vec x26 = x14 & x25; \
        const vec x32 = x25 | x17; \
        const vec x27 = x26 ^ x17; \
        const vec x28 = x7 ^ x27; \
        const vec x29 = x4 | x28; \
        const vec x30 = x29 & ~x22; \
        const vec x36 = x7 & x32; \
        const vec x37 = x12 & ~x36; \
        const vec x33 = x32 | x31; \
        const vec x34 = x30 & x33; \
        const vec x35 = x13 ^ x34; \
        y0 ^= x35; \
        const vec x38 = x6 | x37; \
        const vec x39 = x31 & x38; \
        const vec x43 = x14 ^ x37; \
        const vec x40 = x1 ^ x39; \
        const vec x44 = x40 ^ x43; \
        const vec x41 = x40 & ~x2; \
        const vec x42 = x28 ^ x41; \
        y1 ^= x42; \
        const vec x45 = x24 ^ x28; \
        const vec x46 = x2 | x45; \
        const vec x47 = x44 ^ x46; \
        y2 ^= x47; \
    } while (0)

/* S3: 47 gates */
#define S3(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x0 = a0; \
        const vec x4 = a4; \
        const vec x8 = x0 ^ x4; \
        const vec x2 = a2; \
        const vec x9 = x2 ^ x8; \
        const vec x24 = x4 & x9; \
        const vec x1 = a1; \
        const vec x25 = x1 | x24; \
        const vec x5 = a5; \
        const vec x26 = x25 & ~x5; \
        const vec x6 = x2 ^ x5; \
        const vec x7 = x1 & ~x6; \
        const vec x10 = x9 ^ x7; \
        const vec x3 = a3; \
        const vec x12 = x0 | x3; \
        const vec x14 = x10 ^ x12; \
        const vec x15 = x8 | x14; \
        const vec x16 = x15 & ~x0; \
        const vec x17 = x2 | x16; \
        const vec x18 = x3 ^ x17; \
        const vec x19 = x4 | x18; \
        const vec x39 = x4 | x7; \
        const vec x31 = x3 | x7; \
        const vec x11 = x3 ^ x6; \
        const vec x30 = x6 ^ x17; \
        const vec x32 = x31 & x30; \
        const vec x42 = x30 & ~x31; \
        const vec x20 = x1 ^ x11; \
        const vec x21 = x20 ^ x19; \
        const vec x33 = x21 & ~x32; \
        const vec x34 = x9 ^ x33; \
        y1 ^= x34; \
        const vec x22 = x14 ^ x21; \
        const vec x13 = ~x12; \
        const vec x23 = x13 & ~x22; \
        const vec x27 = x26 | x23; \
        const vec x44 = x16 ^ x39; \
        const vec x43 = x12 & ~x42; \
        const vec x45 = x44 ^ x43; \
        const vec x35 = x2 ^ x10; \
        const vec x36 = x35 | x34; \
        const vec x28 = x11 ^ x27; \
        const vec x37 = x36 & ~x11; \
        const vec x29 = x10 ^ x28; \
        y0 ^= x29; \
        const vec x38 = x28 & x37; \
        const vec x40 = x39 ^ x38; \
        const vec x41 = x2 & ~x40; \
        const vec x48 = x20 ^ x45; \
        y3 ^= x48; \
        const vec x46 = x45 ^ x41; \
        const vec x47 = x36 ^ x46; \
        const vec x49 = x29 & ~x48; \
        const vec x50 = x42 ^ x49; \
        const vec x51 = x1 | x50; \
        const vec x52 = x51 ^ x47; \
        y2 ^= x52; \
    } while (0)

/* S4: 28 gates */
#define S4(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x1 = a1; \
        const vec x3 = a3; \
        const vec x6 = x1 ^ x3; \
        const vec x0 = a0; \
        const vec x8 = x0 ^ x6; \
        const vec x2 = a2; \
        const vec x7 = x6 ^ x2; \
        const vec x9 = x7 | x8; \
        const vec x10 = x3 ^ x9; \
        const vec x4 = a4; \
        const vec x12 = x2 ^ x4; \
        const vec x11 = x4 ^ x10; \
        const vec x13 = x8 & ~x12; \
        const vec x15 = x7 ^ x13; \
        const vec x14 = x11 ^ x13; \
        const vec x18 = x12 & ~x11; \
        const vec x19 = x15 ^ x18; \
        const vec x16 = x15 & ~x14; \
        const vec x17 = x8 ^ x16; \
        const vec x26 = x6 & ~x17; \
        const vec x27 = x3 ^ x26; \
        const vec x23 = x10 | x19; \
        const vec x5 = a5; \
        const vec x22 = x5 ^ x14; \
        const vec x24 = x22 ^ x23; \
        const vec x20 = x5 & x19; \
        const vec x21 = x17 ^ x20; \
        const vec x25 = x5 | x24; \
        const vec x28 = x25 ^ x27; \
        const vec x30 = ~x19; \
        const vec x31 = x30 ^ x28; \
        y2 ^= x31; \
        const vec x32 = x24 ^ x31; \
        y3 ^= x32; \
        const vec x29 = x28 ^ x21; \
        y0 ^= x29; \
        const vec x33 = x32 ^ x21; \
        y1 ^= x33; \
    } while (0)

/* S5: 53 gates */
#define S5(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x1 = a1; \
        const vec x2 = a2; \
        const vec x7 = x1 ^ x2; \
        const vec x3 = a3; \
        const vec x5 = a5; \
        const vec x6 = x3 | x5; \
        const vec x8 = x7 ^ x6; \
        const vec x9 = x3 ^ x8; \
        const vec x16 = x1 & ~x8; \
        const vec x4 = a4; \
        const vec x17 = x4 | x16; \
        const vec x12 = x4 ^ x7; \
        const vec x13 = x8 & ~x12; \
        const vec x14 = x5 | x13; \
        const vec x29 = x12 ^ x2; \
        const vec x22 = x17 ^ x9; \
        const vec x10 = x9 & ~x1; \
        const vec x18 = x10 & ~x17; \
        const vec x11 = x2 ^ x5; \
        const vec x15 = x14 & ~x11; \
        const vec x19 = x15 ^ x18; \
        const vec x0 = a0; \
        const vec x20 = ~x0; \
        const vec x21 = x20 & ~x19; \
        const vec x23 = x22 ^ x21; \
        y2 ^= x23; \
        const vec x40 = x21 & ~x2; \
        const vec x25 = x4 & ~x2; \
        const vec x24 = x5 ^ x23; \
        const vec x26 = x24 & ~x1; \
        const vec x27 = x26 ^ x25; \
        const vec x28 = x14 & ~x27; \
        const vec x30 = x29 ^ x28; \
        const vec x31 = x24 ^ x30; \
        const vec x42 = x15 ^ x31; \
        const vec x32 = x31 & ~x10; \
        const vec x43 = x42 | x20; \
        const vec x33 = x3 ^ x30; \
        const vec x34 = x33 & ~x7; \
        const vec x35 = x19 ^ x34; \
        const vec x36 = x4 | x35; \
        const vec x37 = x36 ^ x32; \
        const vec x52 = x43 & ~x29; \
        const vec x44 = x37 ^ x43; \
        const vec x38 = x0 & x37; \
        const vec x39 = x33 ^ x38; \
        y0 ^= x39; \
        const vec x41 = x39 ^ x40; \
        const vec x54 = x35 ^ x44; \
        const vec x45 = x23 & ~x44; \
        const vec x50 = x23 ^ x39; \
        const vec x46 = x0 ^ x45; \
        const vec x47 = x3 | x46; \
        const vec x53 = x0 ^ x52; \
        const vec x48 = x41 & ~x47; \
        const vec x55 = x48 ^ x54; \
        y3 ^= x55; \
        const vec x49 = x48 & ~x14; \
        const vec x56 = x53 & ~x55; \
        const vec x51 = x50 & ~x49; \
        const vec x57 = x1 ^ x56; \
        const vec x58 = x51 ^ x57; \
        y1 ^= x58; \
    } while (0)

/* S6: 43 gates */
#define S6(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x5 = a5; \
        const vec x6 = ~x5; \
        const vec x0 = a0; \
        const vec x13 = x5 & ~x0; \
        const vec x4 = a4; \
        const vec x8 = x0 ^ x4; \
        const vec x9 = x6 ^ x8; \
        const vec x10 = x0 & x9; \
        const vec x1 = a1; \
        const vec x11 = x1 ^ x10; \
        const vec x12 = x4 & x11; \
        const vec x17 = x8 ^ x11; \
        const vec x19 = x9 & ~x12; \
        const vec x14 = x12 & ~x13; \
        const vec x2 = a2; \
        const vec x22 = x2 | x5; \
        const vec x23 = x22 ^ x13; \
        const vec x24 = x17 | x23; \
        const vec x25 = x8 ^ x24; \
        const vec x3 = a3; \
        const vec x42 = x3 ^ x5; \
        const vec x15 = x14 & ~x3; \
        const vec x20 = x13 & x19; \
        const vec x33 = x19 ^ x15; \
        const vec x7 = x2 ^ x3; \
        const vec x18 = x3 ^ x17; \
        const vec x16 = x15 ^ x7; \
        const vec x26 = x7 | x25; \
        const vec x21 = x20 | x18; \
        const vec x27 = x21 ^ x26; \
        y3 ^= x27; \
        const vec x28 = x27 & ~x1; \
        const vec x34 = x4 ^ x27; \
        const vec x35 = x16 | x34; \
        const vec x36 = x35 & ~x18; \
        const vec x37 = x33 ^ x36; \
        const vec x40 = x4 | x16; \
        const vec x29 = x17 & ~x28; \
        const vec x30 = x16 ^ x29; \
        const vec x31 = x13 ^ x30; \
        const vec x45 = x30 & ~x28; \
        const vec x46 = x37 ^ x45; \
        y1 ^= x46; \
        const vec x47 = x2 | x25; \
        const vec x48 = x31 ^ x47; \
        y2 ^= x48; \
        const vec x32 = x6 | x31; \
        const vec x41 = x32 & ~x40; \
        const vec x38 = x37 & ~x32; \
        const vec x43 = x42 | x41; \
        const vec x39 = x25 ^ x38; \
        const vec x44 = x39 ^ x43; \
        y0 ^= x44; \
    } while (0)

/* S7: 43 gates */
#define S7(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x2 = a2; \
        const vec x5 = a5; \
        const vec x33 = x2 ^ x5; \
        const vec x4 = a4; \
        const vec x34 = x4 ^ x33; \
        const vec x3 = a3; \
        const vec x8 = x3 & ~x4; \
        const vec x0 = a0; \
        const vec x11 = x0 ^ x4; \
        const vec x12 = x3 ^ x11; \
        const vec x9 = x2 ^ x8; \
        const vec x10 = x5 ^ x8; \
        const vec x1 = a1; \
        const vec x6 = x0 ^ x1; \
        const vec x13 = x1 ^ x10; \
        const vec x14 = x2 | x13; \
        const vec x15 = x14 ^ x12; \
        const vec x16 = x0 & ~x15; \
        const vec x17 = x10 ^ x16; \
        const vec x18 = x17 & x9; \
        const vec x19 = x10 ^ x18; \
        const vec x24 = x13 | x17; \
        const vec x25 = x9 ^ x24; \
        const vec x28 = x16 ^ x24; \
        const vec x26 = x5 & ~x25; \
        const vec x35 = x12 | x19; \
        const vec x20 = x13 | x19; \
        const vec x27 = x13 & ~x26; \
        const vec x29 = x28 & ~x27; \
        const vec x23 = x3 & ~x5; \
        const vec x7 = ~x3; \
        const vec x21 = x20 & x7; \
        const vec x22 = x2 ^ x21; \
        const vec x38 = x15 ^ x26; \
        y3 ^= x38; \
        const vec x39 = x38 | x7; \
        const vec x36 = x0 & x35; \
        const vec x46 = x35 | x23; \
        const vec x30 = x29 | x23; \
        const vec x47 = x46 & ~x29; \
        const vec x31 = x22 & ~x30; \
        const vec x32 = x6 | x31; \
        const vec x37 = x22 ^ x36; \
        const vec x48 = x37 ^ x47; \
        y2 ^= x48; \
        const vec x40 = x26 | x39; \
        const vec x41 = x37 | x40; \
        const vec x42 = x41 ^ x34; \
        const vec x43 = x32 ^ x42; \
        y1 ^= x43; \
        const vec x44 = x39 ^ x37; \
        const vec x45 = x44 ^ x43; \
        y0 ^= x45; \
    } while (0)

/* S8: 52 gates */
#define S8(a0, a1, a2, a3, a4, a5, y0, y1, y2, y3) \
    do { \
        const vec x4 = a4; \
        const vec x6 = ~x4; \
        const vec x2 = a2; \
        const vec x9 = x2 | x6; \
        const vec x3 = a3; \
        const vec x10 = x3 ^ x9; \
        const vec x7 = x6 & ~x3; \
        const vec x8 = x2 ^ x7; \
        const vec x1 = a1; \
        const vec x12 = x8 & ~x1; \
        const vec x5 = a5; \
        const vec x13 = x5 ^ x12; \
        const vec x14 = x3 & x13; \
        const vec x15 = x8 & ~x14; \
        const vec x11 = x10 ^ x8; \
        const vec x17 = x5 ^ x6; \
        const vec x18 = x10 | x17; \
        const vec x16 = x1 | x15; \
        const vec x19 = x18 ^ x16; \
        const vec x0 = a0; \
        const vec x20 = x0 & x19; \
        const vec x21 = x13 ^ x20; \
        const vec x22 = x21 ^ x11; \
        y1 ^= x22; \
        const vec x23 = x22 & ~x6; \
        const vec x43 = x21 & ~x2; \
        const vec x28 = x9 ^ x17; \
        const vec x36 = x2 ^ x17; \
        const vec x44 = x28 ^ x43; \
        const vec x29 = x7 | x28; \
        const vec x37 = x36 & x28; \
        const vec x38 = x1 & ~x37; \
        const vec x39 = x9 | x23; \
        const vec x40 = x39 & ~x38; \
        const vec x30 = x0 & x29; \
        const vec x31 = x4 ^ x30; \
        const vec x32 = x11 ^ x31; \
        const vec x25 = x5 & x15; \
        const vec x24 = x0 & x23; \
        const vec x26 = x24 ^ x25; \
        const vec x34 = x1 ^ x26; \
        const vec x27 = x1 & ~x26; \
        const vec x33 = x32 ^ x27; \
        y2 ^= x33; \
        const vec x47 = x27 & ~x23; \
        const vec x48 = x20 ^ x47; \
        const vec x49 = x2 | x48; \
        const vec x50 = x5 ^ x49; \
        const vec x41 = x10 ^ x40; \
        const vec x55 = x10 & ~x23; \
        const vec x51 = x0 ^ x50; \
        const vec x42 = x0 | x41; \
        const vec x45 = x44 ^ x42; \
        const vec x52 = x44 & x33; \
        const vec x35 = x34 & ~x33; \
        const vec x46 = x35 ^ x45; \
        y0 ^= x46; \
        const vec x53 = x35 ^ x52; \
        const vec x54 = x53 & ~x4; \
        const vec x56 = x55 ^ x54; \
        const vec x57 = x51 ^ x56; \
        y3 ^= x57; \
    } while (0)

#endif
