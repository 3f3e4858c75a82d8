#!/usr/bin/env bash
# A virtual environment with the pinned dependencies, every file checked against its hash.
# Usage: python.sh VENV [PACKAGE-TO-LEAVE-OUT...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=$1
shift
builder=$(mktemp -d)
trap 'rm -rf "$builder"' EXIT
python3 -m venv "$builder/venv"
"$builder/venv/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check \
  --require-hashes -r "$here/../../locks/build.txt"
"$here/requirements.sh" "$@" >"$builder/runtime.txt"
python3 -m venv --without-pip "$venv"
"$builder/venv/bin/uv" pip install --quiet --python "$venv/bin/python" \
  --cache-dir "${UV_CACHE_DIR:-$builder/cache}" --no-deps --require-hashes -r "$builder/runtime.txt"
