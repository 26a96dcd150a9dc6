#!/bin/sh
# SPDX-License-Identifier: MIT
# check-labs.sh BUILD: the matrix lab x finding. Labs load the machine: one such run at a time.
set -eu
if [ ! -x "$1/murphy-lab" ]; then
	echo 'no murphy-lab yet'
	exit 77
fi
if [ "$(id -u)" != 0 ]; then
	echo 'labs make cgroups and namespaces: only root can'
	exit 77
fi
exec "$1/murphy-lab" check
