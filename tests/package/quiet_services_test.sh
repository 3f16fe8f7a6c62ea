#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: quiet_services_test.sh ROOT
# ./dev setup's policies under a temporary prefix: in place while it works, and afterwards exactly what
# was there before, also when an earlier run was killed half way.
set -euo pipefail
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PAWL_SETUP_PREFIX=$work
source "$root/scripts/say.sh"
source "$root/scripts/quiet_services.sh"

check() { "$@" || { echo "line ${BASH_LINENO[0]}: not so: $*"; exit 1; }; }
policy=$work/usr/sbin/policy-rc.d preset=$work/etc/systemd/system-preset/00-pawl-setup.preset
cluster=$work/etc/postgresql-common/createcluster.conf

# Nothing there before: nothing there after, and no empty folder of ours.
services_quiet_begin
status=0
"$policy" redis-server start || status=$?
check [ "$status" -eq 101 ]
check grep -qx 'disable \*' "$preset"
check grep -qx 'create_main_cluster = false' "$cluster"
services_quiet_end
check [ ! -e "$policy" ]
check [ ! -e "$work/etc/systemd/system-preset" ]
check [ ! -e "$work/etc/postgresql-common" ]

# The operator's own files come back, with their mode, also after a run that was killed.
printf '#!/bin/sh\nexit 7\n' >"$policy"
chmod 700 "$policy"
mkdir -p "${cluster%/*}" && echo "ssl = on" >"$cluster"
services_quiet_begin
services_quiet_begin
services_quiet_end
status=0
"$policy" || status=$?
check [ "$status" -eq 7 ]
check [ "$(stat -c %a "$policy")" = 700 ]
check [ "$(cat "$cluster")" = "ssl = on" ]

# A PostgreSQL that was installed meanwhile gets its default.
rm "$cluster"
services_quiet_begin
mkdir -p "$work/usr/share/postgresql-common" && echo "default" >"$services_cluster_default"
services_quiet_end
check [ "$(cat "$cluster")" = default ]

# What a package enables is seen, and what was enabled before is left alone.
mkdir -p "$work/etc/systemd/system/multi-user.target.wants"
ln -s /lib/systemd/system/old.service "$work/etc/systemd/system/multi-user.target.wants/old.service"
services_quiet_begin
ln -s /lib/systemd/system/new.service "$work/etc/systemd/system/multi-user.target.wants/new.service"
check [ "$(services_new)" = "$work/etc/systemd/system/multi-user.target.wants/new.service" ]
services_quiet_end
