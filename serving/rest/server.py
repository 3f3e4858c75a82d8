"""The server: uvicorn, with connections of `serving.rest.protocol`."""

from __future__ import annotations

import signal
import sys
from typing import cast

import uvicorn
from uvicorn.supervisors import Multiprocess

from lakehouse.settings.serving import ServingSettings
from serving.rest.app import App
from serving.rest.protocol import BoundedProtocol

_KEEP_ALIVE_S, _BACKLOG = 65, 1_024
# So long another thread may go on while a request waits.
_SWITCH_S = 0.0005


class Config(uvicorn.Config):
    """How uvicorn serves `app`, an application or where to import a factory of it from."""

    def __init__(self, app: App | str, settings: ServingSettings) -> None:
        super().__init__(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=BoundedProtocol,
            ws="none",
            lifespan="on",
            interface="asgi3",
            factory=isinstance(app, str),
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=settings.drain_seconds,
            backlog=_BACKLOG,
            workers=settings.workers,
        )
        self.request_seconds, self.most_waiting = settings.request_seconds, settings.max_concurrent

    @property
    def application(self) -> App:
        """The application, once it is loaded."""
        return cast(App, self.loaded_app)

    def load(self) -> None:
        """Load the application, and let it have its turn before other threads for long."""
        super().load()
        sys.setswitchinterval(_SWITCH_S)


def run(app: App, settings: ServingSettings) -> None:
    """Serve in this process until SIGTERM or Ctrl-C."""
    # Once it has drained, uvicorn raises the signal again, for handlers from before it.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    uvicorn.Server(Config(app, settings)).run()


def run_workers(factory: str, settings: ServingSettings) -> None:
    """Serve in several processes; one that dies is started again."""
    config = Config(factory, settings)
    Multiprocess(config, sockets=[config.bind_socket()]).run()
