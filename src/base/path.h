/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_BASE_PATH_H
#define MURPHY_BASE_PATH_H

#include <stddef.h>

/* Length of dir when path is dir or lies in it, else 0: /srv2/x is not in /srv. "/" holds all. */
size_t path_in(const char *path, const char *dir);

#endif
