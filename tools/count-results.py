#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count what ran, from what meson and the gates wrote down.

count-results.py RESULTS

RESULTS has a line per event: "pass|fail|skip STEP NAME [reason]" of a gate, or "meson STEP LOG"
for a testlog.json. Prints what failed and what was skipped with its reason, and last
"N passed, N failed[, N skipped]". Exit code 1 when something failed or nothing passed.
"""
import json
import sys

PASS = {"OK", "EXPECTEDFAIL"}
SKIP = {"SKIP"}


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
        if test["result"] in PASS:
            yield "pass", step, name, ""
        elif test["result"] in SKIP:
            yield "skip", step, name, last or "no reason given"
        else:
            yield "fail", step, name, test["result"].lower()


def main():
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
