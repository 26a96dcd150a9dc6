/* SPDX-License-Identifier: MIT */
#include "base/version.h"

int main(void)
{
	printf("murphy %s\n", murphy_version);
	for (size_t i = 0; i < n_features; i++)
		printf("%s %s: %s\n", features[i].present ? "with" : "without", features[i].name,
			features[i].purpose);
	return 0;
}
