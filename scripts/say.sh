# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How ./dev speaks and ends: progress and complaints go to stderr, so that what a program prints on
# stdout (JSON of a demo or a benchmark) stays clean.

readonly exit_finding=1 exit_usage=2 exit_unavailable=3

say() { printf '%s\n' "dev: $*" >&2; }

# stop CODE MESSAGE...: one line each, then the end.
stop() {
  local code=$1 line
  shift
  for line in "$@"; do say "$line"; done
  exit "$code"
}

# usage_error MESSAGE WHERE_TO_READ
usage_error() { stop "$exit_usage" "$1" "see $2"; }

# option_value OPTION VERB VALUE...: the value that must follow an option, or a usage error.
option_value() {
  local option=$1 verb=$2
  shift 2
  [[ $# -ge 1 && -n $1 ]] || usage_error "$option needs a value" "./dev $verb --help"
  printf '%s\n' "$1"
}

# positive OPTION VERB VALUE [LARGEST]: refuses anything but 1 to LARGEST, which is 9999 if not given.
positive() {
  local largest=${4:-9999}
  [[ $3 =~ ^[1-9][0-9]{0,9}$ && $3 -le $largest ]] ||
    usage_error "$1 takes a number from 1 to $largest, not \"$3\"" "./dev $2 --help"
}
