// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "emu_priv.h"

UVDK_EXPORT uint64_t uvdk_emu_bar_size(const struct uvdk_emu_function *fn, unsigned int bar)
{
	return bar < EMU_BARS ? fn->bar[bar].size : 0;
}

static uint64_t all_ones(unsigned int width)
{
	return UINT64_MAX >> (64 - 8 * width);
}

static int check(const struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		 unsigned int width)
{
	uint64_t size = uvdk_emu_bar_size(fn, bar);

	if (width == 0 || width > 8 || (width & (width - 1)) || (off & (width - 1)) ||
	    size < width || off > size - width)
		return uvdk_fail(-EINVAL, "emu",
				 "%s: %u bytes at 0x%llx of BAR %u, which has 0x%llx: outside or "
				 "misaligned",
				 fn->name, width, (unsigned long long)off, bar,
				 (unsigned long long)size);

	return 0;
}

/* Does anybody answer? Not a function that is gone or decodes no memory. */
static bool answers(const struct uvdk_emu_function *fn)
{
	return !atomic_load_explicit(&fn->gone, memory_order_acquire) &&
	       atomic_load_explicit(&fn->command, memory_order_relaxed) & CMD_MEMORY;
}

UVDK_EXPORT int uvdk_emu_bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
				  unsigned int width, uint64_t *value)
{
	int ret = check(fn, bar, off, width);

	if (ret)
		return ret;

	if (!answers(fn))
		*value = all_ones(width);
	else if (!emu_msix_read(fn, bar, off, width, value))
		*value = fn->model->bar_read(fn, bar, off, width) & all_ones(width);

	return 0;
}

UVDK_EXPORT int uvdk_emu_bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
				   unsigned int width, uint64_t value)
{
	int ret = check(fn, bar, off, width);

	if (ret)
		return ret;

	value &= all_ones(width);
	if (answers(fn) && !emu_msix_write(fn, bar, off, width, value))
		fn->model->bar_write(fn, bar, off, width, value);

	return 0;
}
