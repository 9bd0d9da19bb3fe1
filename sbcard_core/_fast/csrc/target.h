/* SBC_TARGET("avx2,aes") ... SBC_TARGET_END around the functions of one level: a file then compiles at the baseline of
 * the machine, without build flags. GCC and clang have different pragmas for it. */
#ifndef SBCARD_TARGET_H
#define SBCARD_TARGET_H

#define SBC_PRAGMA(words) _Pragma(#words)

#if defined(__clang__)
#define SBC_TARGET(features) SBC_PRAGMA(clang attribute push(__attribute__((target(features))), apply_to = function))
#define SBC_TARGET_END _Pragma("clang attribute pop")
#elif defined(__GNUC__)
#define SBC_TARGET(features) SBC_PRAGMA(GCC push_options) SBC_PRAGMA(GCC target(features))
#define SBC_TARGET_END SBC_PRAGMA(GCC pop_options)
#endif

#endif
