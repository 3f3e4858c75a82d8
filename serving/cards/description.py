"""Card transactions as the stream service sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from lakehouse.domains.cards import features, messages, names
from lakehouse.domains.cards.card_state import CardState, step
from lakehouse.domains.cards.decision import Policy
from lakehouse.domains.cards.messages import Incoming
from lakehouse.domains.cards.settings import CardsSettings
from serving.stream_description import Refused, Scored, StreamDescription, Written

DECISION = "decision"
Decode = Callable[[bytes | None], Sequence[Incoming] | Refused]


def describe(settings: CardsSettings, decode: Decode) -> StreamDescription[Incoming, CardState]:
    """The stream from `topic_1` to `topic_2`; `decode` reads or refuses a message."""

    def policy(threshold: float, recipe: dict[str, object]) -> Policy:
        costs = cast(dict[str, float], recipe.get(DECISION, {}))
        return Policy(
            threshold,
            costs.get("cost_false_block", settings.cost_false_block),
            costs.get("cost_review", settings.cost_review),
        )

    return StreamDescription(
        name=names.GROUP_DOOR,
        topic_in=names.TOPIC_TRANSACTIONS,
        topic_out=names.TOPIC_DECISIONS,
        topic_refused=names.TOPIC_REFUSED,
        features=features.NAMES,
        state_type=CardState,
        decode=decode,
        entity=_card,
        step=_step,
        encode=_encode,
        policy=policy,
    )


def _card(incoming: Incoming) -> str:
    return incoming.event.card


def _step(state: CardState, incoming: Incoming) -> tuple[float, ...] | None:
    return step(state, incoming.event)


def _encode(incoming: Incoming, scored: Scored) -> Written:
    policy = cast(Policy, scored.policy)
    amount = incoming.event.cents / 100.0
    decided: dict[str, Any] = {
        "is_fraud": int(scored.flagged),
        "score": scored.score,
        "decision": policy.decide(scored.score, amount),
        "expected_loss": scored.score * amount,
        "model_version": scored.model_version,
        "predicted_at": scored.at,
        "features": scored.features,
    }
    row = messages.decision_row(incoming.row, **decided)
    return Written(incoming.event.id, messages.encode(row))
