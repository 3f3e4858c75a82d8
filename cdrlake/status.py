"""What runs, and how far each query is."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cdrlake.services import process
from lakehouse import progress
from lakehouse.domain import Domain
from lakehouse.domains.settings import Settings
from lakehouse.progress import QueryProgress


def show(console: Console, settings: Settings, domain: Domain | None = None) -> None:
    """Print a table of processes and one of streaming queries, or a sentence for an empty one.

    With `domain` only its queries are shown; the processes are those of the whole installation.
    """
    processes = _processes(settings)
    console.print(processes if processes.row_count else "Nothing runs; `cdrlake up` starts it.")
    queries = [
        query
        for query in progress.read_queries(settings.state)
        if domain is None or query.query.startswith(f"{domain.name}_")
    ]
    console.print(_table(queries) if queries else "No streaming query has run here yet.")
    for query in queries:
        if query.error:
            console.print(_trouble(query), soft_wrap=True)


def _processes(settings: Settings) -> Table:
    table = Table("process", "pid", "memory", title="Processes", title_justify="left")
    for name, found in process.find_running(settings.state).items():
        memory = sum(part.memory_info().rss for part in process.tree(found.pid))
        table.add_row(name, str(found.pid), f"{memory / 1024**2:,.0f} MiB")
    return table


def _table(queries: list[QueryProgress]) -> Table:
    table = Table(title="Streaming queries", title_justify="left", box=None, padding=(0, 1, 0, 0))
    # On two lines, job and table: eighty columns have no room for a whole name beside the figures.
    table.add_column("query", no_wrap=True)
    for name in ("state", "batch", "rows", "seconds", "lag", "behind"):
        table.add_column(name, justify="right", no_wrap=True)
    for query in queries:
        job, _, target = query.query.partition("__")
        table.add_row(
            f"{job}\n[dim]{target}[/]",
            query.state,
            str(query.batch_id) if query.batch_id >= 0 else "-",
            f"{query.rows:,}",
            f"{query.batch_seconds:.1f}",
            _lag(query),
            f"{query.lag_seconds:.0f} s",
        )
    return table


def _trouble(query: QueryProgress) -> str:
    since = f", waiting since {query.waiting_since:%H:%M:%S}" if query.waiting_since else ""
    return f"[red]{query.query}{since}:[/] {escape(query.error or '')}"


def _lag(query: QueryProgress) -> str:
    if query.lag_offsets is not None:
        return _count(query.lag_offsets, "message")
    return "-" if query.lag_versions is None else _count(query.lag_versions, "version")


def _count(number: int, unit: str) -> str:
    """A number, and its unit on the line below.

    >>> _count(1, "version"), _count(2_000, "version")
    ('1\\n[dim]version[/]', '2,000\\n[dim]versions[/]')
    """
    return f"{number:,}\n[dim]{unit}{'' if number == 1 else 's'}[/]"
