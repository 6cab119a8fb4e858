// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "gate.h"
#include "vtd_priv.h"

/* One access of a device, which may cross pages. */
struct access {
	struct uvdk_emu_function *fn;
	uint32_t pasid; /* UVDK_EMU_NO_PASID: none */
	bool write;
	bool no_snoop;
	struct uvdk_emu_function *iommu; /* while it goes on: whose front is held */
};

/* Whom the caches' contents would have escaped: nobody here, for memory is coherent. */
static void note_snoop(const struct access *a, unsigned int right)
{
	if (a->no_snoop && !(right & VTD_SNOOP))
		atomic_fetch_add_explicit(&a->fn->incoherent, 1, memory_order_relaxed);
}

static int through_unit(const struct access *a, uvdk_iova_t iova, uint8_t **va)
{
	struct vtd *vtd = a->fn->vtd;
	const struct vtd_req req = {
		.fn = a->fn,
		.sid = vtd_sid(a->fn),
		.pasid = a->pasid == UVDK_EMU_NO_PASID ? VTD_RID : a->pasid & 0xfffff,
		.write = a->write,
		.ats = atomic_load_explicit(&a->fn->ats, memory_order_relaxed),
	};
	uint8_t *page;
	struct vtd_walk w;
	int fault;

	fault = req.ats ? vtd_ats_translate(vtd, &req, iova, &w)
			: vtd_translate(vtd, &req, iova, &w);
	if (fault) {
		vtd_fault_record(vtd, &req, iova, &w);
		return (int)w.why;
	}
	page = vtd_at(vtd, w.host);
	if (!page)
		return UVDK_EMU_FAULT_TABLES;
	note_snoop(a, w.right);
	*va = page + (iova & (EMU_PAGE_SIZE - 1));

	return ACCESS_OK;
}

/* There are no PASIDs in front of such an I/O MMU. */
static int through_function(struct access *a, uvdk_iova_t iova, size_t *len, uint8_t **va)
{
	int why;

	if (a->pasid != UVDK_EMU_NO_PASID)
		return UVDK_EMU_FAULT_NO_DOMAIN;
	why = emu_translate(a->fn, iova, a->write, &a->iommu, len, va);
	if (why == ACCESS_OK)
		note_snoop(a, 0);

	return why;
}

/* Inside the gate: where the device's page is in this process, and how far that goes. */
static int translate(struct access *a, uvdk_iova_t iova, size_t *len, uint8_t **va)
{
	struct uvdk_emu_function *fn = a->fn;

	if (atomic_load_explicit(&fn->gone, memory_order_relaxed))
		return ACCESS_GONE;
	if (!(atomic_load_explicit(&fn->command, memory_order_relaxed) & CMD_MASTER))
		return UVDK_EMU_FAULT_BUS_MASTER;
	if (atomic_load_explicit(&fn->translated, memory_order_relaxed))
		return through_function(a, iova, len, va);
	/* As firmware leaves it: protected memory regions cover everything (11.4.8). */
	if (!vtd_on(fn->vtd))
		return UVDK_EMU_FAULT_NO_DOMAIN;

	return through_unit(a, iova, va);
}

static int begin(struct access *a, uvdk_iova_t iova, size_t *len, uint8_t **va)
{
	emu_gate_enter(&a->fn->gate);
	a->iommu = NULL;

	return translate(a, iova, len, va);
}

static void end(struct access *a)
{
	emu_translate_end(a->iommu);
	emu_gate_leave(&a->fn->gate);
}

static int refuse(const struct access *a, uvdk_iova_t iova, uint64_t len, int why)
{
	struct uvdk_emu_fault fault = {
		.iova = iova,
		.len = len,
		.write = a->write,
		.reason = (enum uvdk_emu_fault_reason)why,
		.pasid = a->pasid,
	};

	if (why != ACCESS_GONE)
		emu_fault_record(a->fn, &fault);

	return -EFAULT;
}

/*
 * An aligned word is stored once, and after what was written before it. memcpy() may store it
 * twice: whoever waits for it may have put something else there in between.
 */
static void write_bytes(void *va, const void *buf, size_t len)
{
	uint16_t half;
	uint32_t word;
	uint64_t two;

	if (len == sizeof(two) && (uintptr_t)va % sizeof(two) == 0) {
		memcpy(&two, buf, sizeof(two));
		__atomic_store_n((uint64_t *)va, two, __ATOMIC_RELEASE);
	} else if (len == sizeof(word) && (uintptr_t)va % sizeof(word) == 0) {
		memcpy(&word, buf, sizeof(word));
		__atomic_store_n((uint32_t *)va, word, __ATOMIC_RELEASE);
	} else if (len == sizeof(half) && (uintptr_t)va % sizeof(half) == 0) {
		memcpy(&half, buf, sizeof(half));
		__atomic_store_n((uint16_t *)va, half, __ATOMIC_RELEASE);
	} else {
		memcpy(va, buf, len);
	}
}

/* One page at most; *len becomes what was copied. */
static int copy_page(struct access *a, uvdk_iova_t iova, uint8_t *buf, size_t *len)
{
	uint8_t *va;
	int why;

	why = begin(a, iova, len, &va);
	if (why == ACCESS_OK) {
		struct emu_window *w = emu_window_find(a->fn->emu, va);

		if (w)
			emu_window_access(a->fn, w, va, buf, *len, a->write);
		else if (a->write)
			write_bytes(va, buf, *len);
		else
			memcpy(buf, va, *len);
	}
	end(a);

	return why;
}

static int access_memory(struct access *a, uvdk_iova_t iova, uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		uvdk_iova_t at = iova + done;
		size_t n = EMU_PAGE_SIZE - (at & (EMU_PAGE_SIZE - 1));
		int why;

		if (n > len - done)
			n = len - done;
		why = copy_page(a, at, buf + done, &n);
		if (why != ACCESS_OK)
			return refuse(a, at, len, why);
		done += n;
	}

	return 0;
}

UVDK_EXPORT int uvdk_emu_dma_read_pasid(struct uvdk_emu_function *fn, uint32_t pasid,
					uvdk_iova_t iova, void *buf, size_t len)
{
	struct access a = {.fn = fn, .pasid = pasid};

	return access_memory(&a, iova, buf, len);
}

UVDK_EXPORT int uvdk_emu_dma_write_pasid(struct uvdk_emu_function *fn, uint32_t pasid,
					 uvdk_iova_t iova, const void *buf, size_t len)
{
	struct access a = {.fn = fn, .pasid = pasid, .write = true};

	/* Never written through: the buffer of a write is its source. */
	return access_memory(&a, iova, (uint8_t *)(uintptr_t)buf, len);
}

UVDK_EXPORT int uvdk_emu_dma_no_snoop(struct uvdk_emu_function *fn, uint32_t pasid,
				      uvdk_iova_t iova, void *buf, size_t len, bool write)
{
	struct access a = {.fn = fn, .pasid = pasid, .write = write, .no_snoop = true};

	return access_memory(&a, iova, buf, len);
}

UVDK_EXPORT uint64_t uvdk_emu_fn_incoherent(const struct uvdk_emu_function *fn)
{
	return atomic_load_explicit(&fn->incoherent, memory_order_relaxed);
}

UVDK_EXPORT int uvdk_emu_dma_read(struct uvdk_emu_function *fn, uvdk_iova_t iova, void *buf,
				  size_t len)
{
	return uvdk_emu_dma_read_pasid(fn, UVDK_EMU_NO_PASID, iova, buf, len);
}

UVDK_EXPORT int uvdk_emu_dma_write(struct uvdk_emu_function *fn, uvdk_iova_t iova, const void *buf,
				   size_t len)
{
	return uvdk_emu_dma_write_pasid(fn, UVDK_EMU_NO_PASID, iova, buf, len);
}

/* Pages may be smaller than these two bytes, and begin anywhere; a peer's BAR is no memory. */
static bool whole(const struct access *a, const uint8_t *va, size_t len)
{
	return len == 2 && !((uintptr_t)va & 1) && !emu_window_find(a->fn->emu, va);
}

static int load_bytes(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint16_t *value)
{
	struct uvdk_le16 le;
	int ret = uvdk_emu_dma_read(fn, iova, &le, sizeof(le));

	if (!ret)
		*value = uvdk_get16(le);

	return ret;
}

UVDK_EXPORT int uvdk_emu_dma_load16(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint16_t *value)
{
	struct access a = {.fn = fn, .pasid = UVDK_EMU_NO_PASID};
	struct uvdk_le16 le = {0};
	size_t len = sizeof(le);
	uint8_t *va = NULL;
	int why;

	if (iova & 1)
		return load_bytes(fn, iova, value);

	why = begin(&a, iova, &len, &va);
	if (why == ACCESS_OK && whole(&a, va, len))
		le.raw = __atomic_load_n((uint16_t *)(void *)va, __ATOMIC_ACQUIRE);
	end(&a);
	if (why != ACCESS_OK)
		return refuse(&a, iova, sizeof(le), why);
	if (!whole(&a, va, len))
		return load_bytes(fn, iova, value);
	*value = uvdk_get16(le);

	return 0;
}

UVDK_EXPORT int uvdk_emu_dma_store16(struct uvdk_emu_function *fn, uvdk_iova_t iova, uint16_t value)
{
	struct access a = {.fn = fn, .pasid = UVDK_EMU_NO_PASID, .write = true};
	struct uvdk_le16 le = uvdk_to_le16(value);
	size_t len = sizeof(le);
	uint8_t *va = NULL;
	int why;

	if (iova & 1)
		return uvdk_emu_dma_write(fn, iova, &le, sizeof(le));

	why = begin(&a, iova, &len, &va);
	if (why == ACCESS_OK && whole(&a, va, len))
		__atomic_store_n((uint16_t *)(void *)va, le.raw, __ATOMIC_RELEASE);
	end(&a);
	if (why != ACCESS_OK)
		return refuse(&a, iova, sizeof(le), why);

	return whole(&a, va, len) ? 0 : uvdk_emu_dma_write(fn, iova, &le, sizeof(le));
}
