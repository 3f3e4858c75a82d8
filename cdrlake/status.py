"""What runs, and how far each query is."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from cdrlake.services import process
from lakehouse import progress
from lakehouse.domains.settings import Settings
from lakehouse.progress import QueryProgress


def tables(settings: Settings) -> list[Table]:
    """A table of processes and one of streaming queries."""
    return [_processes(settings), _queries(settings)]


def _processes(settings: Settings) -> Table:
    table = Table("process", "pid", "memory", title="Processes", title_justify="left")
    for name, found in process.find_running(settings.state).items():
        memory = sum(part.memory_info().rss for part in process.tree(found.pid))
        table.add_row(name, str(found.pid), f"{memory / 1024**2:,.0f} MiB")
    return table


def _queries(settings: Settings) -> Table:
    table = Table(title="Streaming queries", title_justify="left")
    table.add_column("query", overflow="fold")
    for name in ("state", "batch", "rows", "seconds", "lag", "behind"):
        table.add_column(name, justify="right", no_wrap=True)
    for query in progress.read_queries(settings.state):
        table.add_row(
            query.query,
            query.state,
            str(query.batch_id),
            f"{query.rows:,}",
            f"{query.batch_seconds:.1f}",
            _lag(query),
            f"{query.lag_seconds:.0f} s",
        )
        if query.error:
            since = f"since {query.waiting_since:%H:%M:%S}: " if query.waiting_since else ""
            table.add_row(f"[red]{since}{escape(query.error)}[/]")
    return table


def _lag(query: QueryProgress) -> str:
    if query.lag_offsets is not None:
        return f"{query.lag_offsets:,}"
    return "-" if query.lag_versions is None else f"{query.lag_versions:,} versions"
