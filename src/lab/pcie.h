/* SPDX-License-Identifier: MIT */
/* Errors that a PCIe port of a guest reports (AER), played by the kernel's own aer_inject. */
#ifndef MURPHY_LAB_PCIE_H
#define MURPHY_LAB_PCIE_H

#include "lab/lab.h"

/* The port, as the kernel names it. */
#define PCIE_PORT "0000:00:05.0"

/* A guest that has it and hands its errors to the kernel. */
extern const struct lab_guest pcie_guest;

/* The port reports errors: bits of its two status registers. 0, scene_skip()'s value or -errno. */
int pcie_report(struct scene *s, uint32_t uncorrectable, uint32_t correctable);

#endif
