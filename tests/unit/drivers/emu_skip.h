/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SKIP_H
#define EMU_SKIP_H

/* Which invalidation the driver leaves out now; for a driver compiled with this. */
extern unsigned int emu_skip_now;

#define EMU_SKIP_SITE ((enum emu_site)emu_skip_now)

#endif /* EMU_SKIP_H */
