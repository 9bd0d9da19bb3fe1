/* DES on 128-bit vectors: 128 messages to a pass.
 *
 * SBC_TARGET lets this file compile at the baseline of the machine and run only where cpu.h says so.
 */
#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "des.h"
#include "target.h"

SBC_TARGET("ssse3")

#define VEC_BYTES 16
#define SMALL 6
#define KERNEL sbc_des_sse2
#include "des_wide.h"
#include "des_jobs_wide.h"
#include "des_small_bytes.h"
#include "des_jobs_small.h"
#include "des_level.h"

SBC_TARGET_END
#else
#define VEC_BYTES 8
#define SMALL 4
#define KERNEL sbc_des_sse2
#include "des_wide.h"
#include "des_jobs_wide.h"
#include "des_small_portable.h"
#include "des_jobs_small.h"
#include "des_level.h"
#endif
