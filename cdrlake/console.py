"""What a person at the terminal sees: steps with a spinner, and bars for the long ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from lakehouse.clock import Clock, SystemClock

CONSOLE = Console(highlight=False)
ERRORS = Console(stderr=True, highlight=False)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal what is going on, for as long as the block runs."""
    with ERRORS.status(what):
        yield


class Step:
    """One line of the list of steps; its text and its bar may be moved while it runs."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def say(self, detail: str) -> None:
        """Replace the text behind the step's name."""
        self._progress.update(self._task, detail=detail)

    def move(self, done: float, total: float | None = None) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done, total=total)


class Steps:
    """The list of steps of a command; on a pipe it prints one line per finished step."""

    def __init__(self, console: Console = CONSOLE, clock: Clock | None = None) -> None:
        self._console, self._clock = console, clock or SystemClock()
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("[dim]{task.fields[detail]}[/]"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """A step that runs as long as the block; an error marks it as failed and propagates."""
        task = self._progress.add_task(name, total=None, detail="")
        step, began = Step(self._progress, task), self._clock.monotonic()
        try:
            yield step
        except BaseException:
            self._progress.update(task, description=f"[red]✗ {name}[/]")
            self._progress.stop_task(task)
            raise
        took = self._clock.monotonic() - began
        self._progress.update(task, total=1, completed=1)
        if not self._console.is_terminal:
            detail = self._progress.tasks[self._progress.task_ids.index(task)].fields["detail"]
            self._console.print(f"✓ {name} {f'({detail}) ' if detail else ''}{took:.1f} s")

    def note(self, text: str) -> None:
        """A line above the steps."""
        self._console.print(text)
