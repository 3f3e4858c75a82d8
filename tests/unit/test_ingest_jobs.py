"""Every domain that reads topics has the job that an error tells people to run."""

from __future__ import annotations

import importlib

import pytest

from cdrlake import jobs
from lakehouse.domain import Domain
from lakehouse.domains import DOMAINS
from lakehouse.names import ingest_command

READING = [domain for domain in DOMAINS if domain.feeds]


def test_most_domains_read_topics() -> None:
    assert {domain.name for domain in READING} >= {"cdr", "cards", "clicks", "feedback", "fraud"}


@pytest.mark.parametrize("domain", READING, ids=lambda domain: domain.name)
def test_the_command_of_an_error_is_one_that_there_is(
    domain: Domain, capsys: pytest.CaptureFixture[str]
) -> None:
    for feed in domain.feeds:
        command = ingest_command(feed.identity.name, "--accept-loss")
        assert command == f"cdrlake ingest --domain {domain.name} --accept-loss"
    main = importlib.import_module(f"pyspark_jobs.jobs.{jobs.of(domain, 'ingest')}").main
    with pytest.raises(SystemExit):
        main(["--accept-loss"])
    assert "--accept-loss needs --once" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "--accept " in capsys.readouterr().out
