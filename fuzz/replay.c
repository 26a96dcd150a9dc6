/* SPDX-License-Identifier: MIT */
/*
 * replay PARSER|FORM CORPUS: every file of CORPUS/PARSER through its parser, without a fuzzer: an
 * ordinary test under every compiler. A corpus in which nothing parses proves nothing and fails.
 */
#include "fuzz/form.h"
#include "fuzz/judge.h"
#include "source/source.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct parser {
	const char *name;
	fuzz_parse_fn *parse;
	enum table_id table;
	fuzz_form_fn *form; /* instead of parse */
};

static const struct parser parsers[] = {
#define PARSER(name, id) { #name, name##_parse, TABLE_##id, NULL },
#include "source/parser.def"
#undef PARSER
#define FORM(name) { #name, NULL, TABLE_none, fuzz_form_##name },
#include "fuzz/form.def"
#undef FORM
};

static int read_file(const char *path, char **ret_buf, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (!f)
		return -1;
	if (fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode)) {
		fclose(f);
		return -1;
	}
	char *buf = malloc((size_t)st.st_size + 1);
	size_t len = buf ? fread(buf, 1, (size_t)st.st_size, f) : 0;

	fclose(f);
	if (!buf || len != (size_t)st.st_size) {
		free(buf);
		return -1;
	}
	*ret_buf = buf;
	*ret_len = len;
	return 0;
}

static int replay(const struct parser *p, const char *corpus)
{
	unsigned int good = 0, refused = 0;
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", corpus, p->name);
	DIR *dir = n > 0 && (size_t)n < sizeof(path) ? opendir(path) : NULL;

	if (!dir) {
		fprintf(stderr, "%s: no such corpus\n", path);
		return 1;
	}
	for (const struct dirent *e; (e = readdir(dir));) {
		char *buf = NULL;
		size_t len = 0;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", corpus, p->name, e->d_name);
		if (read_file(path, &buf, &len) < 0) {
			fprintf(stderr, "%s: cannot be read\n", path);
			closedir(dir);
			return 1;
		}
		if ((p->form ? fuzz_judge_form(p->form, buf, len)
			     : fuzz_judge_parser(p->parse, schemas[p->table], buf, len)) == 0)
			good++;
		else
			refused++;
		free(buf);
	}
	closedir(dir);
	printf("%s: %u parsed, %u refused\n", p->name, good, refused);
	if (good == 0)
		fprintf(stderr, "%s: nothing in its corpus parses\n", p->name);
	return good == 0;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < ARRAY_SIZE(parsers); i++)
		if (strcmp(parsers[i].name, argv[1]) == 0)
			return replay(&parsers[i], argv[2]);
	fprintf(stderr, "usage: replay PARSER|FORM CORPUS\n");
	return 1;
}
