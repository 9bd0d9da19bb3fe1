/* DES on 256-bit vectors: 256 messages to a pass.
 *
 * SBC_TARGET lets this file compile at the baseline of the machine and run only where cpu.h says so.
 */
#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#include "des.h"
#include "target.h"

SBC_TARGET("avx2")

#define VEC_BYTES 32
#define SMALL 7
#define KERNEL sbc_des_avx2
#include "des_wide.h"
#include "des_jobs_wide.h"
#include "des_small_bytes.h"
#include "des_jobs_small.h"
#include "des_level.h"

SBC_TARGET_END
#else
#define VEC_BYTES 8
#define SMALL 4
#define KERNEL sbc_des_avx2
#include "des_wide.h"
#include "des_jobs_wide.h"
#include "des_small_portable.h"
#include "des_jobs_small.h"
#include "des_level.h"
#endif
