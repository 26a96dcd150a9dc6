/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <string.h>

#define LAB(name) extern const struct lab lab_##name;
#include "lab/lab.def"
#undef LAB

#define LAB(name) &lab_##name,
const struct lab *const lab_list[] = {
#include "lab/lab.def"
};
#undef LAB

const size_t n_lab_list = ARRAY_SIZE(lab_list);

const struct lab *lab_find(const char *name)
{
	for (size_t i = 0; i < n_lab_list; i++) {
		if (strcmp(lab_list[i]->name, name) == 0)
			return lab_list[i];
	}
	return NULL;
}
