#!/usr/bin/env bash
# Jars by the Ivy that pyspark ships: Spark's extra ones (Delta, Kafka, MySQL, and S3: 10 MB) in one
# folder, and Kafka Connect with Debezium's connector where its process looks for them.
# Usage: jars.sh CONF-FOLDER CACHE-FOLDER
set -euo pipefail
conf=$1
cache=$2
downloads=$(mktemp -d)
trap 'rm -rf "$downloads"' EXIT
ivy=$(python -c 'import pyspark, pathlib as p; print(*p.Path(pyspark.__file__).parent.glob("jars/ivy-*.jar"))')
retrieve() {
  java -cp "$ivy" org.apache.ivy.Main -warn -settings "$conf/ivysettings.xml" -ivy "$conf/$1" \
    -cache "${IVY_CACHE_DIR:-$downloads}" -confs "$2" -retrieve "$cache/$3/[artifact]-[revision].[ext]"
}
retrieve ivy.xml spark jars/spark
retrieve ivy-s3.xml s3 jars/spark
retrieve ivy-connect.xml connect jars-connect/connect
# The hash of the files that say what belongs there: other files, other jars.
sha256sum <(cat "$conf/ivy-connect.xml" "$conf/ivysettings.xml") | cut -d' ' -f1 | tr -d '\n' >"$cache/jars-connect/stamp"
# Whoever starts the worker takes a lock in this folder.
if id cdrlake >/dev/null 2>&1; then chown cdrlake "$cache"; fi
