#!/usr/bin/env bash
# The first model. Later ones are trained on request: docker/submit.sh cdr_train.
set -euo pipefail
if python docker/healthy.py model; then
  exit 0
fi
exec docker/submit.sh cdr_train
