#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The checker's command line: exit codes, JSON rows, bounds that are never cut silently, replay.
#
# usage: command_line_test.sh PAWL_CHECK
set -euo pipefail

check=$1
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

fail() { echo "$*" && cat "$place/out" && exit 1; }
# expect STATUS PATTERN ARGUMENT...
expect() {
  local wanted=$1 pattern=$2 status=0
  shift 2
  "$check" "$@" >"$place/out" 2>&1 || status=$?
  [[ $status -eq $wanted ]] || fail "$* ended with $status, not $wanted"
  grep -q -e "$pattern" "$place/out" || fail "$* did not say: $pattern"
}

expect 0 'clean, complete' engine.requests
expect 0 '"guard":null,.*"complete":true,"violation":false' engine.requests --json
expect 0 'guard protocol.token_stands' --list
expect 1 'a request was carried out twice' engine.requests --without protocol.receipt_is_new
expect 1 '"complete":false,"violation":true' engine.requests --without protocol.no_receipt_yet --json
expect 1 'not complete: .*memory bound' engine.effects_dedup_in_hand --memory 4
expect 1 'the guard protocol.token_stands changes nothing' engine.requests --all-guards
expect 2 'no guard named' engine.requests --without protocol.no_such_guard
expect 2 'no system or scenario' no_such_system
expect 2 'cannot happen there' --replay 'engine.requests: add 3'
expect 2 'names no scenario' --replay 'nothing: add 3'
expect 0 'every invariant holds' --replay 'engine.requests: add 1; add 1; add 2'
expect 0 'clean, complete' sql.claim
expect 1 'whoever was superseded' sql.stale_holder --without sql.lane_epoch
expect 2 'cannot happen there' --replay 'sql.stale_holder: p3: BEGIN'
expect 0 'every invariant holds' --replay 'sql.stale_holder: p1: BEGIN; p2: BEGIN'
expect 1 '=> a request was carried out twice' --replay 'engine.requests: add 1; add 1' \
  --without protocol.receipt_is_new
