"""The subscribers' permanent traits, as arrays with one slot per simultaneous subscriber."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flaskapp.cdr.world.segments import REGION_SHARES, REGIONS, SEGMENTS

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

MAX_ACTIVITY = 0.985
# Country code 999 is assigned to nobody, so no number belongs to a person. The multiplier walks
# through all nine-digit numbers, so that a number tells nothing of its subscriber's age.
MSISDN_BASE = 999_000_000_000
MSISDN_SPAN = 1_000_000_000
MSISDN_STEP = 387_420_489


@dataclass
class Population:
    """Traits by slot; `replace` gives the slot of a subscriber who has left to a new one."""

    identity: Ints
    activated: Ints
    segment: npt.NDArray[np.int8]
    region: npt.NDArray[np.int8]
    fader: npt.NDArray[np.bool_]
    activity: Floats
    calls_out: Floats
    calls_in: Floats
    texts_out: Floats
    texts_in: Floats
    sessions: Floats
    call_seconds: Floats
    megabytes: Floats
    wavering: Floats

    def replace(self, slots: Ints, newcomers: Population) -> None:
        """Give `slots` to `newcomers`, in order."""
        for name, values in vars(newcomers).items():
            getattr(self, name)[slots] = values


def draw(identities: Ints, activated: Ints, rng: np.random.Generator) -> Population:
    """Traits of subscribers with these identities, activated on these days of the world."""
    count = len(identities)
    kinds = rng.choice(len(SEGMENTS), count, p=[s.share for s in SEGMENTS])

    def spread(attribute: str, sigma: float) -> Floats:
        means = np.array([getattr(s, attribute) for s in SEGMENTS])
        heavy = rng.lognormal(-(sigma**2) / 2, sigma, count)
        return (means[kinds] * heavy).astype(np.float32)

    logit = np.array([np.log(s.activity / (1 - s.activity)) for s in SEGMENTS])
    activity = 1 / (1 + np.exp(-(logit[kinds] + rng.normal(0, 0.7, count))))
    level = rng.lognormal(-0.18, 0.6, count).astype(np.float32)
    balance = rng.lognormal(0, 0.4, count).astype(np.float32)
    calls, texts = spread("calls", 0.5) * level, spread("texts", 0.8) * level
    return Population(
        identity=identities,
        activated=activated,
        segment=kinds.astype(np.int8),
        region=rng.choice(len(REGIONS), count, p=REGION_SHARES).astype(np.int8),
        fader=rng.random(count) < 0.6,
        activity=np.minimum(activity, MAX_ACTIVITY).astype(np.float32),
        calls_out=calls,
        calls_in=calls * balance,
        texts_out=texts,
        texts_in=texts * balance,
        sessions=spread("sessions", 0.7) * level,
        call_seconds=spread("call_seconds", 0.4),
        megabytes=spread("session_megabytes", 0.9),
        wavering=spread("wavering", 0.6),
    )


def msisdn(identity: Ints) -> Ints:
    """Twelve-digit numbers, one for each identity below one billion."""
    return MSISDN_BASE + identity * MSISDN_STEP % MSISDN_SPAN
