# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ./dev check: the checker over every system of this repository, as it is and without each of its guards.

check_help() {
  cat <<'HELP'
usage: ./dev check [--json] [--memory MB]
       ./dev check -- [options of pawl check]

Builds the checker (release) and explores every system exhaustively: as it is, which must be clean and
complete, and without each of its guards in turn, which must show what that guard prevents. One row each.

  --json        one JSON object a line: system, guard (null: none removed), states, transitions, complete,
                violation, seconds; for a violation what, steps and schedule
  --memory MB   stop, incomplete, beyond so much (default 4000)
  --            all further options go to the checker itself: ./dev check -- otc.sell --progress

Exit codes: 0 all as it must be, 1 a violation, something cut, or a guard whose removal changes nothing,
2 wrong usage, 3 packages are missing and cannot be installed.
HELP
}

check_main() {
  local options=(--all-guards --memory 4000)
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) check_help && return ;;
      --json) options+=(--json) ;;
      --memory) positive "$1" check "${2:-}"; options+=(--memory "$2"); shift ;;
      --) shift; options=("$@"); break ;;
      *) usage_error "check: unknown option \"$1\"" "./dev check --help" ;;
    esac
    shift
  done
  setup_ensure run
  build_configure release
  build_targets release pawl_check_cli
  exec "$root/build/release/src/pawl-check" "${options[@]}"
}
