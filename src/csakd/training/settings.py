"""`Recipe`: everything a training run depends on but its scenes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from csakd.data import Observation
from csakd.training.joint import LossWeights
from csakd.training.schedule import OPTIMISERS, learning_rate_factor


@dataclass(frozen=True)
class Recipe:
    """Everything a training run depends on but its scenes.

    Attributes:
        student: preset of the network to be trained.
        teacher: preset of the network trained beside it; "none" for no distillation; a model folder for offline
            distillation from it.
        options: fields of the networks' configuration changed in both.
        base: closed form both stand on, or "none"; "canonical" for networks that take any sensor: these see the scenes
            as `csakd.data.variants` has them, whatever `msi`, `psf` and `snr` say, and are judged at `ratio`.
        scaling: see `csakd.data.Scaling`.
        bands: band list (name or file) every scene is interpolated to, or "" to take them as they are.
        msi, ratio, psf, snr: how scenes are observed, see `csakd.physics.observe`; noise is redrawn every epoch.
        patch, batch: high pixels of a crop's side, and crops a step and process.
        crops: crops an epoch; 0 for one of each scene.
        epochs, learning_rate, weight_decay: of Adam under a schedule.
        optimiser: "adamw" (decay apart from the gradient) or "adam" (decay as part of it).
        schedule: of the learning rate over the run: "cosine" to 0, "cosine:F" to its share F, "constant", or
            "steps:F@A,B,…", times F after the shares A, B, … of the steps after the warm-up.
        warmup: share of all steps in which the learning rate rises from 0.
        averaging: decay of the average over all steps' weights that is kept instead of the last; 0 for the last.
        clip: largest norm of each network's gradient; 0 for no limit.
        losses: λ1…λ4.
        patience: epochs without a better validation score before stopping; 0 for never.
        precision: "fp32" or "bf16".
        start: folder of a run to continue from with its weights (not its optimiser), or "".
        seed: of weights, crops and noise.
    """

    student: str = "student"
    teacher: str = "teacher"
    options: dict[str, Any] = field(default_factory=dict)
    base: str = "none"
    scaling: str = "maximum"
    bands: str = ""
    msi: str = "tm4"
    ratio: int = 4
    psf: str | None = None
    snr: float | tuple[float | None, float | None] | None = None
    patch: int = 128
    batch: int = 4
    crops: int = 0
    epochs: int = 600
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    optimiser: str = "adamw"
    schedule: str = "cosine"
    warmup: float = 0.0
    averaging: float = 0.0
    clip: float = 0.0
    losses: LossWeights = field(default_factory=LossWeights)
    patience: int = 0
    precision: str = "fp32"
    start: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("patch", "batch", "epochs", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)}: it must be above zero")
        for name in ("crops", "weight_decay", "clip", "patience", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} = {getattr(self, name)}: it cannot be negative")
        if not 0 <= self.averaging < 1:
            raise ValueError(f"averaging = {self.averaging}: it is a decay, from 0 to below 1")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup = {self.warmup}: it is a share of the steps, from 0 to below 1")
        learning_rate_factor(0, 1, self.schedule)  # an unknown schedule fails now
        if self.optimiser not in OPTIMISERS:
            raise ValueError(f"no optimiser {self.optimiser!r}: choose one of {', '.join(OPTIMISERS)}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"no precision {self.precision!r}: choose one of {', '.join(PRECISIONS)}")

    @property
    def observation(self) -> Observation:
        return Observation(self.msi, self.ratio, self.psf, self.snr)

    def changed(self, settings: Iterable[str]) -> Recipe:
        """With "field=value" settings applied; values as JSON, bare words as text, "losses.sam=0.5" for a λ.

        Raises:
            ValueError: for an unknown field or a value of the wrong kind.
        """
        values = self.as_dict()
        for setting in settings:
            name, equals, text = setting.partition("=")
            table, _, key = name.rpartition(".")
            target = values.get(table) if table else values
            known = {key: None} if table == "options" else target
            # What is missing from a table, or a table itself, cannot be set.
            if not equals or not isinstance(known, dict) or isinstance(known.get(key, {}), dict):
                names = ", ".join(field.name for field in fields(Recipe))
                raise ValueError(f"setting {setting!r}: give FIELD=VALUE, with FIELD one of {names}")
            assert isinstance(target, dict)
            target[key] = _value(text, known[key], name)
        return Recipe.from_dict(values)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        snr = values["snr"]
        snr = (snr[0], snr[1]) if isinstance(snr, list) else snr
        return cls(**{**values, "snr": snr, "losses": LossWeights(**values["losses"])})


PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}


def _value(text: str, current: Any, name: str) -> Any:
    """`text` as the kind of value that `current` is."""
    if isinstance(current, str):
        return text
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    if name == "snr":
        levels = value if isinstance(value, list) and len(value) == 2 else [value]
        if any(isinstance(level, str | bool | list | dict) for level in levels):
            raise ValueError(f"snr = {text}: expected dB on the LR-HSI, [dB on the LR-HSI, dB on the HR-MSI], or null")
    elif isinstance(current, int | float):
        kind = "a whole number" if isinstance(current, int) else "a number"
        if not isinstance(value, int | float) or isinstance(value, bool) or (isinstance(current, int) and value % 1):
            raise ValueError(f"{name} = {text}: expected {kind}")
        return int(value) if isinstance(current, int) else float(value)
    return value
