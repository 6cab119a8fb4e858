// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pasid_priv.h"

static size_t table_size(uint32_t highest)
{
	return sizeof(struct pasid_table) + ((size_t)highest + 1) * sizeof(struct pasid_entry);
}

static int table_create(uint32_t highest, struct pasid_table **out)
{
	size_t len = table_size(highest);
	struct pasid_table *table = mmap(NULL, len, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (table == MAP_FAILED)
		return uvdk_fail(-ENOMEM, PASID_COMPONENT,
				 "no %zu bytes of address space for %u PASIDs", len, highest);
	if (madvise(table, len, MADV_WIPEONFORK)) {
		munmap(table, len);
		return uvdk_fail(-EOPNOTSUPP, PASID_COMPONENT,
				 "this kernel can't keep PASIDs from children of fork() "
				 "(MADV_WIPEONFORK); Linux 4.14 or later can");
	}
	/* Huge pages would put memory behind PASIDs that are never handed out. */
	madvise(table, len, MADV_NOHUGEPAGE);
	table->ours = 1;
	*out = table;

	return 0;
}

UVDK_EXPORT int uvdk_pasid_space_create(const struct uvdk_pasid_space_opts *opts,
					struct uvdk_pasid_space **out)
{
	struct uvdk_pasid_space_opts o = {.size = sizeof(o)};
	struct uvdk_pasid_space *space;
	int err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_pasid_space_opts");

	if (err)
		return err;
	o.width = o.width ? o.width : UVDK_PASID_WIDTH_MAX;
	if (o.width > UVDK_PASID_WIDTH_MAX)
		return uvdk_fail(-EINVAL, PASID_COMPONENT, "a PASID has 1 to %d bits, not %u",
				 UVDK_PASID_WIDTH_MAX, o.width);
	space = calloc(1, sizeof(*space));
	if (!space)
		return uvdk_fail(-ENOMEM, PASID_COMPONENT, "no memory for a PASID space");

	space->highest = (1u << o.width) - 1;
	space->lowest = 1;
	TAILQ_INIT(&space->all);
	space->pid = getpid();
	err = table_create(space->highest, &space->table);
	if (err)
		goto free;
	*out = space;

	return 0;
free:
	free(space);
	return err;
}

/* In a child the lock may be held, for ever, by a thread that did not come along. */
static uint32_t owners_of(struct uvdk_pasid_space *space)
{
	uint32_t owners;

	if (pasid_orphaned(space))
		return 0;
	uvdk_lock_acquire(&space->lock);
	owners = space->owners;
	uvdk_lock_release(&space->lock);

	return owners;
}

UVDK_EXPORT void uvdk_pasid_space_destroy(struct uvdk_pasid_space *space)
{
	uint32_t owners;

	if (!space)
		return;

	owners = owners_of(space);
	if (owners) {
		/* Freeing what they stand on would be worse than keeping it. */
		uvdk_log(UVDK_LOG_ERR, PASID_COMPONENT,
			 "the PASID space stays: %u owners are still in it; destroy them first",
			 owners);
		return;
	}
	munmap(space->table, table_size(space->highest));
	free(space);
}

int pasid_fail_orphaned(const struct uvdk_pasid_space *space)
{
	return uvdk_fail(-EPERM, PASID_COMPONENT,
			 "this PASID space belongs to process %d; process %d, its child, has none "
			 "of its PASIDs: create a space here",
			 (int)space->pid, (int)getpid());
}

int pasid_fail_held(const struct uvdk_pasid_space *space, int err, uint32_t pasid, const char *what)
{
	switch (err) {
	case -ERANGE:
		return uvdk_fail(err, PASID_COMPONENT, "can't %s PASID %u: this space has 1 to %u",
				 what, pasid, space->highest);
	case -ENOENT:
		return uvdk_fail(err, PASID_COMPONENT,
				 "can't %s PASID %u: nobody holds it; allocate it first", what,
				 pasid);
	case -EACCES:
		return uvdk_fail(err, PASID_COMPONENT, "can't %s PASID %u: another owner holds it",
				 what, pasid);
	case -EBUSY:
		return uvdk_fail(err, PASID_COMPONENT,
				 "can't %s PASID %u: it is being freed, and its users are being "
				 "told",
				 what, pasid);
	default:
		return err;
	}
}
