/* SPDX-License-Identifier: MIT */
/*
 * Quantities for people's eyes, three digits and a unit. By value, so that several fit into one
 * printf: printf("%s of %s", human_bytes(a).s, human_bytes(b).s).
 */
#ifndef MURPHY_BASE_HUMAN_H
#define MURPHY_BASE_HUMAN_H

#include <stdint.h>

struct human {
	char s[24];
};

/* "0 B", "812 KiB", "77 GiB", "1.5 TiB". */
struct human human_bytes(double bytes);

/* "850 us", "42 ms", "2.5 s", "9 min", "3 h", "12 d". */
struct human human_ns(double ns);
/* The same, from 10 s on in two units: "41 s", "14 min 50 s", "2 h", "1 d 3 h". */
struct human human_span(double ns);

/* "0", "812", "15 k", "2 M". */
struct human human_count(double count);
/* The same, but whole numbers below 100,000 are exact: "1 k of 1 k" does not tell 995 of 1024. */
struct human human_number(double count);

/* 0.0042 is "0.4 %", 0.613 is "61 %". */
struct human human_ratio(double ratio);

#endif
