/* SPDX-License-Identifier: MIT */
#include "sample/frame.h"

void frame_release(struct frame *f)
{
	for (int i = 0; i < TABLES; i++)
		table_unref(f->at[i]);
	*f = (struct frame){ 0 };
}
