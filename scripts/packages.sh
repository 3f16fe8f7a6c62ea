# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The Debian 12 packages of each group, and which of them are missing. A group holds what its verbs
# really use: a user who only runs the program installs no test framework and no clang.

# Building and running the program.
readonly packages_run=(
  g++ cmake ninja-build ccache mold
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev
  libsqlite3-dev libpq-dev libssl-dev libtomlplusplus-dev libcli11-dev
  prometheus-cpp-dev
  ca-certificates
)
# Testing, on top of run.
# (CMake's package of GoogleTest wants the files of gmock too. PostgreSQL's tests start servers of their
# own; what the packages would start is kept from it by scripts/quiet_services.sh.)
readonly packages_test=(libgtest-dev libgmock-dev librapidcheck-dev sqlite3 postgresql-15 pgbouncer
  patroni etcd-server python3-etcd
  python3 python3-jsonschema)
# Developing, on top of test. clang-tidy-19 brings python3 with it, which the house rules
# of scripts/lint_rules.py use; it is named because we use it ourselves. The fuzzers need clang-19 and
# libclang-rt-19-dev, which holds libFuzzer and the sanitizers, and llvm-19 to name the lines of a finding;
# spin is what the checker is measured against.
readonly packages_dev=(clang-format-19 clang-tidy-19 clang-19 libclang-rt-19-dev llvm-19 python3 git spin)
# Benchmarks beside their rivals, on top of run: PostgreSQL with pgbench and python3 for what is written by hand; npm brings
# the others (bench/rivals/install.sh).
readonly packages_bench=(postgresql-15 python3)

readonly package_groups="run test dev bench"

# packages_of GROUP: the group's packages with those it stands on, one a line.
packages_of() {
  case $1 in
    run) printf '%s\n' "${packages_run[@]}" ;;
    test) packages_of run && printf '%s\n' "${packages_test[@]}" ;;
    dev) packages_of test && printf '%s\n' "${packages_dev[@]}" ;;
    bench)
      packages_of run && printf '%s\n' "${packages_bench[@]}"
      # A Node from elsewhere brings its own npm and stands in conflict with Debian's.
      command -v npm >/dev/null || printf 'npm\n'
      ;;
  esac
}

# packages_missing PACKAGE...: those that are not fully installed, one a line. Asks dpkg alone.
packages_missing() {
  local installed
  # dpkg-query fails when one name is unknown to it; the rest of its answer still counts.
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  local package
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$installed" || printf '%s\n' "$package"
  done
}
