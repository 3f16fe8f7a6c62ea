#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: deb_test.sh CPACK BUILD_DIRECTORY VERSION
# Packs the build, looks into the package without installing it, runs the program that is in it, and has systemd
# judge the unit where systemd is there.
set -euo pipefail
cpack=$1 build=$2 version=$3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cpack" --config "$build/CPackConfig.cmake" -G DEB -B "$work/packed" >"$work/cpack.log" 2>&1 || {
  cat "$work/cpack.log"
  exit 1
}
package=$(find "$work/packed" -maxdepth 1 -name 'pawl_*.deb')
[[ -f $package ]] || {
  echo "no package was made"
  exit 1
}
[[ $(dpkg-deb -f "$package" Package) == pawl && $(dpkg-deb -f "$package" Version) == "$version" ]]
depends=$(dpkg-deb -f "$package" Depends)
for library in libsqlite3-0 libssl3 libc6; do
  [[ $depends == *"$library"* ]] || {
    echo "it does not depend on $library: $depends"
    exit 1
  }
done
# Nothing is run or enabled by installing it.
dpkg-deb --control "$package" "$work/control"
for script in preinst postinst prerm postrm; do
  [[ ! -e $work/control/$script ]] || {
    echo "it runs a $script"
    exit 1
  }
done
dpkg-deb -x "$package" "$work/unpacked"
for file in bin/pawl lib/systemd/system/pawl.service include/pawl/engine.h include/pawl/backup.h \
  share/doc/pawl/LICENSE share/doc/pawl/copyright share/doc/pawl/operations.md share/doc/pawl/errors.md; do
  [[ -f $work/unpacked/usr/$file ]] || {
    echo "usr/$file is missing"
    exit 1
  }
done
for name in libpawl.a pawlConfig.cmake pawlTargets.cmake; do
  [[ -n $(find "$work/unpacked/usr/lib" -name "$name") ]] || {
    echo "$name is missing"
    exit 1
  }
done
others=$(find "$work/unpacked" -type f -perm /022)
[[ -z $others ]] || {
  echo "others may write: $others"
  exit 1
}
[[ $("$work/unpacked/usr/bin/pawl" --version) == "pawl $version" ]]
grep -q '^DynamicUser=yes$' "$work/unpacked/usr/lib/systemd/system/pawl.service"
