# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# ./dev setup: installs what a group needs, and nothing when all is there. It removes no package, and
# starts and enables no service (scripts/quiet_services.sh). Other verbs call setup_ensure GROUP.

# shellcheck source=scripts/quiet_services.sh
source "$root/scripts/quiet_services.sh"

setup_help() {
  cat <<'HELP'
usage: ./dev setup [run|test|dev|bench ...] [--dry-run]

Installs the Debian 12 packages that are missing for the groups named (default: dev).

  run      build and run the program and its benchmarks
  test     run, and what the tests need
  dev      both, clang-format, clang-tidy, clang with libFuzzer, python3 and git
  bench    run, and the rivals that benchmarks are measured against: PostgreSQL, python3, npm

  --dry-run   say what is missing and what would be installed; needs no root, changes nothing

It says what it will install before it does, removes no package, and starts and enables no service:
while apt-get works, a policy-rc.d refuses every start, a preset refuses every "enable", and
PostgreSQL is told to create no cluster. All three are put back as they were afterwards. The other
verbs call this by themselves for the group they need.

Examples:
  ./dev setup run
  ./dev setup dev --dry-run

Exit codes: 0 everything is installed (or: --dry-run has answered), 2 wrong usage,
3 no root, apt-get failed, or the packages conflict with installed ones.
HELP
}

setup_main() {
  local groups=() dry_run=no
  while [[ $# -gt 0 ]]; do
    case $1 in
      -h | --help) setup_help && return ;;
      --dry-run) dry_run=yes ;;
      run | test | dev | bench) groups+=("$1") ;;
      *) usage_error "setup: unknown option or group \"$1\" (groups: $package_groups)" "./dev setup --help" ;;
    esac
    shift
  done
  [[ ${#groups[@]} -gt 0 ]] || groups=(dev)

  local missing
  missing=$(setup_missing "${groups[@]}")
  if [[ -z $missing ]]; then
    say "setup: everything that ${groups[*]} needs is installed"
    return
  fi
  say "setup: missing for ${groups[*]}: ${missing//$'\n'/ }"
  if [[ $dry_run == yes ]]; then
    say "setup: would run apt-get install --no-remove --no-install-recommends ${missing//$'\n'/ }"
    return
  fi
  # shellcheck disable=SC2086  # one word a package
  setup_install $missing
}

# setup_ensure GROUP: silent when nothing is missing.
setup_ensure() {
  [[ -z $(setup_missing "$1") ]] || setup_main "$1"
}

setup_missing() {
  local group packages=()
  for group in "$@"; do
    mapfile -t -O "${#packages[@]}" packages < <(packages_of "$group")
  done
  packages_missing "${packages[@]}" | sort -u
}

# Runs in a subshell of its own, so that its traps put everything back however it ends.
setup_install() {
  [[ $EUID -eq 0 ]] ||
    stop "$exit_unavailable" "setup: installing packages needs root; run as root, or have root run:" \
      "  apt-get install --no-remove --no-install-recommends $*"
  command -v apt-get >/dev/null ||
    stop "$exit_unavailable" "setup: no apt-get here; Pawl's packages are those of Debian 12"
  (
    exec 9>/run/lock/pawl-setup.lock
    flock -w 600 9 || stop "$exit_unavailable" "setup: another ./dev setup is at work since 10 minutes"
    setup_apt "$@"
  )
  local missing
  missing=$(packages_missing "$@")
  [[ -z $missing ]] || stop "$exit_unavailable" "setup: apt-get ended well, but these are missing: $missing"
  say "setup: done"
}

setup_apt() {
  say "setup: reading the package lists"
  setup_run_apt update -qq ||
    stop "$exit_unavailable" "setup: apt-get update failed; check the network and /etc/apt/sources.list"

  local plan
  if ! plan=$(setup_run_apt install --simulate --no-install-recommends "$@" 2>&1); then
    stop "$exit_unavailable" "setup: apt-get cannot install these together:" "$plan"
  fi
  local removed
  removed=$(awk '$1 == "Remv" {printf "%s ", $2}' <<<"$plan")
  if [[ -n $removed ]]; then
    stop "$exit_unavailable" \
      "setup: conflict: installing these would remove $removed" \
      "setup: nothing was changed. If you can do without them, run: apt-get remove $removed" \
      "setup: and then ./dev setup again"
  fi
  say "setup: will install: $(awk '$1 == "Inst" {printf "%s ", $2}' <<<"$plan")"

  services_quiet_begin
  trap services_quiet_end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  setup_run_apt install --yes --no-remove --no-install-recommends "$@" >&2 ||
    stop "$exit_unavailable" "setup: apt-get install failed, see its message above"
  services_disable_new ||
    stop "$exit_unavailable" "setup: a service is enabled that was not before, see above"
}

setup_run_apt() {
  env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 \
    apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    "$@" </dev/null 9>&-
}
