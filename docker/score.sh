#!/usr/bin/env bash
# Scoring, from the first champion on. Until there is one it waits: history may be too short, or the
# first version was refused or awaits approval.
set -euo pipefail
until python docker/healthy.py model; do
  echo "no champion yet; train says why"
  sleep "${WAIT_SECONDS:-30}"
done
exec docker/submit.sh cdr_score
