/* SPDX-License-Identifier: MIT */
/* Forms that murphy reads and that no source parses: archives, tables as text. */
#ifndef MURPHY_FUZZ_FORM_H
#define MURPHY_FUZZ_FORM_H

#include <stddef.h>

/* Read it and use what came of it. 0 or a negative errno; aborts when a promise is broken. */
typedef int fuzz_form_fn(const char *buf, size_t len);

#define FORM(name) fuzz_form_fn fuzz_form_##name;
#include "fuzz/form.def"
#undef FORM

/* With a copy that ends where its heap block ends. Aborts on anything but 0 or -errno. */
int fuzz_judge_form(fuzz_form_fn *form, const char *buf, size_t len);

#endif
