/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTPMD_SEAL_H
#define TESTPMD_SEAL_H

/*
 * From now on any system call of the calling thread kills the process. There
 * is no way back: not even the thread's own end is allowed.
 * 0 or negative errno.
 */
int seal_thread(void);

#endif /* TESTPMD_SEAL_H */
