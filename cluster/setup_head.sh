#!/usr/bin/env bash
# Sets the head up, after setup_node.sh: PostgreSQL's programs, and a folder for the services on the machine's own disk. Run again,
# it does only what is missing. `sweep services start` then makes the databases, or brings back those of the head before.
set -euo pipefail

say() { printf 'sweep set-up of the head: %s\n' "$*"; }

# As root there need not be a sudo.
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

programs() { ls -d /usr/lib/postgresql/[0-9]*/bin/initdb 2>/dev/null || command -v initdb || true; }

if [ -n "$(programs)" ]; then
  say "PostgreSQL: $(programs | tail -n 1)"
else
  say "PostgreSQL: installing it"
  # The package would make and start a server of its own, with a port that is open on the machine.
  as_root mkdir -p /etc/postgresql-common
  printf 'create_main_cluster = false\n' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends postgresql >/dev/null
  [ -n "$(programs)" ] || { say "error: apt-get has installed no PostgreSQL" >&2; exit 1; }
fi

folder=${SWEEP_SERVICES:-}
if [ -n "$folder" ]; then
  mkdir -p "$folder" 2>/dev/null || { as_root mkdir -p "$folder" && as_root chown "$(id -u):$(id -g)" "$folder"; }
  [ -w "$folder" ] || as_root chown "$(id -u):$(id -g)" "$folder"
fi
say "services: in ${folder:-$HOME/.sweep/services}"
