#!/usr/bin/env bash
# All of the history through the jobs, so that the first model is trained on all of it. Once: later
# the streaming jobs own the checkpoints, and what is new is theirs.
set -euo pipefail
finished=$CDRLAKE_STATE_DIR/backfilled
[ ! -e "$finished" ] || exit 0
python docker/relayed.py
docker/submit.sh cdr_ingest --once
docker/submit.sh cdr_transform --once
touch "$finished"
