# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Keeps packages from starting or enabling services while they are installed, by Debian's own means:
# /usr/sbin/policy-rc.d answers 101 to every start, a systemd preset answers "disable" to every first
# enabling, and PostgreSQL's createcluster.conf asks for no cluster. What was there is put back; what a
# killed run left behind is recognised by its mark and cleared by the next. PAWL_SETUP_PREFIX is put
# before each path, for the tests.

readonly services_mark="# made by Pawl's ./dev setup, for the time of one installation"
readonly services_prefix=${PAWL_SETUP_PREFIX:-}
readonly services_policy=$services_prefix/usr/sbin/policy-rc.d
readonly services_preset=$services_prefix/etc/systemd/system-preset/00-pawl-setup.preset
readonly services_cluster=$services_prefix/etc/postgresql-common/createcluster.conf
readonly services_cluster_default=$services_prefix/usr/share/postgresql-common/createcluster.conf
readonly services_saved=.pawl-saved

services_quiet_begin() {
  services_enabled_before=$(services_enabled)
  services_put "$services_policy" 755 '#!/bin/sh' "$services_mark" 'exit 101'
  services_put "$services_preset" 644 "$services_mark" 'disable *'
  services_put "$services_cluster" 644 "$services_mark" 'create_main_cluster = false'
}

services_quiet_end() {
  services_put_back "$services_policy"
  services_put_back "$services_preset"
  services_put_back "$services_cluster"
  # A PostgreSQL that came just now kept our file in place of its default.
  if [[ ! -e $services_cluster && -e $services_cluster_default ]]; then
    cp "$services_cluster_default" "$services_cluster"
  fi
  rmdir --ignore-fail-on-non-empty "${services_preset%/*}" "${services_cluster%/*}" 2>/dev/null || true
}

# services_put PATH MODE LINE...: our file in the place of whatever is there, which is kept beside it.
services_put() {
  local path=$1 mode=$2
  shift 2
  mkdir -p "${path%/*}"
  if [[ -e $path || -L $path ]] && ! grep -qxsF "$services_mark" "$path"; then
    mv -f "$path" "$path$services_saved"
  fi
  printf '%s\n' "$@" >"$path.pawl-new"
  chmod "$mode" "$path.pawl-new"
  mv -f "$path.pawl-new" "$path"
}

services_put_back() {
  local path=$1
  # A package may have put its own file there meanwhile: then that one stays.
  if grep -qxsF "$services_mark" "$path"; then rm -f "$path"; fi
  if [[ -e $path$services_saved || -L $path$services_saved ]]; then mv -f "$path$services_saved" "$path"; fi
}

# The links by which systemd and sysv-rc start something at boot, one a line.
services_enabled() {
  { find "$services_prefix/etc/systemd/system" -mindepth 2 -type l -path '*.wants/*' 2>/dev/null
    find "$services_prefix/etc/systemd/system" -mindepth 2 -type l -path '*.requires/*' 2>/dev/null
    find "$services_prefix"/etc/rc[S2345].d -name 'S*' 2>/dev/null; } | sort || true
}

# Turns off what is enabled now and was not when services_quiet_begin ran: sysv links, which no preset
# covers, and unit links on a machine without systemctl. Fails when something stays enabled.
services_disable_new() {
  local link name
  while read -r link; do
    name=${link##*/}
    case $link in
      */rc?.d/S*) update-rc.d "${name#S[0-9][0-9]}" disable >/dev/null 2>&1 || true ;;
      *) deb-systemd-helper disable "$name" >/dev/null 2>&1 || rm -f "$link" ;;
    esac
  done < <(services_new)
  local left
  left=$(services_new)
  [[ -z $left ]] && return
  say "setup: still enabled: ${left//$'\n'/ }"
  return 1
}

services_new() { comm -13 <(printf '%s\n' "$services_enabled_before") <(services_enabled) | grep . || true; }
