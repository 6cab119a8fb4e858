// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/*
 * Each file of the folders named goes through the target once: what was found by fuzzing stays
 * found, under any compiler. usage: fuzz_TARGET FOLDER|FILE...
 */

static unsigned int files;

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = NULL;
	size_t len = 0;
	size_t n;

	if (!file) {
		perror(path);
		return 1;
	}
	do {
		bytes = realloc(bytes, len + 65536);
		FUZZ_MUST(bytes);
		n = fread(bytes + len, 1, 65536, file);
		len += n;
	} while (n);
	fclose(file);
	/* Just as long as the file is, so that a read behind it is seen. */
	bytes = realloc(bytes, len ? len : 1);
	LLVMFuzzerTestOneInput(bytes, len);
	free(bytes);
	files++;

	return 0;
}

static int replay_folder(const char *path, DIR *dir)
{
	struct dirent *entry;
	char name[4096];
	int ret = 0;

	while (!ret && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		ret = replay_file(name);
	}
	closedir(dir);

	return ret;
}

int main(int argc, char **argv)
{
	int ret = 0;

	for (int i = 1; i < argc && !ret; i++) {
		DIR *dir = opendir(argv[i]);

		ret = dir ? replay_folder(argv[i], dir) : replay_file(argv[i]);
	}
	printf("%u files\n", files);

	return ret || !files;
}
