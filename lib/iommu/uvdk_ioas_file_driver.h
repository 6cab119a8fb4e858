/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_IOAS_FILE_DRIVER_H
#define UVDK_IOAS_FILE_DRIVER_H

#include <uvdk_iommu.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Maps that are held by a file
 *
 * For lib/dma: a map whose memory may be taken away while the IOVAs stay its own. It
 * is stopped then, and resumed once the memory is there again. Every call is
 * thread-safe and takes the lock of the address space.
 */

/**
 * struct uvdk_ioas_file - part of a file
 * @fd: file; borrowed for the call
 * @offset: first byte
 * @va: where that is in this process, and mapped by address; NULL: by the iommu driver,
 *	from @fd
 * @gone: called by uvdk_ioas_destroy(), with no lock held and nothing attached: unmap what
 *	there is of files, for nobody can afterwards; one function for all
 */
struct uvdk_ioas_file {
	int fd;
	uint64_t offset;
	void *va;
	void (*gone)(struct uvdk_ioas *ioas);
};

/**
 * uvdk_ioas_maps_files() - can files be mapped that have no address?
 * @ioas: address space
 *
 * Return: whether the iommu driver has map_file().
 */
bool uvdk_ioas_maps_files(const struct uvdk_ioas *ioas);

/**
 * uvdk_ioas_file_map() - map part of a file
 * @ioas: address space
 * @file: what
 * @len: bytes, a multiple of the page size
 * @flags: as uvdk_ioas_map(); it is found by IOVA only
 * @iova: as uvdk_ioas_map()
 *
 * Return: as uvdk_ioas_map(); -EOPNOTSUPP (not by this iommu, or not this file).
 */
int uvdk_ioas_file_map(struct uvdk_ioas *ioas, const struct uvdk_ioas_file *file, size_t len,
		       unsigned int flags, uvdk_iova_t *iova);

/**
 * uvdk_ioas_file_stop() - unmap, and keep the IOVAs
 * @ioas: address space
 * @iova: start of a map by uvdk_ioas_file_map()
 *
 * Return: 0 (also if it is stopped already); -ENOENT; or what the driver said: then it
 * is still mapped.
 */
int uvdk_ioas_file_stop(struct uvdk_ioas *ioas, uvdk_iova_t iova);

/**
 * uvdk_ioas_file_resume() - map again what was stopped
 * @ioas: address space
 * @iova: start of the map
 * @file: as it was mapped
 *
 * Return: 0 (also if it is not stopped), -ENOENT, or as uvdk_ioas_file_map().
 */
int uvdk_ioas_file_resume(struct uvdk_ioas *ioas, uvdk_iova_t iova,
			  const struct uvdk_ioas_file *file);

/**
 * uvdk_ioas_file_unmap() - end a map
 * @ioas: address space
 * @iova: start of the map
 *
 * Return: 0, -ENOENT, or what the driver said: then it is still mapped.
 */
int uvdk_ioas_file_unmap(struct uvdk_ioas *ioas, uvdk_iova_t iova);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_IOAS_FILE_DRIVER_H */
