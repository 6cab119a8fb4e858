// SPDX-License-Identifier: BSD-3-Clause
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "dsa_pmd.h"

/*
 * Instructions that write 64 bytes at once (Intel SDM, volume 2: MOVDIR64B, ENQCMD; CPUID leaf
 * 7). Neither is ordered behind stores before it, so there is a fence.
 */

#if defined(__x86_64__)
static bool cpu_has(unsigned int bit)
{
	unsigned int a, b, ecx, d;

	return __get_cpuid_count(7, 0, &a, &b, &ecx, &d) && ecx & 1u << bit;
}

bool dsa_pmd_has_movdir64b(void)
{
	return cpu_has(28);
}

bool dsa_pmd_has_enqcmd(void)
{
	return cpu_has(29);
}

bool dsa_pmd_enqcmd(volatile void *portal, const void *desc)
{
	bool refused;

	/* sfence; enqcmd (%rdx), %rax: the zero flag says "retry" */
	__asm__ volatile("sfence\n\t.byte 0xf2, 0x0f, 0x38, 0xf8, 0x02"
			 : "=@ccz"(refused)
			 : "a"(portal), "d"(desc)
			 : "memory");

	return !refused;
}
#else
bool dsa_pmd_has_movdir64b(void)
{
	return false;
}

bool dsa_pmd_has_enqcmd(void)
{
	return false;
}

bool dsa_pmd_enqcmd(volatile void *portal, const void *desc)
{
	(void)portal;
	(void)desc;

	return false;
}
#endif

void dsa_pmd_movdir64b(volatile void *portal, const void *desc)
{
	dsa_movdir64b(portal, desc);
}
