/* Which vector levels this processor runs. Asked once, at import. */
#ifndef SBCARD_CPU_H
#define SBCARD_CPU_H

int sbc_cpu_has_avx2(void);

#endif
