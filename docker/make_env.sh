#!/usr/bin/env bash
# Random secrets for docker compose, readable by their owner only, and the folders it writes to.
# An existing file is left alone: databases that were made with its secrets need them.
# Usage: make_env.sh [FILE]
set -euo pipefail
file=${1:-.env}
if [ -e "$file" ]; then
  echo "$file: expected no such file, but got one; keep it, or remove it together with the volumes (docs/operations.md)." >&2
  exit 1
fi
secret() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
uid=$(id -u)
[ "$uid" -ne 0 ] || uid=10001
umask 077
set -o noclobber
cat >"$file" <<END
CDRLAKE_UID=$uid
CDRLAKE_MYSQL__PASSWORD=$(secret)
CDRLAKE_MYSQL__ADMIN_PASSWORD=$(secret)
CDRLAKE_API_TOKEN=$(secret)
GRAFANA_PASSWORD=$(secret)
END
folder=$(dirname "$file")
umask 022
mkdir -p "$folder"/data "$folder"/output/{eda,monitoring,processed}
[ "$(id -u)" -ne 0 ] || chown "$uid" "$folder"/output/{eda,monitoring,processed}
# What `docker compose up eda` looks at: the last two months, to be edited.
params="$folder"/data/query_params.json
if [ ! -e "$params" ]; then
  printf '{"start_date": "%s", "end_date": "%s"}\n' \
    "$(date -u -d '-60 days' +%F 2>/dev/null || date -u -v-60d +%F)" \
    "$(date -u -d '-1 day' +%F 2>/dev/null || date -u -v-1d +%F)" >"$params"
fi
echo "$file: made, mode 600"
