#!/usr/bin/env bash
# Random secrets for docker compose, readable by their owner only, and the folders it writes to.
# An existing file keeps its secrets, which databases were made with, and gets those that it lacks.
# Usage: make_env.sh [FILE]
set -euo pipefail
file=${1:-.env}
secret() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
uid=$(id -u)
[ "$uid" -ne 0 ] || uid=10001
umask 077
touch "$file"
added=()
want() {
  if ! grep -q "^$1=" "$file"; then
    printf '%s=%s\n' "$1" "$2" >>"$file"
    added+=("$1")
  fi
}
want CDRLAKE_UID "$uid"
for name in CDRLAKE_MYSQL__PASSWORD CDRLAKE_MYSQL__ADMIN_PASSWORD CDRLAKE_CONNECT__PASSWORD \
  CDRLAKE_API_TOKEN GRAFANA_PASSWORD MONGO_PASSWORD; do
  want "$name" "$(secret)"
done
folder=$(dirname "$file")
umask 022
mkdir -p "$folder"/data "$folder"/output/{eda,fraud,monitoring,processed}
[ "$(id -u)" -ne 0 ] || chown "$uid" "$folder"/output/{eda,fraud,monitoring,processed}
# What `docker compose up eda` looks at: the last two months, to be edited.
params="$folder"/data/query_params.json
if [ ! -e "$params" ]; then
  printf '{"start_date": "%s", "end_date": "%s"}\n' \
    "$(date -u -d '-60 days' +%F 2>/dev/null || date -u -v-60d +%F)" \
    "$(date -u -d '-1 day' +%F 2>/dev/null || date -u -v-1d +%F)" >"$params"
fi
if [ "${#added[@]}" -eq 0 ]; then
  echo "$file: has all of them already"
else
  echo "$file: added ${added[*]}; mode 600"
fi
