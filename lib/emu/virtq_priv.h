/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_VIRTQ_PRIV_H
#define UVDK_EMU_VIRTQ_PRIV_H

#include <uvdk_emu_virtq.h>

/* virtio 1.2, 2.7.5: descriptor flags */
#define VIRTQ_DESC_NEXT	    0x1u
#define VIRTQ_DESC_WRITE    0x2u
#define VIRTQ_DESC_INDIRECT 0x4u
#define VIRTQ_DESC_KNOWN    0x7u

/* 2.7.6 and 2.7.8: ring flags */
#define VIRTQ_AVAIL_NO_INTERRUPT 0x1u
#define VIRTQ_USED_NO_NOTIFY	 0x1u

/* Load the available index and forget what was fetched ahead. 0 or -EPROTO. */
int virtq_load_avail(struct uvdk_emu_virtq *vq);

#endif /* UVDK_EMU_VIRTQ_PRIV_H */
