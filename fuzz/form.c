/* SPDX-License-Identifier: MIT */
/* The fuzzer of one line of form.def: compiled with -DFORM_NAME. */
#include "fuzz/form.h"

#include <stdint.h>

#define PASTE(a, b) a##b
#define NAMED(a, b) PASTE(a, b)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_judge_form(NAMED(fuzz_form_, FORM_NAME), (const char *)data, size);
	return 0;
}
