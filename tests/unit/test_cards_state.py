"""The features of a card: by hand, against a slow and obvious way, and after odd events."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

import msgspec
import pytest

from lakehouse.domains.cards import features
from lakehouse.domains.cards.card_state import MAX_EVENTS, CardState, fold, step
from lakehouse.domains.cards.features import DAY, HOUR, WEEK
from lakehouse.domains.cards.transaction import Transaction

T0 = 1_767_225_600  # a Thursday, midnight
_IDS = itertools.count()


def event(at: int, cents: int = 1_000, **other: object) -> Transaction:
    """A transaction `at` seconds after the beginning."""
    values: dict[str, object] = {
        "id": f"t{next(_IDS)}", "card": "4" * 16, "at": T0 + at, "cents": cents, "merchant": "m",
        "category": "home", "home": (41.0, -87.0), "place": (41.0, -87.0), "city_pop": 2_000,
        "born": 0,
    }  # fmt: skip
    return msgspec.convert(values | other, Transaction)


def named(found: tuple[float, ...] | None) -> dict[str, float]:
    """Features by name."""
    assert found is not None
    return dict(zip(features.NAMES, found, strict=True))


def test_features_of_a_second_transaction_by_hand() -> None:
    first = event(0, 1_000, merchant="a")
    second = event(1_800, 3_000, merchant="b", place=(42.0, -87.0))
    found = named(fold([first, second])[1])
    assert found == {
        "amount": 30.0, "hour": 0.0, "weekday": 3.0, "category_code": 6.0,
        "km_from_home": 111.195, "city_pop_thousands": 2.0, "age_years": 56.0,
        "count_1h": 2.0, "count_24h": 2.0, "count_7d": 2.0,
        "sum_1h": 40.0, "sum_24h": 40.0, "sum_7d": 40.0,
        "km_from_last": 111.195, "kmh_from_last": 222.39, "seconds_since_last": 1_800.0,
        "new_merchant": 1.0, "new_category": 0.0, "amount_to_habit": 3.0,
        "amount_to_category": 3.0, "surprise": pytest.approx(13.5, abs=3.0),
        "surprise_max_24h": named(fold([first])[0])["surprise"],
        "surprise_sum_24h": named(fold([first])[0])["surprise"],
        "surprise_mean_3h": named(fold([first])[0])["surprise"],
    }  # fmt: skip


def test_a_first_transaction_knows_nothing_of_the_card() -> None:
    found = named(fold([event(0)])[0])
    missing = ("km_from_last", "kmh_from_last", "seconds_since_last", "amount_to_habit")
    assert {found[name] for name in missing} == {-1.0}
    assert (found["count_7d"], found["new_merchant"], found["new_category"]) == (1.0, 1.0, 1.0)


def test_what_a_card_never_does_is_a_surprise_that_is_remembered_for_a_day() -> None:
    usual = [event(number * DAY, 1_000 + number, merchant="a") for number in range(20)]
    odd = event(20 * DAY + 5 * HOUR, 50_000, merchant="z", category="travel", place=(43.0, -87.0))
    then = event(20 * DAY + 7 * HOUR, 1_000, merchant="a")
    later = event(22 * DAY, 1_000, merchant="a")
    found = [named(one) for one in fold([*usual, odd, then, later])]
    surprises = [one["surprise"] for one in found]
    assert surprises[19] < surprises[1]  # habits become known
    assert surprises[20] > 15 > 5 > surprises[19]
    assert found[21]["surprise_max_24h"] == found[21]["surprise_mean_3h"] == surprises[20]
    assert found[21]["surprise_sum_24h"] == surprises[20]  # a day ago is outside
    assert (found[22]["surprise_max_24h"], found[22]["surprise_mean_3h"]) == (-1.0, -1.0)
    assert found[22]["surprise_sum_24h"] == 0.0


@pytest.mark.parametrize(("span", "name"), [(HOUR, "1h"), (DAY, "24h"), (WEEK, "7d")])
def test_a_window_is_open_at_its_beginning(span: int, name: str) -> None:
    early, late = event(0, 700), event(span, 50)
    assert named(fold([early, late])[1])[f"count_{name}"] == 1.0
    assert named(fold([early, event(span - 1, 50)])[1])[f"sum_{name}"] == 7.5


def test_a_repeated_transaction_has_no_features_and_changes_nothing() -> None:
    one, other = event(0), event(60)
    assert fold([one, one, other, one]) == [*fold([one])[:1], None, fold([one, other])[1], None]


def test_a_late_transaction_counts_what_was_before_it_and_is_kept() -> None:
    early, late, then = event(0), event(600), event(300)
    found = fold([early, late, then, event(900)])
    assert named(found[2])["count_1h"] == 2.0
    assert named(found[2])["seconds_since_last"] == 300.0
    assert named(found[3])["count_1h"] == 4.0


def test_a_transaction_that_is_more_than_a_week_late_is_scored_and_not_kept() -> None:
    state = CardState()
    step(state, event(2 * WEEK))
    assert step(state, event(0)) is not None
    assert len(state.times) == 1
    assert state.count == 2


def test_one_card_cannot_grow_without_bound() -> None:
    state = CardState()
    for number in range(MAX_EVENTS + 100):
        step(state, event(number, merchant=f"m{number}", category=f"c{number}"))
    assert len(state.times) == len(state.ids) == len(state.surprises) == MAX_EVENTS
    assert len(state.merchants) <= 500
    assert len(state.categories) <= 64


@dataclass
class Obvious:
    """The same features, from all events kept in a list and looked through each time."""

    seen: list[Transaction] = field(default_factory=list)

    def step(self, one: Transaction) -> dict[str, float] | None:
        newest = max((other.at for other in self.seen), default=one.at)
        held = [other for other in self.seen if other.at > newest - WEEK]
        if one.id in {other.id for other in held}:
            return None
        before = sorted((other for other in held if other.at <= one.at), key=lambda two: two.at)
        found = {}
        for span, name in ((HOUR, "1h"), (DAY, "24h"), (WEEK, "7d")):
            window = [other.cents for other in before if other.at > one.at - span]
            found[f"count_{name}"] = len(window) + 1.0
            found[f"sum_{name}"] = (sum(window) + one.cents) / 100
        found["seconds_since_last"] = float(one.at - before[-1].at) if before else -1.0
        found["new_merchant"] = float(one.merchant not in {two.merchant for two in self.seen})
        spent = [other.cents for other in self.seen]
        found["amount_to_habit"] = one.cents * len(spent) / sum(spent) if spent else -1.0
        self.seen.append(one)
        return found


@pytest.mark.parametrize("seed", range(20))
def test_random_lives_agree_with_the_obvious_way(seed: int) -> None:
    """Late and doubled events included; a snapshot in the middle changes nothing."""
    rng = random.Random(seed)
    state, obvious = CardState(), Obvious()
    at, sent = 0, list[Transaction]()
    for _ in range(300):
        at += int(rng.expovariate(1 / 20_000))
        one = event(max(at - rng.choice((0, 0, 0, 5_000, 900_000)), 0), rng.randrange(1, 99_999),
                    merchant=f"m{rng.randrange(30)}")  # fmt: skip
        sent.append(rng.choice(sent) if sent and rng.random() < 0.05 else one)
        found, wanted = step(state, sent[-1]), obvious.step(sent[-1])
        if wanted is None or found is None:
            assert (wanted, found) == (None, None)
            continue
        got = named(found)
        assert {name: got[name] for name in wanted} == wanted
        if rng.random() < 0.1:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=CardState)
