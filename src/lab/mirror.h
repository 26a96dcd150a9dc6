/* SPDX-License-Identifier: MIT */
/*
 * A software mirror (md, raid1) of two memory disks, in a guest with the modules of MIRROR_MODULES.
 */
#ifndef MURPHY_LAB_MIRROR_H
#define MURPHY_LAB_MIRROR_H

#include "lab/lab.h"

#define MIRROR_MODULES "brd", "raid1"
/* Its name, and those of what it is made of. */
#define MIRROR "md0"
#define MIRROR_FIRST "ram0"
#define MIRROR_SECOND "ram1"

/* Make and start it, with ext4 mounted at ret_target. 0, scene_skip()'s value or -errno. */
int mirror_new(struct scene *s, char ret_target[112]);

/* What happens when writing to its second disk fails: it is taken out. 0 or -errno. */
int mirror_break(void);

#endif
