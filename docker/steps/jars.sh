#!/usr/bin/env bash
# Spark's extra jars (Delta, Kafka, MySQL) by the Ivy that pyspark ships.
# Usage: jars.sh CONF-FOLDER TARGET-FOLDER
set -euo pipefail
conf=$1
target=$2
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
ivy=$(python -c 'import pyspark, pathlib as p; print(*p.Path(pyspark.__file__).parent.glob("jars/ivy-*.jar"))')
java -cp "$ivy" org.apache.ivy.Main -warn -settings "$conf/ivysettings.xml" -ivy "$conf/ivy.xml" \
  -cache "${IVY_CACHE_DIR:-$cache}" -confs spark -retrieve "$target/[conf]/[artifact]-[revision].[ext]"
