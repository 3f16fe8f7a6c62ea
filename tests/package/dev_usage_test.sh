#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: dev_usage_test.sh DEV
# What ./dev does with wrong usage, and that every verb has help. Builds and installs nothing.
set -euo pipefail
dev=$1
failures=0

# expect STATUS PATTERN ARGUMENT...
expect() {
  local status=0 output
  output=$("$dev" "${@:3}" 2>&1 </dev/null) || status=$?
  if [[ $status -ne $1 || ! $output =~ $2 ]]; then
    echo "./dev ${*:3}: expected status $1 and \"$2\", got $status and:"
    echo "$output"
    failures=$((failures + 1))
  fi
}

for verb in setup build run demo test bench check lint fuzz ci clean; do
  expect 0 "usage: ./dev $verb" "$verb" --help
done
expect 0 'usage: ./dev VERB'
expect 2 'unknown verb "frobnicate"' frobnicate
for verb in setup build test lint check ci clean; do
  expect 2 'unknown option.*"--frobnicate"' "$verb" --frobnicate
done
expect 2 'unknown preset "fast"' build --preset fast
expect 2 'needs a value' build --target
expect 2 'unknown label "nightly" \(labels: unit ' test --label nightly
expect 2 'a number from 1 to 9999' test --repeat 0
expect 2 'a number from 1 to 9999' test -j many
expect 2 'no tests in it' test --preset release
expect 2 'which one' bench
expect 2 'a number from 1 to 9999' check --memory much
expect 2 'no target "nosuch"' fuzz nosuch
exit $((failures > 0))
