// SPDX-License-Identifier: BSD-3-Clause
/*
 * viommu_status UNIT BDF BDF: every status that QEMU's virtio-iommu answers with, by requests to
 * the device itself, as the driver's address spaces never make them: the errno, and a sentence that
 * has the request and the status. Then a device that asks for a reset.
 *
 * QEMU never says IOERR, FAULT or NOMEM: its source has no place that does. DEVERR it has, for a
 * request too short to have a type, but gives the queue up before it gets there. tests/unit has all
 * of them, on a device of its own.
 */
#include <uvdk_topology.h>

#include "dev_common.h"
#include "viommu.h"

#define PAGE	      4096u
#define IOVA	      UINT64_C(0x40000000)
#define ONE	      1u	/* a domain */
#define TWO	      2u	/* another */
#define NONE	      0x7fff00u /* a domain that nobody made */
#define NO_EP	      0xff00u	/* 255:00.0: an endpoint that does not exist */
#define RW	      (VIOMMU_MAP_READ | VIOMMU_MAP_WRITE)

#define BYPASS_OFFSET 36 /* virtio 1.2, 5.13.4 */

static struct viommu viommu;
static struct viommu_unit *unit;
static const char *name; /* of the unit */
static uint32_t ep, other;

/* ---- requests ---- */

static struct viommu_request attach(uint32_t endpoint, uint32_t domain, uint32_t flags)
{
	return (struct viommu_request){
		.op = VIOMMU_ATTACH, .domain = domain, .endpoint = endpoint, .flags = flags};
}

static struct viommu_request detach(uint32_t endpoint, uint32_t domain)
{
	return (struct viommu_request){.op = VIOMMU_DETACH, .domain = domain, .endpoint = endpoint};
}

/* @count pages from page @first on. */
static struct viommu_request map(uint32_t domain, uint64_t first, uint64_t count, uint32_t flags)
{
	return (struct viommu_request){.op = VIOMMU_MAP,
				       .domain = domain,
				       .flags = flags,
				       .first = IOVA + first * PAGE,
				       .last = IOVA + (first + count) * PAGE - 1,
				       .phys = first * PAGE};
}

static struct viommu_request unmap(uint32_t domain, uint64_t first, uint64_t count)
{
	struct viommu_request request = map(domain, first, count, 0);

	request.op = VIOMMU_UNMAP;
	return request;
}

static struct viommu_request probe(uint32_t endpoint)
{
	static uint8_t reply[65536];

	return (struct viommu_request){.op = VIOMMU_PROBE, .endpoint = endpoint, .reply = reply};
}

/* ---- what must come of them ---- */

static void fine(struct viommu_request request)
{
	CHECK_EQ(viommu_call(unit, &request), 0);
}

static void says(const char *words)
{
	CHECK(strstr(uvdk_last_error(), words), "no \"%s\"", words);
}

/* @what, @status: as the sentence has them. */
static void refused(struct viommu_request request, int err, const char *what, const char *status)
{
	CHECK_ERR(viommu_call(unit, &request), err);
	says(name);
	says(what);
	says(status);
}

static void good(void)
{
	struct viommu_request request = attach(ep, ONE, 0);

	/* An owner before us may have left maps there, see viommu_empty(). */
	CHECK_EQ(viommu_empty(unit, ONE), 0);
	CHECK_EQ(viommu_empty(unit, TWO), 0);
	fine(request);
	fine(probe(ep));
	fine(map(ONE, 0, 4, RW));
	fine(map(ONE, 4, 1, VIOMMU_MAP_READ));
	fine(map(ONE, 5, 1, VIOMMU_MAP_WRITE));
	/* Nothing is mapped there: not an error (5.13.6.6). Two maps at once are none either. */
	fine(unmap(ONE, 100, 50));
	fine(unmap(ONE, 4, 2));
	printf("OK: all good\n");
}

static void invalid(void)
{
	static const char inval[] = "INVAL (4)";

	refused(map(ONE, 0, 4, RW), -EINVAL, "MAP of 0x40000000 to 0x40003fff in domain 1", inval);
	refused(map(ONE, 1, 1, RW), -EINVAL, "MAP of 0x40001000 to 0x40001fff in domain 1", inval);
	refused(map(ONE, 3, 9, RW), -EINVAL, "MAP of 0x40003000 to 0x4000bfff in domain 1", inval);
	refused(map(ONE, 50, 1, RW | 8), -EINVAL, "flags 0xb", inval);
	refused(attach(ep, ONE, 2), -EINVAL, "ATTACH of endpoint", inval);
	refused(detach(ep, TWO), -EINVAL, "DETACH of endpoint", inval);
	/* What was refused has not become a map. */
	fine(map(ONE, 4, 100, RW));
	fine(unmap(ONE, 4, 100));
	printf("INVAL: all good\n");
}

/*
 * Nothing is translated in a bypass domain (5.13.6.3.1). QEMU allows them even where BYPASS_CONFIG
 * was not accepted; nobody lets this endpoint be a bus master.
 */
static void bypass(void)
{
	static const char inval[] = "INVAL (4)";

	refused(attach(other, ONE, 1), -EINVAL, "ATTACH of endpoint", inval);
	fine(attach(other, TWO, 1));
	refused(map(TWO, 0, 1, RW), -EINVAL, "MAP of 0x40000000", inval);
	refused(unmap(TWO, 0, 1), -EINVAL, "UNMAP of 0x40000000", inval);
	fine(detach(other, TWO));
	/* A device may say INVAL, too; domain.c takes both for "it is detached". */
	refused(detach(other, TWO), -ENOENT, "DETACH of endpoint", "NOENT (6)");
	printf("bypass: all good\n");
}

static void out_of_range(void)
{
	static const char range[] = "RANGE (5)";

	/* Part of a map: its begin, its middle, its end and more. It stays as a whole. */
	refused(unmap(ONE, 0, 1), -ERANGE, "UNMAP of 0x40000000 to 0x40000fff in domain 1", range);
	refused(unmap(ONE, 1, 2), -ERANGE, "UNMAP of 0x40001000 to 0x40002fff in domain 1", range);
	refused(unmap(ONE, 3, 9), -ERANGE, "UNMAP of 0x40003000 to 0x4000bfff in domain 1", range);
	refused(map(ONE, 0, 1, RW), -EINVAL, "MAP of 0x40000000", "INVAL (4)");
	refused(map(ONE, 3, 1, RW), -EINVAL, "MAP of 0x40003000", "INVAL (4)");
	printf("RANGE: all good\n");
}

static void unknown(void)
{
	static const char noent[] = "NOENT (6)";

	refused(attach(NO_EP, ONE, 0), -ENOENT, "ATTACH of endpoint 0xff00, domain 1", noent);
	refused(detach(NO_EP, ONE), -ENOENT, "DETACH of endpoint 0xff00, domain 1", noent);
	refused(probe(NO_EP), -ENOENT, "PROBE of endpoint 0xff00", noent);
	refused(map(NONE, 0, 1, RW), -ENOENT, "in domain 8388352", noent);
	refused(unmap(NONE, 0, 1), -ENOENT, "in domain 8388352", noent);
	/* A domain ends with its last endpoint, and its maps do. */
	fine(detach(ep, ONE));
	refused(unmap(ONE, 0, 4), -ENOENT, "in domain 1", noent);
	fine(attach(ep, ONE, 0));
	fine(map(ONE, 0, 4, RW));
	printf("NOENT: all good\n");
}

static void unsupported(void)
{
	static const unsigned int types[] = {6, 99, 255};

	for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct viommu_request request = attach(ep, ONE, 0);
		char what[32];

		request.op = (enum viommu_op)types[i];
		snprintf(what, sizeof(what), "request type %u", types[i]);
		refused(request, -EOPNOTSUPP, what, "UNSUPP (2)");
	}
	printf("UNSUPP: all good\n");
}

/*
 * A device should refuse these (5.13.6.5.2), and QEMU 11.1 takes them: that the driver looks for
 * itself is needed. Either answer will do here; what was taken is undone.
 */
static void either(const char *what, struct viommu_request request, int err)
{
	int ret = viommu_call(unit, &request);

	CHECK(!ret || ret == err, "%s: %d", what, ret);
	printf("  %s: %s\n", what, ret ? uvdk_last_error() : "taken");
	if (!ret && request.op == VIOMMU_MAP) {
		request.op = VIOMMU_UNMAP;
		fine(request);
	}
}

static void careless(void)
{
	const struct viommu_config *config = &unit->config;
	struct viommu_request request = map(ONE, 200, 1, RW);

	request.phys += 8;
	either("a MAP to memory in the middle of a page", request, -ERANGE);
	request = map(ONE, 200, 1, RW);
	request.first += 8;
	either("a MAP from the middle of a page on", request, -ERANGE);
	if (config->input_last != UINT64_MAX) {
		request.first = config->input_last + 1;
		request.last = config->input_last + PAGE;
		either("a MAP beyond the input range", request, -ERANGE);
	}
	if (config->domain_last != UINT32_MAX) {
		either("an ATTACH beyond the domain range",
		       attach(other, config->domain_last + 1, 0), -ERANGE);
		CHECK_EQ(viommu_empty(unit, config->domain_last + 1), 0);
	}
	printf("careless: all good\n");
}

/* QEMU stops the device where its driver writes a bypass that is neither 0 nor 1. */
static void wants_reset(void)
{
	struct viommu_request request = map(ONE, 300, 1, RW);

	CHECK_EQ(uvdk_virtio_config_write8(&unit->virtio, BYPASS_OFFSET, 2), 0);
	CHECK(uvdk_virtio_status(&unit->virtio) & UVDK_VIRTIO_STATUS_NEEDS_RESET, "it is content");
	refused(request, -ECANCELED, "MAP of 0x4012c000", "asks for a reset");
	/* At once from then on, until it is put right. */
	refused(request, -ECANCELED, "MAP of 0x4012c000", "asks for a reset");
	pthread_mutex_lock(&unit->lock);
	CHECK_EQ(viommu_unit_check(unit), 0);
	pthread_mutex_unlock(&unit->lock);
	CHECK_EQ(viommu_empty(unit, ONE), 0);
	fine(attach(ep, ONE, 0));
	fine(request);
	fine(unmap(ONE, 300, 1));
	printf("NEEDS_RESET: all good\n");
}

/* ---- the device alone ---- */

static uint32_t endpoint_of(const struct uvdk_topology *topology, const char *bdf)
{
	struct uvdk_pci_addr addr;
	unsigned int index;
	uint32_t endpoint;

	CHECK_EQ(uvdk_pci_addr_parse(bdf, &addr), 0);
	CHECK_EQ(uvdk_topology_find(topology, &addr, &index, &endpoint), 0);
	return endpoint;
}

static void find(const char *bdf, const char *other_bdf)
{
	struct uvdk_topology *topology;

	CHECK_EQ(uvdk_topology_read(NULL, &topology), 0);
	ep = endpoint_of(topology, bdf);
	other = endpoint_of(topology, other_bdf);
	uvdk_topology_free(topology);
}

static void open_all(void)
{
	viommu.name = "virtio";
	CHECK_EQ(pthread_mutex_init(&viommu.lock, NULL), 0);
	CHECK_EQ(uvdk_phys_open(&viommu.phys, VIOMMU, false), 0);
	CHECK_EQ(uvdk_iommu_open("noiommu", NULL, &viommu.inner), 0);
	CHECK_EQ(uvdk_ioas_create(viommu.inner, NULL, &viommu.memory), 0);
	CHECK_EQ(viommu_unit_open(&viommu, name, 0, &unit), 0);
}

static void close_all(void)
{
	fine(detach(ep, ONE));
	viommu_unit_close(unit);
	uvdk_ioas_destroy(viommu.memory);
	uvdk_iommu_close(viommu.inner);
	uvdk_phys_close(&viommu.phys);
	pthread_mutex_destroy(&viommu.lock);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	name = argv[1];
	find(argv[2], argv[3]);
	open_all();
	good();
	invalid();
	bypass();
	out_of_range();
	unknown();
	unsupported();
	careless();
	wants_reset();
	close_all();
	printf("statuses: all good\n");
	return 0;
}
