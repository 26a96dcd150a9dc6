#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Functions stay under 70 lines, files under 600, lines within 100 columns (a tab is up to 8)."""
import sys
from pathlib import Path

FUNCTION, FILE, COLUMNS = 70, 600, 100


def too_long(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) >= FILE:
        yield f"{path}: {len(lines)} lines, must be under {FILE}"
    start = None
    for number, line in enumerate(lines, 1):
        # A row of a list is one line, however long.
        is_row = path.suffix == ".def" and not line.lstrip().startswith(("/*", "*"))
        if not is_row and len(line.expandtabs(8)) > COLUMNS:
            yield f"{path}:{number}: {len(line.expandtabs(8))} columns, at most {COLUMNS}"
        # Kernel style: a function's braces stand alone in the first column.
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start + 1 >= FUNCTION:
                yield f"{path}:{start}: function of {number - start + 1} lines, must be under {FUNCTION}"
            start = None


def main():
    top = Path(__file__).parent.parent
    found = []
    for folder in ("src", "tests", "fuzz", "bench"):
        for path in sorted((top / folder).rglob("*")):
            if path.suffix in (".c", ".h", ".def"):
                found += too_long(path)
    print("\n".join(found))
    return 1 if found else 0


sys.exit(main())
