/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EDU_REGS_H
#define UVDK_EDU_REGS_H

/*
 * Registers of QEMU's educational device (QEMU, docs/specs/edu.rst), in BAR 0.
 * 4-byte accesses below 0x80; 4 or 8 bytes from there on.
 */
#define EDU_VENDOR	 0x1234
#define EDU_DEVICE	 0x11e8
#define EDU_BAR		 0
#define EDU_BAR_SIZE	 0x100000

#define EDU_ID		 0x00 /* 0xRRrr00ed: major and minor version */
#define EDU_ID_MASK	 0xff0000ffu
#define EDU_ID_V1	 0x010000edu
#define EDU_LIVENESS	 0x04 /* reads back inverted */
#define EDU_DMA_SRC	 0x80
#define EDU_DMA_DST	 0x88
#define EDU_DMA_COUNT	 0x90
#define EDU_DMA_CMD	 0x98
#define EDU_CMD_START	 0x01 /* clears when the transfer is over */
#define EDU_CMD_TO_RAM	 0x02
#define EDU_CMD_KNOWN	 0x07

#define EDU_BUFFER	 0x40000 /* its own memory, in the device's address space */
#define EDU_BUFFER_SIZE	 4096
#define EDU_ADDRESS_MASK 0x0fffffff /* 28 bits; higher ones are cut off in silence */

#endif /* UVDK_EDU_REGS_H */
