/* SPDX-License-Identifier: MIT */
#include "engine/page_entry.h"

enum { FRAME_SHIFT = 12 };

/* Offsets of one swap space that a key has room for: 256 GiB of it. */
enum { SWAP_OFFSET_BITS = 26 };

static page_key swap_key(uint64_t type, uint64_t offset)
{
	if (type >= PAGE_SWAP_TYPES)
		return 0;
	/* Beyond that neighbours share a number: SwapPss is then what it is at least. */
	return PAGE_SWAP | (page_key)(type << SWAP_OFFSET_BITS) |
	       (page_key)(offset & ((UINT64_C(1) << SWAP_OFFSET_BITS) - 1));
}

static page_key frame_key(const struct page_entries *e, uint64_t frame)
{
	return frame < e->frames && frame != e->zero_page ? (page_key)frame : 0;
}

/* An entry that is not what nearly all are, present or nothing at all. */
static page_key x86_rare(const struct page_entries *e, uint64_t entry)
{
	/*
	 * The frame of an entry without access is inverted: arch/x86/include/asm/pgtable-invert.h.
	 */
	uint64_t bits = entry & X86_PRESENT ? entry : ~entry;

	if (entry == 0)
		return 0;
	if (entry & (X86_PRESENT | X86_PROT_NONE))
		return entry & X86_SPECIAL ? 0 : frame_key(e, (bits & X86_FRAME) >> FRAME_SHIFT);
	/* type is bits 59 to 63, the offset is inverted, bits 9 to 58: pgtable_64.h. */
	return swap_key(entry >> 59, ~entry << 5 >> 14);
}

/*
 * The frames of entries that are all present or nothing at all. False: there were others, and what
 * was written is worthless. Without a branch, for the compiler to make vectors of it.
 */
static bool VECTOR x86_plain(
	uint64_t last, const uint64_t entry[restrict PAGE_LEAF], page_key key[restrict PAGE_LEAF])
{
	uint64_t any = 0, odd = 0, beyond = 0;

	for (size_t i = 0; i < PAGE_LEAF; i++) {
		uint64_t frame = (entry[i] & X86_FRAME) >> FRAME_SHIFT;

		any |= entry[i];
		odd |= entry[i] & ((entry[i] & X86_PRESENT) - 1);
		beyond |= last - frame;
		key[i] = (page_key)frame;
	}
	return odd == 0 && !(any & X86_SPECIAL) && !(beyond >> 63);
}

void page_entry_x86(
	const struct page_entries *e, const uint64_t entry[PAGE_LEAF], page_key ret_key[PAGE_LEAF])
{
	if (x86_plain((uint64_t)e->frames - 1, entry, ret_key))
		return;
	for (size_t i = 0; i < PAGE_LEAF; i++)
		ret_key[i] = x86_rare(e, entry[i]);
}

static bool VECTOR is_empty(const uint64_t *entry, size_t n)
{
	uint64_t any = 0;

	for (size_t i = 0; i < n; i++)
		any |= entry[i];
	return any == 0;
}

static bool VECTOR equal_dense(
	const uint64_t *restrict entry, const page_key *restrict key, size_t n)
{
	uint64_t all = X86_PRESENT, differ = 0;

	for (size_t i = 0; i < n; i++) {
		all &= entry[i];
		differ |= (entry[i] & (X86_FRAME | X86_SPECIAL)) ^ (uint64_t)key[i] << FRAME_SHIFT;
	}
	return all && differ == 0;
}

static bool VECTOR equal_with_holes(
	const uint64_t *restrict entry, const page_key *restrict key, size_t n)
{
	uint64_t odd = 0, differ = 0;

	for (size_t i = 0; i < n; i++) {
		odd |= entry[i] & ((entry[i] & X86_PRESENT) - 1);
		differ |= (entry[i] & (X86_FRAME | X86_SPECIAL)) ^ (uint64_t)key[i] << FRAME_SHIFT;
	}
	return odd == 0 && differ == 0;
}

bool page_entry_x86_equal(const uint64_t entry[PAGE_LEAF], const struct page_guess *guess)
{
	const uint64_t *first = entry + guess->from;
	size_t n = guess->to - guess->from;

	if (!is_empty(entry, guess->from) || !is_empty(entry + guess->to, PAGE_LEAF - guess->to))
		return false;
	return guess->dense ? equal_dense(first, guess->key, n)
			    : equal_with_holes(first, guess->key, n);
}

page_key page_entry_x86_block(const struct page_entries *e, uint64_t entry)
{
	uint64_t bits = entry & X86_PRESENT ? entry : ~entry;
	uint64_t first = (bits & X86_FRAME) >> FRAME_SHIFT & ~(uint64_t)(PAGE_LEAF - 1);

	if (!(entry & (X86_PRESENT | X86_PROT_NONE)) || !(entry & X86_LARGE) || entry & X86_SPECIAL)
		return 0;
	return first + PAGE_LEAF <= e->frames ? (page_key)first : 0;
}

void page_entry_map(
	const struct page_entries *e, const uint64_t entry[PAGE_LEAF], page_key ret_key[PAGE_LEAF])
{
	static const uint64_t present = UINT64_C(1) << 63, swapped = UINT64_C(1) << 62;
	static const uint64_t low = (UINT64_C(1) << 55) - 1;

	for (size_t i = 0; i < PAGE_LEAF; i++) {
		if (entry[i] & present)
			ret_key[i] = frame_key(e, entry[i] & low);
		else if (entry[i] & swapped)
			ret_key[i] = swap_key(entry[i] & 31, (entry[i] & low) >> 5);
		else
			ret_key[i] = 0;
	}
}

bool page_entry_is_block(const page_key key[PAGE_LEAF])
{
	page_key differ = key[0] % PAGE_LEAF;

	if (key[0] == 0 || key[0] & PAGE_SWAP || key[PAGE_LEAF - 1] != key[0] + PAGE_LEAF - 1)
		return false;
	for (page_key i = 0; i < PAGE_LEAF; i++)
		differ |= key[i] ^ (key[0] + i);
	return differ == 0;
}
