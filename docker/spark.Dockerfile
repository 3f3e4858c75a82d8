# Spark: master, workers, and the driver of every job; Kafka Connect, which needs Java too.
FROM python:3.11.13-slim-bookworm
ARG CDRLAKE_UID=10001
WORKDIR /opt/cdrlake
COPY docker/steps docker/steps
RUN docker/steps/user.sh "$CDRLAKE_UID"
RUN docker/steps/debian.sh libgomp1 openjdk-17-jre-headless
COPY locks locks
RUN docker/steps/python.sh /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/cdrlake PYTHONUNBUFFERED=1 \
    PYSPARK_PYTHON=/opt/venv/bin/python MLFLOW_DISABLE_TELEMETRY=true
COPY conf/ivy.xml conf/ivy-connect.xml conf/ivy-s3.xml conf/ivysettings.xml conf/
RUN docker/steps/jars.sh conf .cache
COPY . .
USER cdrlake
