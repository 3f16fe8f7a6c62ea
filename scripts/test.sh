# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ./dev test: builds the tests and runs ctest. ctest's closing lines are the last ones printed. A label is
# a folder of tests/; tests/labels.txt lists them, for CMake as for this script.

test_help() {
  cat <<HELP
usage: ./dev test [--label LABEL] [--filter REGEX] [--repeat N] [--preset PRESET] [-j N]

Installs what is missing, builds and runs the tests, and prints the output of those that fail.

  --label L     only the tests of one folder: $(test_labels)
                (only these are built, too)
  --filter R    only the tests whose name matches the regular expression R
  --repeat N    run each test up to N times, until it fails
  --preset P    build with another preset: dev (default), asan, tsan
  -j N          run N tests at a time (default: PAWL_JOBS, or the number of processors)

With --preset tsan the reports are in build/tsan/reports, a file for each process; any at all is a finding.

Environment: PAWL_SEED is handed to randomised tests, which print the seed they use.

Examples:
  ./dev test
  ./dev test --label unit
  ./dev test --filter Decider --repeat 50
  ./dev test --preset tsan --label engine

Exit codes: 0 all passed, 1 a test failed, no test matched, a race or the build failed, 2 wrong usage,
3 packages are missing and cannot be installed.
HELP
}

test_labels() { grep -v '^#' "$root/tests/labels.txt" | paste -sd' '; }

test_main() {
  local preset=dev label='' jobs='' select=() targets=() repeat=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) test_help && return ;;
      --label) label=$(option_value "$1" test "${@:2}"); shift ;;
      --filter) select+=(--tests-regex "$(option_value "$1" test "${@:2}")"); shift ;;
      --repeat)
        positive "$1" test "${2:-}"
        repeat=(--repeat "until-fail:$2")
        shift
        ;;
      --preset) preset=$(option_value "$1" test "${@:2}"); shift ;;
      -j) positive "$1" test "${2:-}"; jobs=$2; shift ;;
      *) usage_error "test: unknown option \"$1\"" "./dev test --help" ;;
    esac
    shift
  done
  build_check_preset "$preset" test
  [[ $preset != release ]] || usage_error "test: the release has no tests in it" "./dev test --help"
  if [[ -n $label ]]; then
    [[ " $(test_labels) " == *" $label "* ]] ||
      usage_error "test: unknown label \"$label\" (labels: $(test_labels))" "./dev test --help"
    select+=(--label-regex "^$label\$")
    targets=("test_label_$label")
  fi

  setup_ensure test
  build_configure "$preset"
  build_targets "$preset" "${targets[@]}"
  [[ -n $jobs ]] || jobs=$(build_jobs)
  test_run "$preset" "$jobs" "${repeat[@]}" "${select[@]}"
}

# test_run PRESET JOBS [ctest option...]
test_run() {
  local preset=$1 jobs=$2 status=0
  shift 2
  local reports=$root/build/$preset/reports
  if [[ $preset == tsan ]]; then
    rm -rf "$reports" && mkdir -p "$reports"
    export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}log_path=$reports/of"
  fi
  ctest --test-dir "$root/build/$preset" --output-on-failure --no-tests=error -j "$jobs" "$@" 2>&1 ||
    status=$exit_finding
  if [[ $preset == tsan ]] && ! test_tell_races "$reports"; then status=$exit_finding; fi
  [[ $status -eq 0 ]] || exit "$status"
}

# Also of servers that a test starts and kills: what they write themselves, and the status they end with,
# goes with them, so ThreadSanitizer writes to files.
test_tell_races() {
  local of=("$1"/of.*)
  [[ -e ${of[0]} ]] || return 0
  head -n 60 "${of[0]}"
  say "ThreadSanitizer reported something in ${#of[@]} processes, see ${1#"$root"/}"
  return 1
}
