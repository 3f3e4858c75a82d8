from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import ModelError
from pyspark_jobs.training.split import Days, SplitRule, split

START = date(2026, 1, 1)


def day(number: int) -> date:
    return START + timedelta(days=number)


def days(first: int, last: int) -> Days:
    return Days(day(first), day(last))


def test_150_labelled_days_give_77_train_days_and_two_weeks_of_test() -> None:
    parts = split(days(0, 149), SplitRule(test=14, embargo=30, warm_up=30, folds=3))
    assert parts.test == days(136, 149)
    assert parts.train == days(29, 105)
    assert [fold.validate for fold in parts.folds] == [days(85, 91), days(92, 98), days(99, 105)]
    assert [fold.fit for fold in parts.folds] == [days(29, 54), days(29, 61), days(29, 68)]
    assert parts.kind == "time"


def test_few_days_are_folded_by_entity_and_keep_their_warm_up() -> None:
    parts = split(days(0, 10), SplitRule(test=2, embargo=3, warm_up=8, folds=3))
    assert (parts.train, parts.test) == (days(0, 5), days(9, 10))
    assert [fold.group for fold in parts.folds] == [0, 1, 2]
    assert parts.kind == "entity"


@given(
    length=st.integers(1, 400),
    test=st.integers(1, 20),
    embargo=st.integers(1, 40),
    warm_up=st.integers(1, 60),
    folds=st.integers(2, 5),
)
def test_no_label_that_teaches_sees_a_day_that_judges(
    length: int, test: int, embargo: int, warm_up: int, folds: int
) -> None:
    rule = SplitRule(test, embargo, warm_up, folds)
    try:
        parts = split(days(0, length - 1), rule)
    except ModelError:
        assert length < test + embargo + 1
        return
    reach = timedelta(days=embargo)
    assert parts.train.last + reach < parts.test.first
    assert parts.train.count >= 1 and parts.test.count == test
    for fold in parts.folds:
        assert fold.fit.first in parts.train and fold.validate.last in parts.train
        if fold.group is None:
            assert fold.fit.count >= 1
            assert fold.fit.last + reach < fold.validate.first


def test_too_few_days_say_how_many_are_needed() -> None:
    with pytest.raises(ModelError, match=r"at least 45 labelled days, but got 44 \(2026-01-01"):
        split(days(0, 43), SplitRule(test=14, embargo=30, warm_up=30, folds=3))
