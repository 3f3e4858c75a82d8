"""How outages of services other than Kafka and MySQL appear in their libraries' messages.

A failure reaches the supervisor as text, through the JVM, so text is all there is to go by. Each
entry is a phrase for a service that is down or busy, never one that also appears when a setting is
wrong: a wrong key or a missing bucket needs a person.
"""

from __future__ import annotations

_SQLITE = (
    # The registry's file under MLflow, while another process writes it.
    "database is locked",
    "database table is locked",
)
_HTTP = (
    # MLflow's tracking server and its artifacts, by requests and urllib3.
    "Max retries exceeded with url",
    "requests.exceptions.ConnectionError",
    "requests.exceptions.Timeout",
    "requests.exceptions.ReadTimeout",
    "urllib3.exceptions.ProtocolError",
    *(f"failed with error code {code}" for code in (429, 500, 502, 503, 504)),
)
_OBJECT_STORE = (
    # delta-rs and polars.
    "error sending request",
    "Server returned error status: 5",
    # Hadoop's S3A.
    "org.apache.hadoop.net.ConnectTimeoutException",
    "org.apache.hadoop.fs.s3a.AWSServiceThrottledException",
    "org.apache.hadoop.fs.s3a.AWSStatus500Exception",
    "java.net.ConnectException",
    "java.net.NoRouteToHostException",
    "java.net.SocketTimeoutException",
    "java.net.UnknownHostException",
    "Unable to execute HTTP request",
)
OUTAGES = (*_SQLITE, *_HTTP, *_OBJECT_STORE)
