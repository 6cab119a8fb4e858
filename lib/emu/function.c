// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "emu_priv.h"
#include "gate.h"
#include "vtd_priv.h"

#define SPEC_PREFIX "emu:"

UVDK_EXPORT void *uvdk_emu_fn_priv(const struct uvdk_emu_function *fn)
{
	return fn->priv;
}

UVDK_EXPORT void uvdk_emu_fn_set_priv(struct uvdk_emu_function *fn, void *priv)
{
	fn->priv = priv;
}

UVDK_EXPORT struct uvdk_emu *uvdk_emu_fn_emu(const struct uvdk_emu_function *fn)
{
	return fn->emu;
}

UVDK_EXPORT const char *uvdk_emu_fn_name(const struct uvdk_emu_function *fn)
{
	return fn->name;
}

UVDK_EXPORT uint8_t uvdk_emu_fn_slot(const struct uvdk_emu_function *fn)
{
	return fn->slot;
}

UVDK_EXPORT bool uvdk_emu_fn_gone(const struct uvdk_emu_function *fn)
{
	return atomic_load(&fn->gone);
}

UVDK_EXPORT bool uvdk_emu_fn_removal_asked(const struct uvdk_emu_function *fn)
{
	return atomic_load(&fn->removal_asked);
}

UVDK_EXPORT void uvdk_emu_fn_set_event(struct uvdk_emu_function *fn, int fd)
{
	pthread_mutex_lock(&fn->lock);
	fn->event_fd = fd;
	pthread_mutex_unlock(&fn->lock);
}

static int find_model(const char *spec, const struct uvdk_emu_model **model, const char **args)
{
	const char *name = spec + strlen(SPEC_PREFIX);
	char known[256];
	size_t len;

	if (strncmp(spec, SPEC_PREFIX, strlen(SPEC_PREFIX)))
		return uvdk_fail(-EINVAL, "emu", "\"%s\" does not begin with \"emu:\"", spec);

	len = strcspn(name, ",");
	*args = name[len] ? name + len + 1 : NULL;
	*model = emu_model_find(name, len);
	if (!*model) {
		emu_model_list(known, sizeof(known));
		return uvdk_fail(-ENODEV, "emu", "there is no model \"%.*s\"; there are: %s",
				 (int)len, name, known);
	}
	if (*args && !**args)
		return uvdk_fail(-EINVAL, "emu",
				 "\"%s\" ends in a comma: say what follows, or leave it out", spec);

	return 0;
}

/* Lowest number that no function of this model has. */
static unsigned int free_number(const struct uvdk_emu *emu, const struct uvdk_emu_model *model)
{
	uint32_t taken = 0;

	for (unsigned int i = 0; i < EMU_SLOTS; i++)
		if (emu->fns[i] && emu->fns[i]->model == model)
			taken |= UINT32_C(1) << emu->fns[i]->number;

	return (unsigned int)__builtin_ctzll(~(uint64_t)taken);
}

static struct uvdk_emu_function *fn_new(struct uvdk_emu *emu, const struct uvdk_emu_model *model,
					unsigned int slot)
{
	struct uvdk_emu_function *fn = calloc(1, sizeof(*fn));

	if (!fn)
		return NULL;
	pthread_mutex_init(&fn->lock, NULL);
	fn->emu = emu;
	fn->model = model;
	fn->slot = (uint8_t)slot;
	fn->event_fd = -1;
	fn->number = free_number(emu, model);
	snprintf(fn->name, sizeof(fn->name), SPEC_PREFIX "%s#%u", model->name, fn->number);
	emu_config_init(fn);

	return fn;
}

void emu_fn_free(struct uvdk_emu_function *fn)
{
	emu_irq_free(fn);
	pthread_mutex_destroy(&fn->lock);
	free(fn);
}

/* Everything its model did not say, or said wrong. */
static int fn_finish(struct uvdk_emu_function *fn, const struct uvdk_args *args)
{
	int ret = uvdk_args_finish(args, fn->name);

	if (ret)
		return ret;
	if (fn->misdescribed || !emu_msix_describes(fn))
		return uvdk_fail(-EINVAL, "emu",
				 "%s: its model describes a BAR that cannot be, or an MSI-X table "
				 "outside its BAR",
				 fn->name);
	ret = emu_irq_alloc(fn);
	if (ret)
		return ret;
	emu_config_finish(fn);

	return 0;
}

/* Behind which remapping unit: "iommu=N", whatever the model. */
static int fn_place(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	uint64_t unit = 0;
	int ret = uvdk_args_u64(args, "iommu", 0, fn->emu->nr_units - 1, &unit);

	if (!ret)
		fn->vtd = vtd_of(fn->emu, (unsigned int)unit);

	return ret;
}

static int plug_locked(struct uvdk_emu *emu, const struct uvdk_emu_model *model,
		       struct uvdk_args *args, struct uvdk_emu_function **out)
{
	struct uvdk_emu_function *fn;
	unsigned int slot;
	int ret;

	for (slot = 0; slot < EMU_SLOTS && emu->fns[slot]; slot++)
		;
	if (slot == EMU_SLOTS)
		return uvdk_fail(-ENOSPC, "emu",
				 "the emulated bus has %d functions, and no more fit", EMU_SLOTS);
	fn = fn_new(emu, model, slot);
	if (!fn)
		return uvdk_fail(-ENOMEM, "emu", "no memory for a function");

	ret = fn_place(fn, args);
	if (ret)
		goto err_free;
	ret = model->create(fn, args);
	if (ret)
		goto err_free;
	ret = fn_finish(fn, args);
	if (ret)
		goto err_destroy;

	vtd_plug(fn);
	emu->fns[slot] = fn;
	emu->nr_fns++;
	pthread_cond_broadcast(&emu->plugged);
	*out = fn;

	return 0;

err_destroy:
	model->destroy(fn);
err_free:
	emu_fn_free(fn);
	return ret;
}

UVDK_EXPORT int uvdk_emu_plug(struct uvdk_emu *emu, const char *spec,
			      struct uvdk_emu_function **out)
{
	const struct uvdk_emu_model *model = NULL;
	struct uvdk_args args;
	const char *text = NULL;
	int ret;

	ret = emu_check_owner(emu);
	if (!ret)
		ret = find_model(spec, &model, &text);
	if (ret)
		return ret;
	ret = uvdk_args_parse(&args, text);
	if (ret)
		return ret;

	emu_lock(emu);
	ret = plug_locked(emu, model, &args, out);
	emu_unlock(emu);
	uvdk_args_free(&args);

	return ret;
}

UVDK_EXPORT void uvdk_emu_unplug_fn(struct uvdk_emu_function *fn)
{
	struct uvdk_emu *emu = fn->emu;

	emu_lock(emu);
	emu->fns[fn->slot] = NULL;
	emu->nr_fns--;
	vtd_unplug(fn);
	emu_translator_unplug(fn);
	emu_windows_unplug(fn);
	fn->model->destroy(fn);
	emu_unlock(emu);
	emu_fn_free(fn);
}

static void tell_owner(struct uvdk_emu_function *fn)
{
	uint64_t one = 1;

	pthread_mutex_lock(&fn->lock);
	if (fn->event_fd >= 0 && write(fn->event_fd, &one, sizeof(one)) < 0)
		uvdk_log(UVDK_LOG_DEBUG, "emu", "%s: its event descriptor takes no event",
			 fn->name);
	pthread_mutex_unlock(&fn->lock);
}

static int unplug_locked(struct uvdk_emu *emu, const char *name, bool surprise)
{
	struct uvdk_emu_function *fn = NULL;

	for (unsigned int i = 0; i < EMU_SLOTS && !fn; i++)
		if (emu->fns[i] && !strcmp(emu->fns[i]->name, name))
			fn = emu->fns[i];
	if (!fn || atomic_load(&fn->gone))
		return uvdk_fail(-ENOENT, "emu", "no function \"%s\" is plugged in", name);

	if (surprise) {
		atomic_store(&fn->gone, true);
		emu_gate_pass(&fn->gate);
		emu_gate_pass(&fn->front);
	} else {
		atomic_store(&fn->removal_asked, true);
	}
	tell_owner(fn);

	return 0;
}

UVDK_EXPORT int uvdk_emu_unplug(struct uvdk_emu *emu, const char *name, bool surprise)
{
	int ret = emu_check_owner(emu);

	if (ret)
		return ret;
	emu_lock(emu);
	ret = unplug_locked(emu, name, surprise);
	emu_unlock(emu);

	return ret;
}

UVDK_EXPORT void uvdk_emu_fn_reset(struct uvdk_emu_function *fn)
{
	if (atomic_load(&fn->gone))
		return;

	emu_lock(fn->emu);
	fn->model->reset(fn);
	pthread_mutex_lock(&fn->lock);
	emu_config_reset(fn);
	emu_irq_reset(fn);
	pthread_mutex_unlock(&fn->lock);
	emu_unlock(fn->emu);
}
