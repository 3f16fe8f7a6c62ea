#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the rivals of package.json, and the Node that runs them, into build/rivals. Runs no package's install script;
# does nothing when what is there is of this package.json. With --check it only tells whether that is so.
set -euo pipefail

here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
into=$(cd "$here/../.." && pwd)/build/rivals
readonly here into

installed() { cmp -s "$here/package.json" "$into/installed.json"; }

case ${1:-} in
  "") ;;
  --check)
    installed && exit
    printf 'rivals: not installed, run bench/rivals/install.sh\n' >&2
    exit 3
    ;;
  *)
    printf 'usage: install.sh [--check]\n' >&2
    exit 2
    ;;
esac
if installed; then exit; fi
command -v npm >/dev/null || {
  printf 'rivals: no npm here: ./dev setup bench\n' >&2
  exit 3
}
mkdir -p "$into"
rm -f "$into/installed.json"
cp "$here/package.json" "$into/package.json"
# npm speaks of the Node that runs it, which is not the one that will run the rivals.
(cd "$into" && npm install --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error >&2) || exit 3
cp "$here/package.json" "$into/installed.json"
