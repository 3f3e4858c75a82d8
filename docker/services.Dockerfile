# Every process without a JVM: simulator, mirror, monitoring, EDA, MLflow's server.
FROM python:3.11.13-slim-bookworm
ARG CDRLAKE_UID=10001
WORKDIR /opt/cdrlake
COPY docker/steps docker/steps
RUN docker/steps/user.sh "$CDRLAKE_UID"
RUN docker/steps/debian.sh libgomp1
COPY locks locks
# Without pyspark: nothing here imports it, and NannyML would start a JVM if it could.
RUN docker/steps/python.sh /opt/venv delta-spark py4j pyspark
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/cdrlake PYTHONUNBUFFERED=1 \
    MLFLOW_DISABLE_TELEMETRY=true NML_DISABLE_USAGE_LOGGING=1
COPY . .
USER cdrlake
