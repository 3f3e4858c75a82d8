#!/usr/bin/env bash
# Kafka Connect with Debezium's connector, where its process looks for them: it fetches nothing then.
# Usage: connect.sh CONF-FOLDER CACHE-FOLDER
set -euo pipefail
conf=$1
cache=$2
downloads=$(mktemp -d)
trap 'rm -rf "$downloads"' EXIT
ivy=$(python -c 'import pyspark, pathlib as p; print(*p.Path(pyspark.__file__).parent.glob("jars/ivy-*.jar"))')
java -cp "$ivy" org.apache.ivy.Main -warn -settings "$conf/ivysettings.xml" -ivy "$conf/ivy-connect.xml" \
  -cache "${IVY_CACHE_DIR:-$downloads}" -confs connect \
  -retrieve "$cache/jars-connect/[conf]/[artifact]-[revision].[ext]"
# The hash of the files that say what belongs there: other files, other jars.
printf %s "$(cat "$conf/ivy-connect.xml" "$conf/ivysettings.xml" | sha256sum | cut -d' ' -f1)" >"$cache/jars-connect/stamp"
# Whoever starts the worker takes a lock in this folder.
if id cdrlake >/dev/null 2>&1; then chown cdrlake "$cache"; fi
