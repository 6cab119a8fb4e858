// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "dmabuf_priv.h"

#define DMA_BUF_MAGIC	0x444d4142
#define HUGETLBFS_MAGIC 0x958458f6

static bool is_dma_buf(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == DMA_BUF_MAGIC;
}

/* Bytes; a memfd's position is not touched, a dma-buf has none. */
static uint64_t size_of(int fd, enum uvdk_dmabuf_kind kind)
{
	struct stat st;
	off_t end;

	if (kind == UVDK_DMABUF_MEMORY)
		return fstat(fd, &st) ? 0 : (uint64_t)st.st_size;
	end = lseek(fd, 0, SEEK_END);

	return end < 0 ? 0 : (uint64_t)end;
}

static int find_kind(int fd, const struct uvdk_export *export, enum uvdk_dmabuf_kind *kind)
{
	if (fcntl(fd, F_GETFD) < 0)
		return uvdk_fail(-EINVAL, DMABUF, "%d is no open descriptor", fd);
	if (export)
		*kind = UVDK_DMABUF_BAR;
	else if (fcntl(fd, F_GET_SEALS) >= 0)
		*kind = UVDK_DMABUF_MEMORY;
	else if (is_dma_buf(fd))
		*kind = UVDK_DMABUF_FOREIGN;
	else
		return uvdk_fail(
			-EINVAL, DMABUF,
			"descriptor %d is neither a file in memory (memfd, tmpfs, hugetlbfs) "
			"nor a dma-buf: map other files with mmap(), if their pages may be "
			"pinned, and uvdk_ioas_map()",
			fd);

	return 0;
}

/* The kernel looks at neither (IOMMU_IOAS_MAP_FILE, Linux 7.2). */
static int check_writable(int fd, const struct dmabuf *map)
{
	int seals = map->info.kind == UVDK_DMABUF_MEMORY ? fcntl(fd, F_GET_SEALS) : 0;

	if (!(map->info.flags & UVDK_MAP_WRITE))
		return 0;
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return uvdk_fail(-EPERM, DMABUF,
				 "descriptor %d is open for reading only: map it without "
				 "UVDK_MAP_WRITE",
				 fd);
	if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return uvdk_fail(-EPERM, DMABUF,
				 "descriptor %d is sealed against writing: map it without "
				 "UVDK_MAP_WRITE",
				 fd);

	return 0;
}

static int check_range(int fd, const struct dmabuf *map, const struct uvdk_export *export)
{
	uint64_t size = export ? export->len : size_of(fd, map->info.kind);

	if (map->info.offset <= size && map->info.len <= size - map->info.offset)
		return 0;

	return uvdk_fail(-EINVAL, DMABUF,
			 "0x%" PRIx64 "+0x%zx is not in descriptor %d, which has 0x%" PRIx64
			 " bytes",
			 map->info.offset, map->info.len, fd, size);
}

/* Kept to map it again. */
static int keep(struct dmabuf *map, int fd)
{
	map->file.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (map->file.fd < 0)
		return uvdk_fail(-errno, DMABUF, "copy of descriptor %d: %s", fd, strerror(errno));

	return 0;
}

/* The BAR as this process has it mapped: an iommu that maps by address takes that (type1). */
static int find_bar(struct dmabuf *map, const struct uvdk_export *export)
{
	struct uvdk_region bar;
	int err = 0;

	if (export->at) {
		map->file.va = (char *)export->at + map->info.offset;
		return 0;
	}
	err = uvdk_device_region(export->dev, export->index, &bar);
	if (err)
		return err;
	map->file.va = (void *)(uintptr_t)uvdk_region_ptr(&bar, export->offset + map->info.offset,
							  map->info.len);
	if (!map->file.va)
		return uvdk_fail(-EOPNOTSUPP, DMABUF,
				 "%s: this part of BAR %u can't be mapped in the process, and this "
				 "iommu maps by address: iommufd does without",
				 map->name, export->index);

	return 0;
}

static int not_pages(const struct dmabuf *map)
{
	return uvdk_fail(-EDOM, DMABUF,
			 "0x%" PRIx64 "+0x%zx of a file is not made of whole pages of %zu bytes: "
			 "align offset and length",
			 map->info.offset, map->info.len, uvdk_ioas_page_size(map->info.ioas));
}

/* mmap() rounds lengths up to these by itself, munmap() does not: and offsets, neither. */
static uint64_t page_of(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (uint32_t)fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize
									   : 1;
}

static int map_memory(struct dmabuf *map, int fd)
{
	int prot = map->info.flags & UVDK_MAP_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
	uint64_t page = page_of(fd), before = map->info.offset % page;
	size_t len = (map->info.len + before + page - 1) / page * page;
	char *at = mmap(NULL, len, prot, MAP_SHARED, fd, (off_t)(map->info.offset - before));

	if (at == MAP_FAILED && map->info.kind == UVDK_DMABUF_FOREIGN)
		return uvdk_fail(-EOPNOTSUPP, DMABUF,
				 "this dma-buf's exporter does not let it be mapped in a process "
				 "(%s), and this iommu maps by address: iommufd takes dma-bufs of "
				 "vfio-pci as they are",
				 strerror(errno));
	if (at == MAP_FAILED)
		return uvdk_fail(-errno, DMABUF, "mapping 0x%zx bytes of descriptor %d: %s", len,
				 fd, strerror(errno));
	map->own = at;
	map->own_len = len;
	map->file.va = at + before;

	return 0;
}

int dmabuf_open(struct dmabuf *map, int fd, const struct uvdk_export *export)
{
	uint64_t low = uvdk_ioas_page_size(map->info.ioas) - 1;
	int err = find_kind(fd, export, &map->info.kind);

	map->file = (struct uvdk_ioas_file){.fd = -1, .offset = map->info.offset};
	if (!err)
		err = check_writable(fd, map);
	if (!err)
		err = check_range(fd, map, export);
	if (!err && (map->info.offset | map->info.len) & low)
		err = not_pages(map);
	if (err)
		return err;

	if (export) {
		map->info.exporter = export->dev;
		map->info.bar = export->index;
		map->info.bar_offset = export->offset + map->info.offset;
		snprintf(map->name, sizeof(map->name), "%s",
			 uvdk_device_get_info(export->dev)->name);
	}
	if (uvdk_ioas_maps_files(map->info.ioas))
		return keep(map, fd);
	err = export ? find_bar(map, export) : map_memory(map, fd);
	if (!err && map->own)
		map->info.va = map->file.va;

	return err;
}

void dmabuf_close(struct dmabuf *map)
{
	if (map->file.fd >= 0)
		close(map->file.fd);
	if (map->own)
		munmap(map->own, map->own_len);
}
