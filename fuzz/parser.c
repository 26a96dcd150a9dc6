/* SPDX-License-Identifier: MIT */
/* The fuzzer of one line of source/parser.def: compiled with -DPARSER_NAME and -DPARSER_TABLE. */
#include "fuzz/judge.h"
#include "source/source.h"

#define PASTE(a, b) a##b
#define NAMED(a, b) PASTE(a, b)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_judge_parser(NAMED(PARSER_NAME, _parse), schemas[NAMED(TABLE_, PARSER_TABLE)],
		(const char *)data, size);
	return 0;
}
