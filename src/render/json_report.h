/* SPDX-License-Identifier: MIT */
/* A report as JSON lines: the contract is docs/json.md. */
#ifndef MURPHY_RENDER_JSON_REPORT_H
#define MURPHY_RENDER_JSON_REPORT_H

#include "base/json.h"
#include "check/report.h"

/* Fields are only added within a version. */
enum { JSON_SCHEMA_VERSION = 1 };

/* Begin and end an object of a kind, with its line. */
struct json json_begin_kind(struct strbuf *out, const char *kind);
void json_end_kind(struct json *j);

/* What the machine is: the members of kind host. */
void json_host_members(struct json *j, const struct report *r);

/* kinds host, finding, check, source, summary; one object a line. */
void json_report(const struct report *r, struct strbuf *out);

/* A member of entities: "culprits":[...]. */
void json_entities(struct json *j, const char *name, const struct entity *e, size_t n);

/* One finding; gone: it was there in the look before and is not any more (--watch). */
void json_finding(const struct finding *f, const struct model *m, bool gone, struct strbuf *out);

#endif
