"""The end point of errors: one sentence and an exit code; only unexpected ones show a stack."""

from __future__ import annotations

import logging
import signal
import sys
from typing import Any, NoReturn

import typer
from rich.markup import escape

from cdrlake.console import ERRORS
from lakehouse.errors import CdrlakeError

FAILED, STOPPED, TERMINATED = 1, 130, 143


def run(app: typer.Typer) -> None:
    """Run the command that was typed; errors meant for people become one sentence."""
    signal.signal(signal.SIGTERM, _terminate)
    # A step that is tried again is no news to who waits for it; without a handler it is printed.
    logging.getLogger("stamina").addHandler(logging.NullHandler())
    try:
        app(standalone_mode=False)
    except typer.TyperException as error:  # an option, a value or a command that is not known
        if error.format_message():  # a bare `cdrlake` has printed its help already
            said = error.format_message().rstrip(".")
            _say(f"{said}{'' if said.endswith('?') else '.'} See `{_path(error)} --help`.")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        ERRORS.print("stopped")
        sys.exit(STOPPED)
    except BaseException as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise
        _say(sentence)
        sys.exit(FAILED)


def sentence_of(error: BaseException) -> str | None:
    """The message for an error; None for an unexpected one, which shows its stack.

    >>> sentence_of(PermissionError(13, "Permission denied", "/state"))
    '/state: Permission denied.'
    """
    if isinstance(error, CdrlakeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    # A panic of a Rust library is no Exception, and no module offers its class for import; polars
    # has exceptions of its own beside.
    is_panic = type(error).__name__ == "PanicException"
    if is_panic or type(error).__module__.startswith("polars"):
        reason = " ".join(str(error).split()).rstrip(".")
        return f"A file of the lake could not be read, it may be damaged: {reason}."
    return None


def _say(sentence: str) -> None:
    ERRORS.print(f"[bold red]error[/] {escape(sentence)}", soft_wrap=True)


def _path(error: typer.TyperException) -> str:
    context: typer.Context | None = getattr(error, "ctx", None)
    return context.command_path if context else "cdrlake"


def _terminate(*_: Any) -> NoReturn:
    sys.exit(TERMINATED)
