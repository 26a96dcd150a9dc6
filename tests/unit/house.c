/* SPDX-License-Identifier: MIT */
#include "check/house.h"
#include "look/look.h"
#include "tests/unit/build.h"
#include "tests/unit/folder.h"

static struct house house;
static struct scene scene;

/* Days of the tests; 2026-11-22 is one of them. */
#define NOW (UINT64_C(1795305600) * 1000000000)

static int start(void **state)
{
	scene_start(&scene);
	return make_top(state);
}

static int end(void **state)
{
	scene_end(&scene);
	house_release(&house);
	return drop_top(state);
}

static void add(const char *text)
{
	house.cannot[TABLE_socket_owner] = true; /* as the loader says */
	house_add_checks(&house, "x.conf", text, strlen(text));
	house_ready(&house);
}

/* The only notice is at that line, of that key, with those words. */
static void only_notice(unsigned int line, const char *key, const char *words)
{
	if (house.n_notices != 1 || house.notice[0].line != line ||
		strcmp(house.notice[0].key, key) != 0 || !strstr(house.notice[0].text, words)) {
		for (size_t i = 0; i < house.n_notices; i++)
			print_message("%u: %s: %s\n", house.notice[i].line, house.notice[i].key,
				house.notice[i].text);
		fail_msg("not the one error of line %u, key '%s', with '%s'", line, key, words);
	}
}

static void refused(const char *text, unsigned int line, const char *key, const char *words)
{
	add(text);
	only_notice(line, key, words);
	assert_int_equal(house.n_rules, 0);
	house_release(&house);
}

static void add_files(uint64_t pid, const char *comm, uint64_t open)
{
	struct process *p = build_row(&scene.now, TABLE_process);
	struct process_fd *fd = build_row(&scene.now, TABLE_process_fd);

	p->pid = fd->pid = pid;
	p->comm = build_text(&scene.now, TABLE_process, comm);
	fd->open = open;
}

static const char files_rule[] =
	"[house.files]\n"
	"warning = any(process_fd.open > 500)\n"
	"critical = any(process_fd.open > 900)\n"
	"title = {culprit} has {open} files open\n"
	"do = look:  ls -l /proc/{pid}/fd | awk '{{print $1}' | grep {comm}\n"
	"why = our proxies leak\n";

static void a_rule_finds_its_culprits_the_worst_first(void **state UNUSED)
{
	add(files_rule);
	assert_int_equal(house.n_notices, 0);
	assert_int_equal(house.n_rules, 1);
	add_files(10, "idle", 3);
	add_files(11, "proxy", 600);
	add_files(12, "pro'xy", 990);
	assert_int_equal(scene_judge(&scene, house.check[0]), VERDICT_SAD);
	assert_int_equal(scene.judgement.n_findings, 2);
	const struct finding *f = scene.judgement.finding[0];

	assert_string_equal(f->id, "house.files");
	assert_int_equal(f->severity, SEVERITY_CRITICAL);
	assert_int_equal(f->culprits[0].pid, 12);
	assert_string_equal(f->title, "pro'xy (pid 12) has 990 files open");
	assert_string_equal(
		f->todo[0], "look:  ls -l /proc/12/fd | awk '{print $1}' | grep 'pro'\\''xy'");
	assert_string_equal(f->evidence[0].metric, "process_fd.open");
	assert_true(f->evidence[0].threshold.value == 900);
	assert_string_equal(f->evidence[0].why, "our proxies leak");
	f = scene.judgement.finding[1];
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->culprits[0].pid, 11);
}

static void a_rule_is_fine_or_unknown(void **state UNUSED)
{
	add(files_rule);
	add_files(10, "idle", 500);
	assert_int_equal(scene_judge(&scene, house.check[0]), VERDICT_FINE);
	table_fail(scene.now.at[TABLE_process_fd], STATE_DENIED, "needs root");
	assert_int_equal(scene_judge(&scene, house.check[0]), VERDICT_UNKNOWN);
	assert_int_equal(scene.judgement.unknown_state, STATE_DENIED);
	assert_string_equal(scene.judgement.unknown_why, "process_fd: needs root");
}

static void a_rule_of_the_machine_blames_who_is_counted(void **state UNUSED)
{
	add("[house.d]\ninfo = count(process where state = \"D\") > 1\n"
	    "title = {count(process where state = \"D\")} tasks hang, {culprit} first\n"
	    "do = wait\nconfidence = likely\n");
	assert_int_equal(house.n_notices, 0);
	for (uint64_t pid = 1; pid < 4; pid++) {
		add_files(pid, "nfs", 1);
		struct table *t = scene.now.at[TABLE_process];

		((struct process *)table_at(t, t->n - 1))->state = pid == 2 ? 'S' : 'D';
	}
	assert_int_equal(scene_judge(&scene, house.check[0]), VERDICT_SAD);
	const struct finding *f = scene.judgement.finding[0];

	assert_int_equal(scene.judgement.n_findings, 1);
	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(f->n_culprits, 2);
	assert_int_equal(f->culprits[1].pid, 3);
	assert_string_equal(f->title, "2 tasks hang, nfs (pid 1) first");
}

static void texts_count_as_steps(void **state UNUSED)
{
	add("[house.p]\nwarning = any(process where comm = \"x\")\n"
	    "title = {count(process)} of {sum(process.threads)}\ndo = wait\n");
	for (uint64_t pid = 1; pid <= 1000; pid++)
		add_files(pid, pid == 990 ? "x" : "y", 1);
	house.rule[0]->steps = 1000;
	assert_int_equal(scene_judge(&scene, house.check[0]), VERDICT_UNKNOWN);
	assert_int_equal(scene.judgement.unknown_state, STATE_LATE);
	house.rule[0]->steps = 7000;
	assert_int_equal(scene_judge(&scene, house.check[0]), VERDICT_SAD);
	assert_string_equal(scene.judgement.finding[0]->title, "1000 of unknown");
	house.rule[0]->steps = 60000;
	assert_int_equal(scene_judge(&scene, house.check[0]), VERDICT_SAD);
	assert_string_equal(scene.judgement.finding[0]->title, "1000 of 0");
}

/* It has a process, but it is the unit that is restarted. */
static void a_row_is_called_by_what_it_is(void **state UNUSED)
{
	add("[house.units]\nwarning = any(systemd_unit where active = \"failed\")\n"
	    "title = {culprit} failed\ndo = restart it:  systemctl restart {name}\n"
	    "[house.cpu]\nwarning = any(softnet.squeezed > 5)\ntitle = {culprit}\ndo = wait\n");
	assert_int_equal(house.n_notices, 0);
	struct systemd_unit *u = build_row(&scene.now, TABLE_systemd_unit);

	u->name = build_text(&scene.now, TABLE_systemd_unit, "api.service");
	u->active = build_text(&scene.now, TABLE_systemd_unit, "failed");
	u->pid = 7;
	struct softnet *s = build_row(&scene.now, TABLE_softnet);

	s->cpu = 3;
	s->squeezed = 6;
	assert_int_equal(scene_judge(&scene, house.check[0]), VERDICT_SAD);
	const struct finding *f = scene.judgement.finding[0];

	assert_int_equal(f->culprits[0].kind, ENTITY_UNIT);
	assert_string_equal(f->title, "api.service failed");
	assert_string_equal(f->todo[0], "restart it:  systemctl restart api.service");
	assert_int_equal(scene_judge(&scene, house.check[1]), VERDICT_SAD);
	f = scene.judgement.finding[0];
	assert_int_equal(f->culprits[0].kind, ENTITY_ROW);
	assert_string_equal(f->culprits[0].name, "softnet cpu=3");
}

/* A command that lacks a value would be another command. */
static void half_a_command_is_left_out(void **state UNUSED)
{
	add("[house.m]\nwarning = meminfo.total_bytes > 0\ntitle = {meminfo.percpu_bytes} is lost\n"
	    "do = rm /tmp/{meminfo.percpu_bytes}\ndo = wait\n");
	assert_int_equal(house.n_notices, 0);
	struct meminfo *m = build_row(&scene.now, TABLE_meminfo);

	m->total_bytes = 1;
	build_unset(m, MEMINFO_percpu_bytes);
	assert_int_equal(scene_judge(&scene, house.check[0]), VERDICT_SAD);
	assert_int_equal(scene.judgement.finding[0]->n_todo, 1);
	assert_string_equal(scene.judgement.finding[0]->title, "unknown is lost");
	assert_int_equal(scene.judgement.finding[0]->culprits[0].kind, ENTITY_HOST);
}

static void steps_are_shared(void **state UNUSED)
{
	add("[a.a]\nwarning = 1 < 2\ntitle = a\ndo = b\n[a.b]\nwarning = 1 < 2\ntitle = a\ndo = "
	    "b\n");
	assert_int_equal(house.rule[1]->steps, RULES_STEPS / 2);
}

#define REST "title = t\ndo = d\n"

static void each_broken_form_is_told(void **state UNUSED)
{
	refused("[house.x\nwarning = 1 < 2\n" REST, 1, "", "expected [name]");
	refused("warning = 1 < 2\n", 1, "", "[section] before");
	refused("[house.abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-a]\n"
		"warning = 1 < 2\n" REST,
		1, "", "1 to 49 bytes");
	refused("[House]\nwarning = 1 < 2\n" REST, 1, "", "family.name");
	refused("[house.]\nwarning = 1 < 2\n" REST, 1, "", "family.name");
	refused("[mem.oom]\nwarning = 1 < 2\n" REST, 1, "", "there already");
	refused("[a.b]\nwarning = 1 < 2\njust words\n" REST, 3, "", "expected [section], key");
	refused("[a.b]\nwarning = 1 < 2\n= 5\n" REST, 3, "", "name of a key");
	refused("[a.b]\nwarning = 1 < 2\ntitel = x\n" REST, 3, "titel", "expected one of info");
	refused("[a.b]\nwarning = 1 < 2\nwarning = 1 < 2\n" REST, 3, "warning", "given twice");
	refused("[a.b]\nwarning =\n" REST, 2, "warning", "expected a");
	refused("[a.b]\n" REST, 1, "", "expected warning = EXPRESSION");
	refused("[a.b]\nwarning = 1 < 2\ndo = d\n", 1, "", "expected title");
	refused("[a.b]\nwarning = 1 < 2\ntitle = d\n", 1, "", "expected do");
	refused("[a.b]\nwarning = meminfo.free_bytes > 5 s\n" REST, 2, "warning", "cannot compare");
	refused("[a.b]\nwarning = 1 < 2\n  and 1 <\n" REST, 3, "warning", "not the end");
	refused("[a.b]\nwarning = count(socket_owner) > 1\n" REST, 2, "warning", "suspects");
	refused("[a.b]\nwarning = 1 < 2\ntitle = {nothing}\ndo = d\n", 3, "title", "is no column");
	refused("[a.b]\nwarning = 1 < 2\ntitle = {1\ndo = d\n", 3, "title", "without its }");
	refused("[a.b]\nwarning = 1 < 2\nconfidence = sure\n" REST, 3, "confidence", "certain");
	refused("[a.b]\nwarning = 1 < 2\ndo = a ; b\ntitle = t\n", 3, "", "would be a comment");
	refused("[a.b]\n  warning = 1 < 2\n", 2, "", "indented line");
	refused("[a.b]\nwarning = any(disk.reads > 1)\ncritical = any(process.threads > 1)\n" REST,
		3, "critical", "rows of one table");
}

static void lines_have_a_length(void **state UNUSED)
{
	char text[400];

	snprintf(text, sizeof(text), "[a.b]\nwarning = 1 < 2\ntitle = %0250d\ndo = d\n", 1);
	refused(text, 3, "", "a line has at most");
	snprintf(text, sizeof(text), "[a.b]\nwarning = 1 < 2\ntitle = %0150d\n  %0150d\ndo = d\n",
		1, 2);
	add(text);
	assert_int_equal(house.n_rules, 1);
}

static void all_errors_of_a_file_are_told_in_its_order(void **state UNUSED)
{
	add("[a.b]\nwarning = 1 <\ncritical = 2 <\ntitle = {\ndo = d\nnonsense\n[a.c]\n"
	    "warning = 1 < 2\ntitle = good\ndo = d\n[a.d]\nwarning = x\n");
	assert_int_equal(house.n_rules, 1);
	assert_string_equal(house.check[0]->id, "a.c");
	const unsigned int lines[] = { 2, 3, 4, 6, 11, 11, 12 };

	assert_int_equal(house.n_notices, ARRAY_SIZE(lines));
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		assert_int_equal(house.notice[i].line, lines[i]);
}

static void too_much_is_refused(void **state UNUSED)
{
	char text[100];

	for (int i = 0; i < RULES_MAX + 1; i++) {
		snprintf(text, sizeof(text), "[a.n%d]\nwarning = 1 < 2\n" REST, i);
		add(text);
	}
	assert_int_equal(house.n_rules, RULES_MAX);
	only_notice(1, "", "more than 128 rules");
	for (int i = 0; i < NOTICES_MAX + 8; i++)
		add("nonsense\n");
	assert_int_equal(house.n_notices, NOTICES_MAX);
	assert_int_equal(house.lost_notices, 9);
}

static void a_page_shows_the_rule(void **state UNUSED)
{
	add("[a.b]\nwarning = 1 < 2\ntitle = t\ndo = d\ndoc =\n  First.\n\n  Second.\n");
	const char *page = house_page(&house, "a.b");

	assert_non_null(page);
	assert_non_null(strstr(page, "# a.b\n\nt\n\n- warning when `1 < 2`\n"));
	assert_non_null(strstr(page, "\nFirst.\n\nSecond.\n"));
	assert_non_null(strstr(page, "x.conf:1"));
	assert_null(house_page(&house, "a.c"));
}

static void know(const char *text)
{
	house_add_known(&house, "k.conf", text, strlen(text));
	house_ready(&house);
}

static const struct known *accepts(const struct finding *f, uint64_t now_ns)
{
	return known_accepts(house.known, house.n_known, f, now_ns);
}

static void what_is_known_is_accepted_until_its_day(void **state UNUSED)
{
	struct finding f = { .id = "tcp.close-wait", .severity = SEVERITY_WARNING };

	f.culprits[f.n_culprits++] = (struct entity){ .kind = ENTITY_PROCESS, .name = "api" };
	know("[ticket 12]\nid = tcp.close-wait\nculprit = ap*\nreason = fixed in 2.1\n"
	     "until = 2026-11-22\nup_to = warning\n");
	assert_int_equal(house.n_notices, 0);
	assert_non_null(accepts(&f, NOW));
	assert_non_null(accepts(&f, NOW + 86399 * SECOND));
	assert_null(accepts(&f, NOW + 86400 * SECOND));
	f.severity = SEVERITY_CRITICAL;
	assert_null(accepts(&f, NOW));
	f.severity = SEVERITY_INFO;
	/* It says where, not who. */
	f.culprits[f.n_culprits++] = (struct entity){ .kind = ENTITY_LISTENER, .name = ":80" };
	assert_non_null(accepts(&f, NOW));
	/* Somebody else is in it too: that must be told. */
	f.culprits[f.n_culprits++] = (struct entity){ .kind = ENTITY_PROCESS, .name = "db" };
	assert_null(accepts(&f, NOW));
	f.n_culprits = 1;
	f.id = "tcp.zero-window";
	assert_null(accepts(&f, NOW));
	f.id = "tcp.close-wait";
	f.n_culprits = 0;
	assert_null(accepts(&f, NOW));
}

static void not_known(const char *text, unsigned int line, const char *key, const char *words)
{
	know(text);
	only_notice(line, key, words);
	assert_int_equal(house.n_known, 0);
	house_release(&house);
}

static void each_broken_known_finding_is_told(void **state UNUSED)
{
	not_known("[a]\nid = mem.oom\nreason = x\n", 1, "", "expected until");
	not_known("[a]\nid = mem.oom\nuntil = 2027-01-01\n", 1, "", "expected reason");
	not_known("[a]\nreason = x\nuntil = 2027-01-01\n", 1, "", "expected id");
	not_known("[a]\nid = mem.ooom\nreason = x\nuntil = 2027-01-01\n", 2, "id", "no check");
	not_known("[a]\nid = mem.oom\nreason = x\nuntil = 2027-02-29\n", 4, "until", "a day");
	not_known("[a]\nid = mem.oom\nreason = x\nuntil = 2027-2-3\n", 4, "until", "a day");
	not_known("[a]\nid = mem.oom\nreason = x\nuntil = tomorrow\n", 4, "until", "a day");
	not_known("[a]\nid = mem.oom\nreason = x\nuntil = 2027-01-01\nup_to = bad\n", 5, "up_to",
		"expected info");
	not_known("[a]\nid = mem.oom\nreason = x\nuntil = 2027-01-01\nuntil = 2027-01-01\n", 5,
		"until", "twice");
	not_known("[a]\nid = mem.oom\nreason = x\nuntil = 2027-01-01\nwho = me\n", 5, "who",
		"one of");
}

/* Many lines make one value, and people read it: it has a bound. */
static void values_are_bounded(void **state UNUSED)
{
	struct strbuf text = { 0 };

	strbuf_puts(&text, "[a]\nid = mem.oom\nuntil = 2027-01-01\nreason = x\n");
	for (int i = 0; i < 2000; i++)
		strbuf_puts(&text, " y\n");
	know(text.bytes);
	assert_int_equal(house.n_known, 1);
	assert_int_equal(strlen(house.known[0].reason), 4001);
	house_release(&house);
	for (int i = 0; i < 100; i++)
		strbuf_puts(&text, " y\n");
	not_known(text.bytes, 4, "reason", "at most 4096 bytes");
	strbuf_release(&text);
}

static void days(void **state UNUSED)
{
	uint64_t ns = 0;

	assert_true(day_end_ns("1970-01-01", &ns));
	assert_true(ns == 86400 * SECOND);
	assert_true(day_end_ns("2028-02-29", &ns));
	assert_true(day_end_ns("2026-11-22", &ns));
	assert_true(ns == NOW + 86400 * SECOND);
	assert_false(day_end_ns("2026-13-01", &ns));
	assert_false(day_end_ns("2026-00-01", &ns));
	assert_false(day_end_ns("2026-01-32", &ns));
	assert_false(day_end_ns("2026-1-011", &ns));
	assert_false(day_end_ns("26-01-2011", &ns));
	assert_false(day_end_ns("", &ns));
}

/* A known cause is not told; what it brings about is, and says what it follows from. */
static void what_a_known_cause_brings_is_told(void **state UNUSED)
{
	struct finding cause = { .id = "proc.fd-limit", .severity = SEVERITY_CRITICAL };
	struct finding effect = { .id = "tcp.listen-overflow", .severity = SEVERITY_WARNING };
	struct finding other = { .id = "tcp.listen-overflow", .severity = SEVERITY_WARNING };
	struct finding *known[] = { &cause }, *told[] = { &effect, &other };

	cause.culprits[cause.n_culprits++] =
		(struct entity){ .kind = ENTITY_PROCESS, .name = "api", .pid = 5 };
	effect.culprits[effect.n_culprits++] = cause.culprits[0];
	other.culprits[other.n_culprits++] =
		(struct entity){ .kind = ENTITY_PROCESS, .name = "db", .pid = 6 };
	rank_findings(told, 2);
	rank_known(told, 2, known, 1);
	assert_null(effect.parent);
	assert_ptr_equal(effect.known_cause, &cause);
	assert_null(other.known_cause);
	assert_int_equal(effect.severity, SEVERITY_WARNING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rule_finds_its_culprits_the_worst_first),
		TEST(a_rule_is_fine_or_unknown),
		TEST(a_rule_of_the_machine_blames_who_is_counted),
		TEST(texts_count_as_steps),
		TEST(a_row_is_called_by_what_it_is),
		TEST(half_a_command_is_left_out),
		TEST(steps_are_shared),
		TEST(each_broken_form_is_told),
		TEST(lines_have_a_length),
		TEST(all_errors_of_a_file_are_told_in_its_order),
		TEST(too_much_is_refused),
		TEST(a_page_shows_the_rule),
		TEST(what_is_known_is_accepted_until_its_day),
		TEST(each_broken_known_finding_is_told),
		TEST(values_are_bounded),
		TEST(days),
		TEST(what_a_known_cause_brings_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
