#!/usr/bin/env bash
# The runtime lock on standard output, without the packages that an image does not need.
# Usage: requirements.sh [PACKAGE...]
set -euo pipefail
awk -v left_out=" $* " '
  /^[a-z0-9]/ { split($0, pin, "=="); keep = !index(left_out, " " pin[1] " ") }
  keep
' "$(dirname "$0")/../../locks/runtime.txt"
