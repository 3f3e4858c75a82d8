#!/usr/bin/env bash
# One job on the cluster. SIGTERM goes to the job itself, which ends its batch before it stops;
# spark-submit alone would end at once.
# Usage: submit.sh JOB [OPTION...]
set -euo pipefail
job=$1
shift
spark-submit --properties-file conf/spark-defaults.conf --master "$SPARK_MASTER" \
  --driver-memory "${DRIVER_MEMORY:-1g}" --total-executor-cores 2 --executor-cores 2 \
  --executor-memory "${EXECUTOR_MEMORY:-1g}" \
  --conf "spark.driver.host=$(hostname)" \
  --conf "spark.sql.warehouse.dir=$CDRLAKE_STATE_DIR/spark/warehouse" \
  "pyspark_jobs/jobs/$job.py" "$@" &
java=$!
trap 'kill -TERM $(cat "/proc/$java"/task/*/children)' TERM INT
status=0
while kill -0 "$java" 2>/dev/null; do
  wait "$java" && status=0 || status=$?
done
exit "$status"
