"""The registry of models: MLflow behind one small interface."""

from lakehouse.registry.registry import ModelVersion, Registry, open_registry

__all__ = ["ModelVersion", "Registry", "open_registry"]
