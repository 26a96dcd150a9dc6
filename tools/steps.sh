# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# The steps of ./test. Each writes what it found to the file $results (tools/count-results.py),
# and never ends the script: what comes after it still runs.
# shellcheck disable=SC2154 # results is set by ./test

# record pass|fail|skip STEP NAME [REASON]
record()
{
	echo "$*" >>"$results"
}

# Two jobs at a time: a build must leave the machine usable.
jobs=$(nproc 2>/dev/null || echo 2)
[ "$jobs" -le 2 ] || jobs=2

# configure STEP DIR [MESON OPTIONS]: from nothing when the options changed.
configure()
{
	configure_step=$1
	configure_dir=$2
	configure_log=build-results/${2##*/}.log
	shift 2
	if [ -f "$configure_dir/build.ninja" ]; then
		meson configure "$configure_dir" "$@" >"$configure_log" 2>&1
	else
		rm -rf "$configure_dir"
		meson setup "$@" "$configure_dir" >"$configure_log" 2>&1
	fi && return
	tail -n 20 "$configure_log"
	record fail "$configure_step" configure
	return 1
}

# build STEP DIR [TARGET]: recorded as one result.
build()
{
	build_log=build-results/${2##*/}.log
	if ninja -j "$jobs" -C "$2" ${3:+"$3"} >"$build_log" 2>&1; then
		record pass "$1" build
		return
	fi
	sed -n '/^FAILED/,$p' "$build_log" | grep -v '^\[[0-9]*/' | head -n 80
	record fail "$1" build
	return 1
}

# run_tests STEP DIR [MESON TEST OPTIONS]: each test is counted from meson's log.
run_tests()
{
	tests_step=$1
	tests_dir=$2
	shift 2
	rm -f "$tests_dir/meson-logs/testlog.json"
	# Failures are counted from the log.
	meson test -C "$tests_dir" --no-rebuild --print-errorlogs --num-processes "$jobs" "$@" || true
	echo "meson $tests_step $tests_dir/meson-logs/testlog.json" >>"$results"
}

# gate STEP NAME COMMAND...: exit code 77 means skipped, the last line says why.
gate()
{
	gate_step=$1
	gate_name=$2
	shift 2
	gate_code=0
	gate_output=$("$@" 2>&1) || gate_code=$?
	case $gate_code in
	0)
		record pass "$gate_step" "$gate_name"
		echo "  ok    $gate_name"
		;;
	77)
		record skip "$gate_step" "$gate_name" "$(echo "$gate_output" | tail -n 1)"
		echo "  skip  $gate_name"
		;;
	*)
		record fail "$gate_step" "$gate_name"
		echo "  FAIL  $gate_name"
		echo "$gate_output" | tail -n 100
		;;
	esac
}

# need STEP COMMAND: or the step is skipped.
need()
{
	command -v "$2" >/dev/null 2>&1 && return
	record skip "$1" "$1" "no $2 here"
	return 1
}

# The analyzer runs as gcc compiles: a build of its own would compile everything once more. Three of
# gcc 12's warnings do not see what goes together (a pointer and its length, an expression evaluated
# twice as in table_each()); clang-tidy's analyzer looks for the same.
configure_gcc()
{
	CC=gcc configure "$1" build-gcc -Dwerror=true -Dtests=enabled \
		-Dc_args='-fanalyzer -Wno-analyzer-null-dereference -Wno-analyzer-null-argument -Wno-analyzer-use-of-uninitialized-value'
}

# One build for the tests and the fuzzers: what the fuzzers need besides is small.
configure_asan()
{
	CC=clang configure "$1" build-asan -Dwerror=true -Dtests=enabled -Dfuzz=true \
		-Db_sanitize=address,undefined -Db_lundef=false \
		-Dc_args=-fno-sanitize-recover=all
}

step_gcc()
{
	need gcc gcc || return 0
	configure_gcc gcc || return 0
	build gcc build-gcc || return 0
	run_tests gcc build-gcc
}

step_asan()
{
	need asan clang || return 0
	configure_asan asan || return 0
	build asan build-asan || return 0
	# What is hostile takes a minute of waiting; step gcc has it, and so has the long matrix.
	run_tests asan build-asan --timeout-multiplier 3 --no-suite hostile
}

step_fuzzers()
{
	need fuzzers clang || return 0
	configure_asan fuzzers || return 0
	build fuzzers build-asan || return 0
	gate fuzzers replay env FUZZ_BUILD=build-asan tools/fuzz.sh 0
}

# step_lint [NODES]: as of tools/check-tidy.sh
step_lint()
{
	configure_gcc lint || return 0
	build lint build-gcc || return 0
	gate lint layers tools/check-layers.py
	gate lint layers-self-test tools/check-layers.py --self-test
	gate lint count-self-test python3 tools/count-results.py --self-test
	gate lint length tools/check-length.py
	gate lint headers tools/check-headers.sh build-gcc
	gate lint format tools/check-format.sh
	gate lint docs tools/check-docs.py
	gate lint man tools/check-man.sh build-gcc
	gate lint shell tools/check-shell.sh
	gate lint cppcheck tools/check-cppcheck.sh build-gcc
	gate lint tidy tools/check-tidy.sh build-gcc "${1:-20000}"
}

step_cover()
{
	need cover gcc || return 0
	# -O1: with sanitizers and counters gcc compiles a third faster than with -O2.
	CC=gcc configure cover build-cover -Dtests=enabled -Dfault=true -Db_coverage=true -Doptimization=1 \
		-Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fno-sanitize-recover=all || return 0
	build cover build-cover || return 0
	# Those of suite hostile run in the other builds, and take their time.
	run_tests cover build-cover --timeout-multiplier 3 --no-suite hostile
	need cover gcovr || return 0
	gate cover report tools/cover.sh build-cover
	tail -n 3 build-cover/coverage.txt 2>/dev/null || true
}

# check_labs BUILD [NAME...]: labs load the machine and would see each other, so one run at a time.
# -o: what a lab leaves behind must not hold the lock.
check_labs()
{
	check_dir=$1
	shift
	flock -o -w 900 /tmp/murphy-lab.lock "$check_dir/murphy-lab" check --murphy "$check_dir/murphy" "$@"
}

# record_rows STEP FILE: each row that murphy-lab check printed is a result.
record_rows()
{
	while read -r word lab rest; do
		case $word in
		ok) record pass "$1" "$lab" ;;
		skipped) record skip "$1" "$lab" "$rest" ;;
		MISS | ALARM | BROKEN) record fail "$1" "$lab" "$rest" ;;
		esac
	done <"$2"
}

# guest_labs STEP BUILD [NAME...]: labs in a guest; skipped as one where there is no qemu.
guest_labs()
{
	guest_step=$1
	shift
	guest_code=0
	# Interpreting a machine takes all CPUs: no other lab meanwhile.
	flock -o -w 900 /tmp/murphy-lab.lock tests/guest/run.sh "$@" >"$results.guest" 2>&1 ||
		guest_code=$?
	cat "$results.guest"
	if [ $guest_code = 77 ]; then
		record skip "$guest_step" guest "$(tail -n 1 "$results.guest")"
		return
	fi
	record_rows "$guest_step" "$results.guest"
	if ! grep -q '^ok *guest-killed' "$results.guest"; then
		record fail "$guest_step" 'the guest did not come to its end'
	fi
}

# labs STEP BUILD: each lab is a result; so is that murphy-lab came to its end and agrees.
labs()
{
	if [ "$(id -u)" != 0 ]; then
		record skip "$1" labs 'labs make cgroups and namespaces: only root can'
		return
	fi
	if [ ! -x "$2/murphy-lab" ]; then
		record skip "$1" labs "no $2/murphy-lab: it needs libjansson"
		return
	fi
	check_labs "$2" >"$results.labs" 2>&1 || true
	cat "$results.labs"
	if tail -n 1 "$results.labs" | grep -q ' passed, '; then
		record pass "$1" murphy-lab
	else
		record fail "$1" 'murphy-lab did not come to its end'
	fi
	record_rows "$1" "$results.labs"
	gate "$1" rule flock -o -w 900 /tmp/murphy-lab.lock tests/lab/rule.sh "$2/murphy-lab" "$2/murphy"
	gate "$1" mem flock -o -w 900 /tmp/murphy-lab.lock tests/lab/mem.sh "$2/murphy-lab" "$2/murphy"
	gate "$1" tcp flock -o -w 900 /tmp/murphy-lab.lock tests/lab/tcp.sh "$2/murphy-lab" "$2/murphy" \
		listen-overflow zero-window peer-gone fin-wait1 nagle nagle-nodelay
	gate "$1" tcp-join flock -o -w 900 /tmp/murphy-lab.lock tests/lab/tcp-join.sh "$2/murphy"
	gate "$1" tcp-probe flock -o -w 900 /tmp/murphy-lab.lock tests/lab/tcp-probe.sh "$2/murphy"
	gate "$1" power-cycle flock -o -w 900 /tmp/murphy-lab.lock tests/lab/power-cycle.sh "$2/murphy-lab" "$2/murphy"
	gate "$1" nagle flock -o -w 900 /tmp/murphy-lab.lock tests/lab/nagle.sh "$2/murphy-lab" "$2/murphy"
	if [ -x tests/lab/undo.sh ]; then
		gate "$1" undo flock -o -w 900 /tmp/murphy-lab.lock tests/lab/undo.sh "$2/murphy-lab"
		gate "$1" diff flock -o -w 900 /tmp/murphy-lab.lock tests/lab/diff.sh "$2/murphy"
	fi
}

step_labs()
{
	[ -x build-gcc/murphy ] || step_gcc
	labs labs build-gcc
	# Some that this kernel cannot host; ./test --all has them all.
	guest_labs labs build-gcc memcg-high global-oom tunnel-window tunnel-crypto
}
