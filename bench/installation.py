"""A scratch installation of its own, on free ports, for measurements that need running services."""

from __future__ import annotations

from pathlib import Path

from cdrlake.services.ports import free_ports

PORTS = ("KAFKA__PORT", "KAFKA__CONTROLLER_PORT", "MYSQL__PORT", "SIMULATOR__PORT",
         "MONITORING__PORT", "SERVING__PORT")  # fmt: skip
# A history that a model is soon trained on, however poor the model.
SMALL = {
    "WORLD__HISTORY_DAYS": "60",
    "WORLD__CHURN_RATE": "0.1",
    "CDR__LABEL_HORIZON_DAYS": "7",
    "MODEL__BUDGET_MINUTES": "0.2",
    "MODEL__TREES": "[10]",
    "MODEL__DEPTHS": "[5]",
    "MODEL__MIN_ROC_AUC": "0.5",
    "MODEL__MAX_CALIBRATION_ERROR": "0.5",
    "MODEL__MIN_POSITIVES": "5",
    "MONITORING__MIN_CHUNK_ROWS": "50",
}


def environment(folder: Path) -> dict[str, str]:
    """Variables that put state, output and ports of an installation below `folder`."""
    places = {"STATE_DIR": folder / "state", "MONITORING__OUTPUT_DIR": folder / "output"}
    values = places | dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    return {f"CDRLAKE_{name}": str(value) for name, value in values.items()}
