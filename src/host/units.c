/* SPDX-License-Identifier: MIT */
/*
 * Units of systemd, asked of it by D-Bus: src/core/dbus-manager.c, ListUnitsFiltered, and
 * properties of those few that it lists. No call changes anything. A manager that does not answer
 * costs the caller's deadline: call from a source.
 */
#include "host/host_private.h"

#include <errno.h>
#include <string.h>

#ifdef MURPHY_WITH_SYSTEMD
#include <dlfcn.h>
#include <systemd/sd-bus.h>

#define MANAGER "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define UNIT MANAGER ".Unit"
#define SERVICE MANAGER ".Service"

/* More units than these that do not run are one trouble, not many. */
enum { DETAILS_MAX = 32, CALL_US = 200000 };

/*
 * Loaded when it is needed: it brings six libraries with it, and every murphy that asks no units
 * would have to map them.
 */
#define CALLS(CALL)                   \
	CALL(new)                     \
	CALL(set_address)             \
	CALL(set_bus_client)          \
	CALL(set_method_call_timeout) \
	CALL(start)                   \
	CALL(close_unref)             \
	CALL(call_method)             \
	CALL(get_property_trivial)    \
	CALL(get_property_string)     \
	CALL(message_unref)           \
	CALL(message_enter_container) \
	CALL(message_read)

#define MEMBER(name) __typeof__(sd_bus_##name) *name;
static struct {
	CALLS(MEMBER)
	bool there;
} bus_calls;
#undef MEMBER

static bool load_calls(void)
{
	void *library = bus_calls.there ? NULL : dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return bus_calls.there;
#define FIND(name)                                                   \
	*(void **)&bus_calls.name = dlsym(library, "sd_bus_" #name); \
	if (!bus_calls.name)                                         \
		return false;
	CALLS(FIND)
#undef FIND
	bus_calls.there = true;
	return true;
}

static void drop_bus(sd_bus **bus)
{
	if (*bus)
		bus_calls.close_unref(*bus);
}

static void drop_message(sd_bus_message **m)
{
	if (*m)
		bus_calls.message_unref(*m);
}

#define auto_message __attribute__((cleanup(drop_message))) sd_bus_message

static int connect_to(const char *address, bool broker, sd_bus **ret_bus)
{
	__attribute__((cleanup(drop_bus))) sd_bus *bus = NULL;
	int err = bus_calls.new(&bus);

	if (err >= 0)
		err = bus_calls.set_address(bus, address);
	if (err >= 0 && broker)
		err = bus_calls.set_bus_client(bus, 1);
	if (err >= 0)
		err = bus_calls.set_method_call_timeout(bus, CALL_US);
	if (err >= 0)
		err = bus_calls.start(bus);
	if (err < 0)
		return err;
	*ret_bus = bus;
	bus = NULL;
	return 0;
}

static bool nobody_there(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED;
}

/*
 * Root may ask the manager itself, also while the broker is sick; others ask the broker. A socket
 * that nobody listens on was left behind, or came with somebody else's /run.
 */
static int open_manager(sd_bus **ret_bus)
{
	int err = connect_to("unix:path=/run/systemd/private", false, ret_bus), first = err;

	if (err < 0)
		err = connect_to("unix:path=/run/dbus/system_bus_socket", true, ret_bus);
	if (!nobody_there(err))
		return err;
	return nobody_there(first) ? -ENOENT : first;
}

/* False when no answer came in time: more questions would only wait again. */
static bool put_number(struct strbuf *text, sd_bus *bus, const char *path, const char *interface,
	const char *name, char type)
{
	uint64_t value = 0;
	uint32_t narrow = 0;
	bool wide = type == 't';
	int err = bus_calls.get_property_trivial(bus, MANAGER, path, interface, name, NULL, type,
		wide ? (void *)&value : (void *)&narrow);

	if (err >= 0)
		strbuf_printf(text, "\t%s=%llu", name, (unsigned long long)(wide ? value : narrow));
	return err != -ETIMEDOUT;
}

/* False as put_number(). */
static bool put_details(struct strbuf *text, sd_bus *bus, const char *path)
{
	auto_free char *result = NULL;
	int err =
		bus_calls.get_property_string(bus, MANAGER, path, SERVICE, "Result", NULL, &result);

	if (err >= 0 && result && !strpbrk(result, " \t\n"))
		strbuf_printf(text, "\tResult=%s", result);
	return err != -ETIMEDOUT && put_number(text, bus, path, SERVICE, "ExecMainCode", 'i') &&
	       put_number(text, bus, path, SERVICE, "ExecMainStatus", 'i') &&
	       put_number(text, bus, path, SERVICE, "NRestarts", 'u') &&
	       put_number(text, bus, path, SERVICE, "RestartUSec", 't') &&
	       put_number(text, bus, path, SERVICE, "MainPID", 'u') &&
	       put_number(text, bus, path, UNIT, "StateChangeTimestamp", 't');
}

static int put_units(struct strbuf *text, sd_bus *bus, sd_bus_message *reply)
{
	const char *name, *load, *active, *sub, *path;
	bool answers = true;
	int n = 0, err = bus_calls.message_enter_container(reply, 'a', "(ssssssouso)");

	while (err >= 0 && (err = bus_calls.message_read(reply, "(ssssssouso)", &name, NULL, &load,
				    &active, &sub, NULL, &path, NULL, NULL, NULL)) > 0) {
		/* A name of systemd holds neither; who else answers shall not forge lines. */
		if (strpbrk(name, " \t\n") || strpbrk(load, " \t\n") || strpbrk(active, " \t\n") ||
			strpbrk(sub, " \t\n"))
			continue;
		/* Asked=no is no property: of this one not all was asked. */
		strbuf_printf(text, "%s %s %s %s", name, load, active, sub);
		if (answers && n++ < DETAILS_MAX)
			answers = put_details(text, bus, path);
		if (!answers || n > DETAILS_MAX)
			strbuf_puts(text, "\tAsked=no");
		strbuf_putc(text, '\n');
	}
	if (err < 0)
		return err;
	return text->failed ? -ENOMEM : 0;
}

static int live_units(struct host *h, struct strbuf *text)
{
	__attribute__((cleanup(drop_bus))) sd_bus *bus = NULL;
	auto_message *reply = NULL;
	struct stat st;
	int err = live_stat(h, "run/systemd/private", &st);

	/* sd_booted(3) */
	if (err == -ENOENT)
		err = live_stat(h, "run/systemd/system", &st);

	if (err == 0)
		err = load_calls() ? open_manager(&bus) : -ELIBACC;
	if (err == 0)
		err = bus_calls.call_method(bus, MANAGER, OBJECT, MANAGER ".Manager",
			"ListUnitsFiltered", NULL, &reply, "as", 3, "failed", "activating",
			"auto-restart");
	return err < 0 ? err : put_units(text, bus, reply);
}
#else
static int live_units(struct host *h UNUSED, struct strbuf *text UNUSED)
{
	return -EOPNOTSUPP;
}
#endif

int host_units(struct host *h, struct strbuf *ret_text)
{
	/* What murphy captures, then what sosreport has. */
	static const char *const paths[] = { "systemd/units",
		"sos_commands/systemd/systemctl_list-units",
		"sos_commands/systemd/systemctl_list-units_--all",
		"sos_commands/systemd/systemctl_list-units_--failed" };
	int err = -ENOENT;

	strbuf_clear(ret_text);
	if (host_is_live(h))
		err = live_units(h, ret_text);
	for (size_t i = 0; !host_is_live(h) && err == -ENOENT && i < ARRAY_SIZE(paths); i++)
		err = host_get(h, paths[i], 1 << 20, ret_text);
	if (err < 0)
		strbuf_clear(ret_text);
	host_show(h, 'f', paths[0], err, ret_text->bytes, ret_text->len);
	return err;
}
