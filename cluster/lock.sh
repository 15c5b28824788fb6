#!/usr/bin/env bash
# Writes cluster/requirements.lock: every package that a node installs, with version and hashes, for Python 3.11 on 64-bit Linux.
# Needs uv. Versions that the lock has stay; `bash cluster/lock.sh --upgrade` takes the newest that pyproject.toml allows.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v uv >/dev/null || { echo "error: uv is needed: pip install uv" >&2; exit 2; }

uv pip compile --quiet "$@" --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes \
  --extra aws --extra head --no-annotate --no-header --output-file cluster/requirements.lock \
  pyproject.toml cluster/build.in
echo "cluster/requirements.lock: $(grep -c '^[a-zA-Z0-9]' cluster/requirements.lock) packages"
