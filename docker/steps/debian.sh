#!/usr/bin/env bash
# Debian packages, and nothing that they merely recommend.
# Usage: debian.sh PACKAGE...
set -euo pipefail
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@"
rm -rf /var/lib/apt/lists/*
