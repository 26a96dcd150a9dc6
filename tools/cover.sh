#!/bin/sh
# SPDX-License-Identifier: MIT
# cover.sh BUILD: coverage of the tests that ran there: BUILD/coverage.txt and BUILD/coverage.html.
# Processes that a test kills while they add to a counter leave a negative one: a warning.
set -eu
gcovr -r . -f src/ -e src/lab/ --exclude-unreachable-branches \
	--gcov-ignore-parse-errors --txt "$1/coverage.txt" --html-details "$1/coverage.html" "$1"
grep '^TOTAL' "$1/coverage.txt"
