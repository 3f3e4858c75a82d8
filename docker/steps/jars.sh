#!/usr/bin/env bash
# Spark's extra jars (Delta, Kafka, MySQL, and S3: 10 MB) by the Ivy that pyspark ships, in one folder.
# Usage: jars.sh CONF-FOLDER TARGET-FOLDER
set -euo pipefail
conf=$1
target=$2
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
ivy=$(python -c 'import pyspark, pathlib as p; print(*p.Path(pyspark.__file__).parent.glob("jars/ivy-*.jar"))')
retrieve() {
  java -cp "$ivy" org.apache.ivy.Main -warn -settings "$conf/ivysettings.xml" -ivy "$conf/$1" \
    -cache "${IVY_CACHE_DIR:-$cache}" -confs "$2" -retrieve "$target/spark/[artifact]-[revision].[ext]"
}
retrieve ivy.xml spark
retrieve ivy-s3.xml s3
