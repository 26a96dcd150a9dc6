#!/bin/sh
# SPDX-License-Identifier: MIT
# check-man.sh BUILD: the manual page is well formed and knows every option of every command, and
# the completions are what their shells can read.
set -eu
murphy=$1/murphy
page=$1/check-man.1
bad=0

"$murphy" man >"$page"
if command -v mandoc >/dev/null 2>&1; then
	mandoc -T lint -W error "$page" || bad=1
fi
commands=$("$murphy" --help | sed -n 's/^  murphy \([a-z]\{1,\}\( [a-z]\{1,\}\)\{0,1\}\) .*/\1/p' | tr ' ' + | sort -u)
for command in diagnose $commands; do
	# A name of two words is one word here.
	command=$(echo "$command" | tr + ' ')
	# shellcheck disable=SC2086 # two words
	for option in $("$murphy" $command --help | grep -oE '^  (-., )? *--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
		sed 's/\\-/-/g' "$page" | grep -q -- "$option" || {
			echo "the manual page lacks $option of murphy $command"
			bad=1
		}
	done
done
for shell in bash zsh fish; do
	"$murphy" completion $shell >"$page.$shell"
	if command -v $shell >/dev/null 2>&1; then
		$shell -n "$page.$shell" || bad=1
	fi
done
exit $bad
