#!/usr/bin/env bash
# Sets one node up: the project and exactly the packages of requirements.lock, head and workers alike. Run again, it does only
# what is missing. Caches lie where SWEEP_CACHE, HF_HOME and PIP_CACHE_DIR say.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(dirname "$here")
lock=$here/requirements.lock
python=${PYTHON:-python}

say() { printf 'sweep set-up: %s\n' "$*"; }

ready_folder() {
  [ -z "$1" ] && return
  # A folder that Docker made for a mount belongs to root.
  mkdir -p "$1" 2>/dev/null || { sudo mkdir -p "$1" && sudo chown "$(id -u):$(id -g)" "$1"; }
  [ -w "$1" ] || sudo chown "$(id -u):$(id -g)" "$1"
}

say "caches: ${SWEEP_CACHE:-~/.cache/sweep}"
for folder in "${SWEEP_CACHE:-}" "${HF_HOME:-}" "${PIP_CACHE_DIR:-}"; do
  ready_folder "$folder"
done

stamp=${XDG_STATE_HOME:-$HOME/.local/state}/sweep-set-up
wanted=$(cat "$lock" "$project/pyproject.toml" | sha256sum | cut -d' ' -f1)
if [ "$(cat "$stamp" 2>/dev/null || true)" = "$wanted" ]; then
  say "packages: as the lock says already"
else
  say "packages: $(grep -c '^[a-zA-Z0-9]' "$lock") of the lock, each with its hash"
  "$python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$lock"
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable "$project"
  mkdir -p "$(dirname "$stamp")"
  printf '%s\n' "$wanted" >"$stamp"
fi

say "$("$python" -c 'import importlib.metadata as m; print(", ".join(f"{n} {m.version(n)}" for n in ("sweep", "ray", "torch")))')"
