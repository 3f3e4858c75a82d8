"""What the models behind REST have answered, and what turned out to be true of it."""

from lakehouse.domains.feedback.domain import FEEDBACK

__all__ = ["FEEDBACK"]
