/* SPDX-License-Identifier: MIT */
/* Force-included in every file of murphy's own: calls that STYLE bans do not compile. */
#ifndef MURPHY_BASE_BANNED_H
#define MURPHY_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison sscanf atoi atol atoll atof strtok strcpy strcat sprintf vsprintf gets
#pragma GCC poison strncpy strncat

#endif
