// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "viommu.h"

/*
 * One virtio-iommu: bringing it up, putting it right, giving it up.
 *
 * What an endpoint behind it reaches, if somebody lets the endpoint write and read (its bus master
 * enable is on; vfio turns it off when a function is opened, and when it is closed or its owner
 * dies):
 *
 *   step                                    | attached to a domain | attached to none
 *   ----------------------------------------+----------------------+------------------------------
 *   before the first start                  | what its last owner  | what the machine chose: QEMU:
 *                                           | mapped               | all memory (boot-bypass=on)
 *   reset (uvdk_virtio_begin())             | nothing; QEMU keeps  | as before it
 *                                           | what was attached    |
 *   features in force, without BYPASS       | likewise             | BYPASS_CONFIG: as before it
 *                                           |                      | else: nothing (5.13.6.3.2)
 *   bypass written 0 and read back          | likewise             | nothing
 *   DRIVER_OK ... viommu_unit_close()       | what is mapped       | nothing
 *   a reset by us (viommu_unit_check())     | nothing, until it is | BYPASS_CONFIG: nothing, where
 *                                           | attached again; QEMU | bypass outlives a reset, as in
 *                                           | keeps what it had    | QEMU; else as before the start
 *   viommu_unit_close(): all are detached   | -                    | likewise
 *   viommu_unit_bury()                      | nothing: bus mastering| likewise
 *                                           | is off, until their  |
 *                                           | drivers turn it on:  |
 *                                           | then as after a reset|
 *   the process dies                        | what was mapped,     | likewise
 *                                           | until the next start,|
 *                                           | or a reset of vfio's,|
 *                                           | if the device forgets|
 *                                           | at it (QEMU: not)    |
 *
 * So no endpoint is opened before its unit is at DRIVER_OK, and all are closed before their unit
 * is. The next start resets the unit before it may reach memory (bus master), so that the queues of
 * a process that died are not used again; and since a domain may outlive that reset, sweep.c
 * detaches what is behind the unit once it is up, and domain.c empties each domain before use, and
 * detaches each endpoint when it is opened. Memory of a unit that was given up with endpoints
 * attached stays locked (viommu_ioas_lose()).
 */

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_IOMMU  0x1057 /* 0x1040 + 23 (4.1.2, 5) */

#define RESETS_MAX    4 /* that a device may ask for while it is put right */

/* ---- bringing it up; under unit->transport, or nobody else knows of it ---- */

static int begin(struct viommu_unit *unit, struct viommu_config *config)
{
	struct uvdk_virtio *virtio = &unit->virtio;
	int err = uvdk_virtio_begin(virtio);

	if (!err)
		err = uvdk_virtio_negotiate(virtio, viommu_features);
	if (!err)
		err = viommu_bypass_off(virtio);
	if (!err)
		err = viommu_config_read(virtio, config);
	if (err)
		return err;
	err = uvdk_virtio_generation(virtio);
	if (err < 0)
		return err;
	unit->generation = err;

	return 0;
}

static int start(struct viommu_unit *unit)
{
	int err = viommu_ring_start(unit->ring);

	if (!err)
		err = viommu_events_start(unit->events);
	if (!err)
		err = uvdk_virtio_driver_ok(&unit->virtio);
	if (err)
		return err;
	viommu_ring_resume(unit->ring);
	viommu_events_resume(unit->events);

	return 0;
}

/* Nothing of what was there before is seen by the device afterwards. */
static void halt(struct viommu_unit *unit)
{
	if (unit->stopped)
		return;
	unit->stopped = true;
	uvdk_virtio_reset(&unit->virtio); /* what does not obey loses its bus master enable */
}

static int give_up(struct viommu_unit *unit, int err)
{
	if (!viommu_unit_dead(unit))
		uvdk_log(UVDK_LOG_WARN, VIOMMU,
			 "%s: given up (%s), and reset: close the devices behind it, whose bus "
			 "mastering is off now; they may reach what was mapped if it is turned on, "
			 "and the reset has not undone that",
			 unit->virtio.name, strerror(-err));
	__atomic_store_n(&unit->dead, true, __ATOMIC_RELEASE);
	if (!unit->stopped)
		viommu_stop_endpoints(unit);
	viommu_ring_fail(unit->ring, err);
	halt(unit);

	return err;
}

int viommu_unit_bury(struct viommu_unit *unit, int err)
{
	pthread_mutex_lock(&unit->transport);
	give_up(unit, err);
	pthread_mutex_unlock(&unit->transport);

	return err;
}

/* ---- opening ---- */

static int check_identity(struct uvdk_device *dev)
{
	const struct uvdk_device_info *info = uvdk_device_get_info(dev);

	if (info->vendor == VENDOR_VIRTIO && info->device == DEVICE_IOMMU)
		return 0;

	return uvdk_fail(
		-ENODEV, VIOMMU,
		"%s: is %04x:%04x, not a virtio-iommu (%04x:%04x): does the firmware's table "
		"fit the machine?",
		info->name, info->vendor, info->device, VENDOR_VIRTIO, DEVICE_IOMMU);
}

static int open_function(struct viommu_unit *unit, const char *spec)
{
	int err = uvdk_device_open(unit->viommu->inner, spec, NULL, &unit->dev);

	if (err)
		return err;
	err = check_identity(unit->dev);
	if (!err)
		err = uvdk_ioas_attach(unit->viommu->memory, unit->dev);
	if (!err)
		err = uvdk_virtio_open(unit->dev, &unit->virtio);
	if (err)
		uvdk_device_close(unit->dev);

	return err;
}

static int bring_up(struct viommu_unit *unit)
{
	int err = begin(unit, &unit->config);

	if (!err)
		err = viommu_ring_open(unit, &unit->ring);
	if (!err)
		err = viommu_events_open(unit, &unit->events);
	if (!err)
		err = start(unit);
	if (!err)
		return 0;

	halt(unit);
	viommu_events_close(unit->events);
	viommu_ring_close(unit->ring);
	return err;
}

int viommu_unit_open(struct viommu *viommu, const char *spec, unsigned int index,
		     struct viommu_unit **out)
{
	struct viommu_unit *unit = calloc(1, sizeof(*unit));
	int err;

	if (!unit)
		return uvdk_fail(-ENOMEM, VIOMMU, "no memory for an I/O MMU");
	unit->viommu = viommu;
	unit->index = index;
	LIST_INIT(&unit->domains);
	err = open_function(unit, spec);
	if (err)
		goto free_unit;
	err = bring_up(unit);
	if (err)
		goto close_function;

	pthread_mutex_init(&unit->lock, NULL);
	pthread_mutex_init(&unit->transport, NULL);
	*out = unit;
	return 0;
close_function:
	uvdk_device_close(unit->dev);
free_unit:
	free(unit);
	return err;
}

void viommu_unit_close(struct viommu_unit *unit)
{
	if (!unit)
		return;
	viommu_ring_fail(unit->ring, -ENODEV);
	halt(unit);
	viommu_events_close(unit->events);
	viommu_ring_close(unit->ring);
	uvdk_device_close(unit->dev);
	pthread_mutex_destroy(&unit->transport);
	pthread_mutex_destroy(&unit->lock);
	free(unit);
}

/* ---- putting it right ---- */

/* Under unit->transport. NULL: nothing is wrong. */
static const char *what_is_wrong(struct viommu_unit *unit)
{
	uint8_t command[2];
	int status = uvdk_virtio_status(&unit->virtio);

	if (status < 0 || uvdk_device_config_read(unit->dev, 4, command, sizeof(command)))
		return "does not answer";
	if (status & UVDK_VIRTIO_STATUS_NEEDS_RESET)
		return "asks for a reset";
	if (!(status & UVDK_VIRTIO_STATUS_DRIVER_OK))
		return "was reset behind our back";
	if (!(command[0] & UVDK_PCI_COMMAND_MASTER))
		return "may not reach memory any more (bus master is off)";
	if (viommu_ring_state(unit->ring))
		return "wanted a reset";

	return NULL;
}

/* Under unit->transport. The configuration may change at any time (5.13.4 does not forbid it). */
static void look_at_config(struct viommu_unit *unit)
{
	struct viommu_config now;
	int generation = uvdk_virtio_generation(&unit->virtio);

	if (generation < 0 || generation == unit->generation)
		return;
	unit->generation = generation;
	/* Where it makes no sense any more, reading it has said so. */
	if (viommu_config_read(&unit->virtio, &now) ||
	    viommu_config_shrunk(unit->virtio.name, &unit->config, &now))
		__atomic_store_n(&unit->shrunk, true, __ATOMIC_RELEASE);
}

/* Under unit->transport. All requests are over, and nobody is attached. */
static int restart(struct viommu_unit *unit)
{
	struct viommu_config now;
	int err;

	viommu_ring_fail(unit->ring, -ECANCELED);
	err = begin(unit, &now);
	if (!err)
		err = start(unit);
	unit->generation = -1; /* looked at once all is back: that is not refused for it */

	return err;
}

/* Under unit->transport. It may ask at any time, in the middle of a restart, too. */
static bool wants_reset(struct viommu_unit *unit)
{
	int status = uvdk_virtio_status(&unit->virtio);

	return status >= 0 && status & UVDK_VIRTIO_STATUS_NEEDS_RESET;
}

/*
 * 0: all is well; 1: it is up again, and has forgotten all; -ECANCELED: it wants another reset; or
 * -ENODEV.
 */
static int check(struct viommu_unit *unit)
{
	const char *wrong;
	int err = 0;

	if (viommu_unit_dead(unit))
		return give_up(unit, -ENODEV);
	wrong = what_is_wrong(unit);
	if (!wrong) {
		look_at_config(unit);
		return 0;
	}
	uvdk_log(UVDK_LOG_WARN, VIOMMU,
		 "%s: %s: it is reset, and what was attached and mapped is put back",
		 unit->virtio.name, wrong);
	err = restart(unit);
	if (err && wants_reset(unit))
		return -ECANCELED;

	return err ? give_up(unit, -ENODEV) : 1;
}

static int put_back(struct viommu_unit *unit)
{
	struct viommu_domain *domain;
	int err;

	LIST_FOREACH(domain, &unit->domains, of_unit)
	{
		err = viommu_domain_restore(domain);
		if (err)
			return err;
	}

	return 0;
}

/* 0, or -ECANCELED: it wants another reset, or -ENODEV. */
static int check_once(struct viommu_unit *unit)
{
	int ret;

	pthread_mutex_lock(&unit->transport);
	ret = check(unit);
	pthread_mutex_unlock(&unit->transport);
	if (ret <= 0)
		return ret;

	ret = put_back(unit);
	if (ret)
		return ret == -ECANCELED ? ret : viommu_unit_bury(unit, -ENODEV);
	pthread_mutex_lock(&unit->transport);
	look_at_config(unit);
	pthread_mutex_unlock(&unit->transport);

	return 0;
}

int viommu_unit_check(struct viommu_unit *unit)
{
	int err = -ECANCELED;

	for (unsigned int i = 0; i < RESETS_MAX && err == -ECANCELED; i++)
		err = check_once(unit);

	return err == -ECANCELED ? viommu_unit_bury(unit, -ENODEV) : err;
}
