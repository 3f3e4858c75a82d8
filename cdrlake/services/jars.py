"""Java, and the jars of `conf/ivy.xml`: resolved once by the Apache Ivy that pyspark ships."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from lakehouse import object_store
from lakehouse.children import die_with_parent
from lakehouse.domains.settings import Settings
from lakehouse.errors import ServiceError
from lakehouse.settings import ROOT

CONF = ROOT / "conf"
ACCEPTED = (17, 21)
CONFIGURATIONS = ("spark", "kafka", "mariadb")
INSTALL_JAVA = "install one, on Debian with `apt-get install openjdk-17-jre-headless`"
_ARTIFACT = re.compile(r"downloading \S+/([^/\s]+\.jar)")


class DownloadError(ServiceError):
    """Jars that are needed could not be fetched; the same call may succeed later."""


@dataclass(frozen=True)
class Java:
    """A Java runtime of an accepted version."""

    path: Path
    major: int


@dataclass(frozen=True)
class Jars:
    """The folders of jars, one per configuration."""

    root: Path

    @property
    def spark(self) -> Path:
        """Jars that go on Spark's classpath."""
        return self.root / "spark"

    @property
    def kafka(self) -> Path:
        """Jars of the broker."""
        return self.root / "kafka"

    @property
    def mariadb(self) -> Path:
        """The archive that holds the database's binaries."""
        return self.root / "mariadb"


def find_java() -> Java:
    """Java of JAVA_HOME, else of PATH; raises `ServiceError` when there is none or a wrong one."""
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    needed = f"Java {' or '.join(map(str, ACCEPTED))} is needed"
    if not found or not Path(found).exists():
        where = f"none is at {found}" if found else "none was found"
        raise ServiceError.sentence(f"{needed}, and {where}; {INSTALL_JAVA}.", where="Java")
    try:
        answer = subprocess.run(
            [found, "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            preexec_fn=die_with_parent(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        said = f"{needed}, and {found} does not run: {error}; {INSTALL_JAVA}."
        raise ServiceError.sentence(said, where="Java") from None
    match = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    if not match or int(match[1]) not in ACCEPTED:
        got = f"is version {match[1]}" if match else "tells no version"
        said = f"{needed}, and {found} {got}; {INSTALL_JAVA}."
        raise ServiceError.sentence(said, where="Java", got=got)
    return Java(Path(found), int(match[1]))


def require_platform() -> None:
    """Raise `ServiceError` where the embedded database's binaries do not run."""
    here = f"{platform.system()} {platform.machine()}"
    if here != "Linux x86_64":
        raise ServiceError.sentence(
            f"The embedded servers run on Linux x86_64, and this is {here}; use `docker compose "
            "up`, see docs/deploy.md.",
            where="embedded servers",
            got=here,
        )


def fetch(settings: Settings, java: Java, say: Callable[[str], None]) -> Jars:
    """Resolve all jars that an installation needs, those of its lake's object store included."""
    where = settings.cache, CONF, java, say
    found = resolve(*where)
    if object_store.is_s3(settings.lake_uri):
        resolve_extra("s3", *where)
    return found


def resolve(cache: Path, conf: Path, java: Java, say: Callable[[str], None]) -> Jars:
    """Retrieve the jars of `conf`/ivy.xml into `cache`/jars unless they are there.

    `say` is told what is being downloaded. Several processes may call this at once. Raises
    `DownloadError` where they cannot be fetched.
    """
    return Jars(_resolve(_Wanted("jars", conf / "ivy.xml", CONFIGURATIONS), cache, java, say))


def resolve_extra(
    name: str, cache: Path, conf: Path, java: Java, say: Callable[[str], None]
) -> Path:
    """Retrieve the jars of `conf`/ivy-`name`.xml, which only some installations need; their folder.

    Raises and may be called like `resolve`.
    """
    wanted = _Wanted(f"jars-{name}", conf / f"ivy-{name}.xml", (name,))
    return _resolve(wanted, cache, java, say) / name


@dataclass(frozen=True)
class _Wanted:
    """The jars of one Ivy file: the folder for them, the file, and its configurations."""

    folder: str
    ivy: Path
    configurations: tuple[str, ...]

    @property
    def settings(self) -> Path:
        return self.ivy.with_name("ivysettings.xml")


def _resolve(wanted: _Wanted, cache: Path, java: Java, say: Callable[[str], None]) -> Path:
    target = cache / wanted.folder
    stamp = hashlib.sha256(wanted.ivy.read_bytes() + wanted.settings.read_bytes()).hexdigest()
    with exclusive(cache / f"{wanted.folder}.lock"):
        marker = target / "stamp"
        if not marker.exists() or marker.read_text(encoding="utf-8") != stamp:
            partial = cache / f"{wanted.folder}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            _retrieve(wanted, cache, java, partial, say)
            (partial / "stamp").write_text(stamp, encoding="utf-8")
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
    return target


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file for the length of the block, across processes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        yield


def _retrieve(
    wanted: _Wanted, cache: Path, java: Java, target: Path, say: Callable[[str], None]
) -> None:
    pattern = f"{target}/[conf]/[artifact]-[revision].[ext]"
    command = [str(java.path), "-cp", str(_ivy()), "org.apache.ivy.Main"]
    command += ["-settings", str(wanted.settings), "-ivy", str(wanted.ivy), "-cache"]
    command += [str(cache / "ivy"), "-confs", *wanted.configurations, "-retrieve", pattern]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent(),
    ) as ivy:
        for line in ivy.stdout or ():
            lines.append(line.rstrip())
            if match := _ARTIFACT.search(line):
                say(match[1])
    if ivy.returncode or not all((target / name).is_dir() for name in wanted.configurations):
        last = lines[-1] if lines else "no message"
        problem = next((x.strip() for x in lines if "::" in x and "not found" in x), last)
        raise DownloadError.sentence(
            f"The jars of {wanted.ivy} could not be fetched: {problem.rstrip('.')}; check the "
            "network and repeat.",
            where=str(wanted.ivy),
            got=problem,
        )


def _ivy() -> Path:
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ServiceError.sentence("pyspark is not installed; run `make setup`.")
    return next((Path(spec.origin).parent / "jars").glob("ivy-*.jar"))
