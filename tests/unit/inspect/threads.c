// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uvdk_device_driver.h>
#include <uvdk_inspect.h>
#include <uvdk_iommu_driver.h>
#include <uvdk_pasid.h>

#include "../../expect.h"
#include "fake.h"

/*
 * Everything comes and goes while two look. Plain, and under ThreadSanitizer, over the bus and
 * the iommu of lib/iommu's tests.
 */
#define ROUNDS 200
#define PAGES  512ul

static struct uvdk_inspect *inspect;
static struct uvdk_pasid_space *space;
static bool done;
static char path[64];

static bool over(void)
{
	return __atomic_load_n(&done, __ATOMIC_RELAXED);
}

/* What was looked at is whole: from a brace to a newline. */
static void *looks_by_socket(void *arg)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char text[4096];

	(void)arg;
	strcpy(addr.sun_path, path);
	while (!over()) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		char first = 0, last = 0;
		ssize_t n;

		EXPECT(!connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
		EXPECT(send(fd, "all\n", 4, MSG_NOSIGNAL) == 4);
		while ((n = recv(fd, text, sizeof(text), 0)) > 0) {
			first = first ? first : text[0];
			last = text[n - 1];
		}
		EXPECT(first == '{' && last == '\n');
		close(fd);
	}

	return NULL;
}

static void *looks_by_call(void *arg)
{
	FILE *null = fopen("/dev/null", "w");

	(void)arg;
	while (!over())
		EXPECT(!uvdk_inspect_write(inspect, "all", null));
	fclose(null);

	return NULL;
}

static void map_and_unmap(struct uvdk_ioas *to, char *mem)
{
	for (size_t i = 0; i < PAGES; i++) {
		uvdk_iova_t iova = i * PAGE;

		EXPECT(!uvdk_ioas_map(to, mem + i * PAGE, PAGE, UVDK_MAP_READ | UVDK_MAP_FIXED,
				      &iova));
	}
	EXPECT(!uvdk_ioas_unmap(to, 0, PAGES * PAGE));
}

static void *devices_and_spaces_come_and_go(void *arg)
{
	char *mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct uvdk_ioas *space_of_dev;
		struct uvdk_device *dev;

		EXPECT(!uvdk_device_open(iommu, "fake:0", NULL, &dev));
		EXPECT(!uvdk_ioas_create(iommu, NULL, &space_of_dev));
		EXPECT(!uvdk_ioas_attach(space_of_dev, dev));
		map_and_unmap(space_of_dev, mem);
		if (i % 2)
			uvdk_device_close(dev);
		uvdk_ioas_destroy(space_of_dev);
		if (i % 2 == 0)
			uvdk_device_close(dev);
	}
	munmap(mem, PAGES * PAGE);

	return NULL;
}

static void *pasids_and_sources_come_and_go(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct uvdk_pasid_owner *owner;
		uint32_t first;

		EXPECT(!uvdk_pasid_owner_create(space, 0, &owner));
		EXPECT(!uvdk_pasid_alloc_range(owner, 200, 1, UINT32_MAX, &first));
		uvdk_inspect_remove_pasids(inspect, space);
		EXPECT(!uvdk_inspect_add_pasids(inspect, "again", space));
		uvdk_inspect_remove_iommu(inspect, iommu);
		EXPECT(!uvdk_inspect_add_iommu(inspect, iommu));
		uvdk_pasid_owner_destroy(owner);
	}

	return NULL;
}

int main(void)
{
	void *(*const work[])(void *) = {devices_and_spaces_come_and_go,
					 pasids_and_sources_come_and_go, looks_by_socket,
					 looks_by_call};
	struct uvdk_inspect_opts opts = {.size = sizeof(opts), .path = path};
	pthread_t thread[4];

	snprintf(path, sizeof(path), "/tmp/uvdk-inspect-threads.%d", (int)getpid());
	fake_reset();
	EXPECT(!uvdk_iommu_open("fake", NULL, &iommu));
	EXPECT(!uvdk_pasid_space_create(NULL, &space));
	EXPECT(!uvdk_inspect_create(&opts, &inspect));
	EXPECT(!uvdk_inspect_add_iommu(inspect, iommu));
	EXPECT(!uvdk_inspect_add_pasids(inspect, "numbers", space));
	for (int i = 0; i < 4; i++)
		EXPECT(!pthread_create(&thread[i], NULL, work[i], NULL));
	pthread_join(thread[0], NULL);
	pthread_join(thread[1], NULL);
	__atomic_store_n(&done, true, __ATOMIC_RELAXED);
	pthread_join(thread[2], NULL);
	pthread_join(thread[3], NULL);
	uvdk_inspect_destroy(inspect);
	EXPECT(access(path, F_OK));
	uvdk_pasid_space_destroy(space);
	uvdk_iommu_close(iommu);

	return wrong ? 1 : 0;
}
