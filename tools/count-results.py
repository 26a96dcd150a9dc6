#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count what ran, from what meson and the gates wrote down.

count-results.py RESULTS
count-results.py --self-test

RESULTS has a line per event: "pass|fail|skip STEP NAME [reason]" of a gate, or "meson STEP LOG"
for a testlog.json. A unit test program may skip some of its tests: each is then a result of its own,
and the program passed when any other of its tests did. Prints what failed and what was skipped with its reason, and last
"N passed, N failed[, N skipped]". Exit code 1 when something failed or nothing passed.
"""
import json
import re
import sys
import tempfile

PASS = {"OK", "EXPECTEDFAIL"}
SKIP = {"SKIP"}


def cmocka_skips(lines):
    """(test, reason) of each that tests/unit/unit.h's skip_because() left, or a bare skip()."""
    running, reason = None, ""
    for line in lines:
        if begun := re.match(r"\[ RUN      \] (\S+)", line):
            running, reason = begun[1], ""
        elif told := re.match(r"\[ REASON   \] (.*)", line):
            reason = told[1]
        elif line.startswith("[  SKIPPED ]") and running:
            # The list at the end has them again: by then none is running.
            yield running, reason or "no reason given"
            running = None
        elif line.startswith("[==========]"):
            running = None


def meson_results(step, path):
    try:
        lines = open(path, encoding="utf-8").read().splitlines()
    except OSError as error:
        yield "fail", step, "meson", f"no test log: {error.strerror}"
        return
    for line in lines:
        test = json.loads(line)
        name = test["name"].split(" / ")[-1]
        output = (test.get("stdout") or "").strip().splitlines()
        last = output[-1] if output else ""
        skipped = list(cmocka_skips(output))
        yield from (("skip", step, f"{name}: {one}", reason) for one, reason in skipped)
        if test["result"] in PASS:
            if not skipped or any(line.startswith("[       OK ]") for line in output):
                yield "pass", step, name, ""
        elif test["result"] in SKIP:
            yield "skip", step, name, last or "no reason given"
        else:
            yield "fail", step, name, test["result"].lower()


def self_test():
    """What a program of four tests printed, of which two were skipped; and one that skipped all."""
    some = ["[==========] Running 4 test(s).", "[ RUN      ] one", "[       OK ] one",
            "[ RUN      ] two", "[ REASON   ] no IPv6 here", "[  SKIPPED ] two",
            "[ RUN      ] three", "[  SKIPPED ] three", "[ RUN      ] four", "[       OK ] four",
            "[==========] 4 test(s) run.", "[  PASSED  ] 2 test(s).",
            "[  SKIPPED ] 2 test(s), listed below:", "[  SKIPPED ] two", "[  SKIPPED ] three"]
    every = some[3:6] + ["[==========] 1 test(s) run."]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
        for name, lines in ("some", some), ("every", every), ("none", some[1:3]):
            print(json.dumps({"name": f"murphy:unit / {name}", "result": "OK",
                              "stdout": "\n".join(lines)}), file=log, flush=True)
        got = list(meson_results("gcc", log.name))
    want = [("skip", "gcc", "some: two", "no IPv6 here"),
            ("skip", "gcc", "some: three", "no reason given"), ("pass", "gcc", "some", ""),
            ("skip", "gcc", "every: two", "no IPv6 here"), ("pass", "gcc", "none", "")]
    if got != want:
        print(f"count-results: {got}, not {want}")
    return 0 if got == want else 1


def main():
    if sys.argv[1] == "--self-test":
        return self_test()
    results = []
    for line in open(sys.argv[1], encoding="utf-8"):
        word, step, rest = line.rstrip("\n").split(" ", 2)
        if word == "meson":
            results += meson_results(step, rest)
        else:
            name, _, reason = rest.partition(" ")
            results.append((word, step, name, reason))
    for word in ("skip", "fail"):
        for kind, step, name, reason in results:
            if kind == word:
                print(f"{word:5} {step}: {name}" + (f" ({reason})" if reason else ""))
    n = {word: sum(r[0] == word for r in results) for word in ("pass", "fail", "skip")}
    tail = f", {n['skip']} skipped" if n["skip"] else ""
    print(f"{n['pass']} passed, {n['fail']} failed{tail}")
    return 1 if n["fail"] or not n["pass"] else 0


sys.exit(main())
