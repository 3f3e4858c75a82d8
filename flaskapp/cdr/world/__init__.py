"""A seeded world of subscribers: their usage, their silence, and the true odds of both."""

from flaskapp.cdr.world.drift import PLANS, Drift
from flaskapp.cdr.world.world import Horizon, World, WorldDay

__all__ = ["PLANS", "Drift", "Horizon", "World", "WorldDay"]
