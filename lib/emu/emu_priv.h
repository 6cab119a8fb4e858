/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_PRIV_H
#define UVDK_EMU_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include <uvdk_emu_driver.h>

/*
 * Lock order: machine lock, function lock, gate, front, windows_lock; vtd_priv.h has those of a
 * unit. Model callbacks create, destroy, reset and step run under the machine lock; bar_read and
 * bar_write run under none, or for a peer's access under all that the peer has: they access no
 * memory and call nothing that takes the machine's lock.
 */

#define EMU_SLOTS	  32
#define EMU_CONFIG_SIZE	  4096
#define EMU_BARS	  6
#define EMU_FAULTS	  256
#define EMU_STALES	  64
#define EMU_UNITS_MAX	  4
#define CFG_EXT_CAPS	  0x100
#define EMU_PAGE_SHIFT	  12
#define EMU_PAGE_SIZE	  (UINT64_C(1) << EMU_PAGE_SHIFT)
#define EMU_IOVA_BITS_MIN 16
#define EMU_IOVA_BITS_MAX 57 /* five levels of 512 entries */

/* Configuration space header, type 0 (PCI Local Bus 3.0, 6.1). */
#define CFG_VENDOR	 0x00
#define CFG_DEVICE	 0x02
#define CFG_COMMAND	 0x04
#define CFG_STATUS	 0x06
#define CFG_REVISION	 0x08
#define CFG_CLASS	 0x09
#define CFG_CACHE_LINE	 0x0c
#define CFG_BAR0	 0x10
#define CFG_SUBVENDOR	 0x2c
#define CFG_SUBDEVICE	 0x2e
#define CFG_CAPS	 0x34
#define CFG_INT_LINE	 0x3c
#define CFG_INT_PIN	 0x3d
#define CFG_FIRST_CAP	 0x40
#define CFG_CAPS_END	 0x100

#define CMD_MEMORY	 0x0002
#define CMD_MASTER	 0x0004
#define CMD_WRITABLE	 0x0546 /* memory, master, parity, SERR, INTx disable */
#define CMD_INTX_DISABLE 0x0400
#define STATUS_INTX	 0x0008
#define STATUS_CAPS	 0x0010
#define STATUS_W1C	 0xf900

#define CAP_MSI		 0x05
#define CAP_PCIE	 0x10
#define CAP_MSIX	 0x11

/* Kinds of interrupt, as in uvdk_emu_irq_route(). */
enum {
	KIND_INTX,
	KIND_MSI,
	KIND_MSIX,
	KINDS,
};

/* A fair spin lock: an unmap that waits for it gets it after one access. */
struct emu_gate {
	atomic_uint next;
	atomic_uint serving;
};

struct emu_bar {
	uint64_t size; /* 0: not implemented */
	bool is64;
};

struct emu_msix {
	unsigned int vectors; /* 0: no MSI-X */
	unsigned int bar;
	uint32_t table_off;
	uint32_t pba_off;
	uint8_t *table;	   /* vectors * 16 bytes, as the driver sees it */
	uint64_t *pending; /* one bit a vector */
};

struct vtd;

struct uvdk_emu_function {
	struct uvdk_emu *emu;
	struct vtd *vtd; /* the remapping unit that it is behind */
	const struct uvdk_emu_model *model;
	void *priv;
	char name[48];
	uint8_t slot;
	unsigned int number; /* N of "emu:MODEL#N" */
	bool misdescribed;   /* by its model's create() */

	struct emu_bar bar[EMU_BARS];
	atomic_bool gone;
	atomic_bool removal_asked;
	atomic_uint command;	 /* what config[CFG_COMMAND] says, for hot paths */
	atomic_bool ats;	 /* its ATS capability is enabled */
	atomic_ulong incoherent; /* pages accessed without a look at the caches */

	struct emu_gate gate; /* held during each page of DMA */

	/* Of one that translates: its callbacks; which device numbers are behind it. */
	const struct uvdk_emu_translator *translator;
	struct emu_gate front; /* held during each access of theirs; after their own gate */
	atomic_uint behind;
	/* Of one behind such: which. NULL while @translated: it has left. */
	_Atomic(struct uvdk_emu_function *) iommu;
	atomic_bool translated;

	pthread_mutex_t lock; /* guards the rest */
	int event_fd;
	uint8_t config[EMU_CONFIG_SIZE];
	uint8_t power_on[EMU_CONFIG_SIZE]; /* config after create() */
	uint8_t wmask[EMU_CONFIG_SIZE];	   /* bits that writes change */
	unsigned int cap_free;		   /* where the next capability goes */
	unsigned int cap_link;		   /* next pointer to fill in */
	unsigned int ext_free;		   /* the same for extended capabilities */
	unsigned int ext_link;
	unsigned int pcie_cap; /* offset of each capability, 0: none */
	unsigned int ats_cap;
	unsigned int msi_cap;
	unsigned int msi_vectors;
	unsigned int msix_cap;
	struct emu_msix msix;
	int *route[KINDS]; /* eventfds, -1: unrouted; nr_routes entries */
	unsigned int nr_routes[KINDS];
	bool irq_on[KINDS]; /* routed by the owner: at most one kind */
	bool intx_level;
	bool intx_masked;
};

struct emu_shared {
	struct emu_shared *next;
	char *key;
	size_t size;
	max_align_t data[];
};

struct uvdk_emu {
	atomic_uint refs;
	unsigned int iova_bits;
	bool manual;
	bool forgetful;
	bool absence;
	unsigned int no_snoop;
	uint64_t seed;
	struct vtd *vtd[EMU_UNITS_MAX];
	unsigned int nr_units;
	void *(*memory)(void *arg, uint64_t pa); /* NULL: this process's own */
	void *memory_arg;

	pid_t owner;	      /* process that created it: children have no stepper */
	pthread_mutex_t lock; /* guards fns, nr_fns, stop; held while models run */
	pthread_cond_t plugged;
	atomic_uint waiting; /* threads that want the lock: the stepper lets them in */
	struct uvdk_emu_function *fns[EMU_SLOTS];
	unsigned int nr_fns;
	bool stop;
	atomic_bool kicked;
	pthread_t thread;

	pthread_mutex_t shared_lock;
	struct emu_shared *shared;

	_Atomic(struct emu_window *) windows; /* grows only, until the machine is freed */
	pthread_rwlock_t windows_lock;	      /* whose they are; held while a peer is accessed */

	pthread_mutex_t fault_lock;
	struct uvdk_emu_fault fault[EMU_FAULTS]; /* oldest at fault_first */
	unsigned int fault_first;
	unsigned int fault_count;
	uint64_t fault_lost;
	struct uvdk_emu_stale stale[EMU_STALES]; /* oldest first */
	unsigned int stale_count;
};

/* machine.c */
void emu_lock(struct uvdk_emu *emu);
void emu_unlock(struct uvdk_emu *emu);

/* 0; in a child of fork(), where the lock may never be let go: -EPERM and a sentence. */
int emu_check_owner(const struct uvdk_emu *emu);

/*
 * window.c: BARs as others see them. access() takes @len bytes from or to @va, in @w; what
 * nobody answers reads as ones.
 */
struct emu_window;
struct emu_window *emu_window_find(struct uvdk_emu *emu, const uint8_t *va);
void emu_window_access(struct uvdk_emu_function *from, struct emu_window *w, const uint8_t *va,
		       uint8_t *buf, size_t len, bool write);
void emu_windows_unplug(const struct uvdk_emu_function *fn);
void emu_windows_free(struct uvdk_emu *emu);

/* function.c */
void emu_fn_free(struct uvdk_emu_function *fn);

/* fault.c */
void emu_fault_record(struct uvdk_emu_function *fn, const struct uvdk_emu_fault *fault);
void emu_stale_record(struct uvdk_emu *emu, const struct uvdk_emu_stale *stale);

/* translator.c: outcome of a translation: a fault reason, or one of these */
#define ACCESS_OK   (-1)
#define ACCESS_GONE (-2)

/*
 * With the gate of @fn. ACCESS_OK: @iommu is set, its @front is held, and *@len may be less
 * than it was.
 */
int emu_translate(struct uvdk_emu_function *fn, uvdk_iova_t iova, bool write,
		  struct uvdk_emu_function **iommu, size_t *len, uint8_t **va);
void emu_translate_end(struct uvdk_emu_function *iommu);
void emu_translator_unplug(struct uvdk_emu_function *fn); /* under the machine lock */

/* models.c */
const struct uvdk_emu_model *emu_model_find(const char *name, size_t len);
void emu_model_list(char *buf, size_t len);

/* config.c; emu_config_* run under the function lock */
void emu_config_init(struct uvdk_emu_function *fn);
void emu_config_finish(struct uvdk_emu_function *fn);
void emu_config_reset(struct uvdk_emu_function *fn);
void emu_set_status(struct uvdk_emu_function *fn, uint16_t bits, bool on);

/* irq.c, irq_route.c (reset); under the function lock */
int emu_irq_alloc(struct uvdk_emu_function *fn);
void emu_irq_reset(struct uvdk_emu_function *fn);
void emu_irq_config_changed(struct uvdk_emu_function *fn);
void emu_irq_free(struct uvdk_emu_function *fn);

/* msix.c */
bool emu_msix_describes(const struct uvdk_emu_function *fn);
bool emu_msix_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off, unsigned int width,
		   uint64_t *value);
bool emu_msix_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		    unsigned int width, uint64_t value);
bool emu_msix_masked(const struct uvdk_emu_function *fn, unsigned int vector);
void emu_msix_set_masked(struct uvdk_emu_function *fn, unsigned int vector, bool masked);

static inline uint16_t emu_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t emu_get32(const uint8_t *p)
{
	return (uint32_t)emu_get16(p) | (uint32_t)emu_get16(p + 2) << 16;
}

static inline void emu_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void emu_put32(uint8_t *p, uint32_t v)
{
	emu_put16(p, (uint16_t)v);
	emu_put16(p + 2, (uint16_t)(v >> 16));
}

#endif /* UVDK_EMU_PRIV_H */
