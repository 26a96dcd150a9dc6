/* SPDX-License-Identifier: MIT */
/* What this build is, and which optional libraries it was built with. */
#ifndef MURPHY_BASE_VERSION_H
#define MURPHY_BASE_VERSION_H

#include <stdbool.h>
#include <stddef.h>

struct feature {
	const char *name;    /* "zstd" */
	const char *purpose; /* "compressed captures" */
	bool present;
};

/* "0.1.0". */
extern const char murphy_version[];

/* Of that version, "2026-11-22". */
extern const char murphy_date[];

/* Features of the build, in the order of the list in src/meson.build. */
extern const struct feature features[];
extern const size_t n_features;

#endif
