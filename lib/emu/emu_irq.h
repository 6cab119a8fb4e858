/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_IRQ_H
#define UVDK_EMU_IRQ_H

#include "emu_priv.h"

/* MSI capability, 64-bit with per-vector masks (PCI Local Bus 3.0, 6.8.1). */
#define MSI_CTRL     0x02
#define MSI_MASK     0x10
#define MSI_PENDING  0x14
#define MSI_ENABLE   0x0001
#define MSI_64BIT    0x0080
#define MSI_MASKABLE 0x0100
#define MSIX_CTRL    0x02
#define MSIX_ENABLE  0x8000
#define MSIX_FN_MASK 0x4000
#define MSG_ADDRESS  0xfee00000u
#define MSIX_ENTRY   16

/* irq.c; under the function lock: was there a descriptor, and did it take it? */
bool emu_irq_signal(const struct uvdk_emu_function *fn, unsigned int kind, unsigned int vector);

#endif /* UVDK_EMU_IRQ_H */
