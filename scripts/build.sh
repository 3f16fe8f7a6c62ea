# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ./dev build, and the steps other verbs share: build_configure and build_targets. A build directory is
# build/<preset>; it is configured again when CMakePresets.json or the options asked for have changed.

readonly build_presets="dev release asan tsan"

build_help() {
  cat <<'HELP'
usage: ./dev build [--preset dev|release|asan|tsan] [--target TARGET]
       ./dev build --package

Installs what is missing (see ./dev setup), configures build/PRESET and builds it. Prints nothing when
there is nothing to do.

  --preset P    dev      -O1, crash points compiled in, tests (default)
                release  what users run: -O2, no tests
                asan     AddressSanitizer and UndefinedBehaviorSanitizer
                tsan     ThreadSanitizer
  --target T    build one CMake target, for example pawl_cli or unit_tests
  --package     build the release and make a Debian package of it in build/release

Examples:
  ./dev build
  ./dev build --preset release --target pawl_cli

Exit codes: 0 built, 1 the build failed, 2 wrong usage, 3 packages are missing and cannot be installed.
HELP
}

build_main() {
  local preset=dev targets=()
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) build_help && return ;;
      --preset) preset=$(option_value "$1" build "${@:2}"); shift ;;
      --package) preset=release targets=(package) ;;
      --target) targets+=("$(option_value "$1" build "${@:2}")"); shift ;;
      *) usage_error "build: unknown option \"$1\"" "./dev build --help" ;;
    esac
    shift
  done
  build_check_preset "$preset" build
  setup_ensure "$(build_group "$preset")"
  build_configure "$preset"
  build_targets "$preset" "${targets[@]}"
}

build_check_preset() {
  [[ " $build_presets " == *" $1 "* ]] ||
    usage_error "$2: unknown preset \"$1\" (presets: $build_presets)" "./dev $2 --help"
}

# The release has no tests in it, so it needs no test framework.
build_group() { [[ $1 == release ]] && echo run || echo test; }

# build_configure PRESET [-DNAME=VALUE...]. An option once asked for stays in that build directory.
build_configure() {
  local preset=$1 directory=$root/build/$1
  shift
  local wanted
  wanted=$(printf '%s\n' "$@"; cksum <"$root/CMakePresets.json")
  if [[ -f $directory/build.ninja && -f $directory/.dev-configured ]]; then
    local option known
    known=$(<"$directory/.dev-configured")
    [[ ${known##*$'\n'} == "${wanted##*$'\n'}" ]] || known=
    for option in "$@"; do
      grep -qxF -e "$option" <<<"$known" || known=
    done
    [[ -z $known ]] || return 0
  fi
  say "configuring build/$preset"
  mkdir -p "$root/build"
  (cd "$root" && cmake --preset "$preset" "$@" >"$root/build/.configure-$preset.log" 2>&1) || {
    cat "$root/build/.configure-$preset.log" >&2
    stop "$exit_finding" "configuring build/$preset failed, see above"
  }
  printf '%s\n' "$wanted" >"$directory/.dev-configured"
}

# build_targets PRESET [TARGET...]
build_targets() {
  local preset=$1 status=0 jobs
  shift
  jobs=$(build_jobs "$preset")
  NINJA_STATUS="[%f/%t] " ninja -C "$root/build/$preset" -j "$jobs" "$@" 2>&1 |
    build_progress >&2 || status=$?
  [[ $status -ne 130 ]] || exit 130
  [[ $status -eq 0 ]] || stop "$exit_finding" "build/$preset: the build failed, see above"
}

# Passes ninja's lines on without those that say that nothing is to be done; on a terminal the steps
# overwrite one another.
build_progress() {
  local line open=no columns=${COLUMNS:-100}
  while IFS= read -r line; do
    case $line in
      "ninja: no work to do." | "ninja: Entering directory"* | *"Re-checking globbed directories"*) ;;
      \[*/*\]*)
        if [[ -t 1 ]]; then
          printf '\r\033[K%s' "${line:0:columns}"
          open=yes
        else
          printf '%s\n' "$line"
        fi
        ;;
      *)
        if [[ $open == yes ]]; then printf '\n'; fi
        open=no
        printf '%s\n' "$line"
        ;;
    esac
  done
  if [[ $open == yes ]]; then printf '\n'; fi
}

# As many jobs as processors, but no more than memory carries: a sanitized compile takes up to 1.5 GB.
build_jobs() {
  local each_kb=800000 available_kb jobs
  if [[ -n ${PAWL_JOBS:-} ]]; then
    positive PAWL_JOBS build "$PAWL_JOBS"
    echo "$PAWL_JOBS"
    return
  fi
  case ${1:-dev} in asan | tsan | fuzz) each_kb=1600000 ;; esac
  available_kb=$(awk '$1 == "MemAvailable:" {print $2}' /proc/meminfo)
  jobs=$((available_kb / each_kb))
  [[ $jobs -le $(nproc) ]] || jobs=$(nproc)
  [[ $jobs -ge 1 ]] || jobs=1
  echo "$jobs"
}
