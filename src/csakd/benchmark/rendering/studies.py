"""The rows of a study as table or curve wants them: noise levels, changes of losses, depths."""

from __future__ import annotations

from collections.abc import Sequence

from csakd.benchmark.ledger import Row
from csakd.benchmark.methods import TRAINED, Name
from csakd.benchmark.rendering.standings import noise, number
from csakd.models import PRESETS
from csakd.training import recipe

Noise = tuple[float | None, float | None]
WHERE = {"hsi": "the LR-HSI", "both": "both images"}
LAMBDAS = {"beba": "λ₁ (BEBA)", "sam": "λ₂ (SAM)", "kd": "λ₃ (feature KD)", "response": "λ₄ (response)"}
NAIVE = {"sam": 0.0, "beba": 0.0, "kd": 0.0}  # what the paper calls so: ℓ1, and the response term of the student
STREAMS = ("joint_high", "joint_low", "hsi", "msi")  # Z_hm, Z_mh, Z_h, Z_m


def noise_levels(rows: Sequence[Row], where: str) -> list[Noise]:
    """The levels measured with noise on "hsi" alone or on "both", in rising SNR; without noise comes last.

    Empty if no row has noise there.
    """
    found = {noise(row) for row in rows}
    noisy = {(hsi, msi) for hsi, msi in found if hsi is not None and msi == (None if where == "hsi" else hsi)}
    clean: list[Noise] = [(None, None)] if noisy and (None, None) in found else []
    return sorted(noisy, key=lambda level: level[0] or 0.0) + clean


def level_label(level: Noise) -> str:
    return "clean" if level[0] is None else f"{level[0]:g} dB"


def loss_changes(method: str) -> tuple[str, dict[str, float]]:
    """The network with what else was changed, and the changed weights of the loss by term."""
    name = Name.parse(method)
    weights: dict[str, float] = {}
    others = []
    for change in name.changes:
        field, _, text = change.partition("=")
        value = number(text)
        if field.startswith("losses.") and value is not None:
            weights[field.removeprefix("losses.")] = value
        else:
            others.append(change)
    return name.stem + ("@" + ",".join(others) if others else ""), weights


def loss_label(weights: dict[str, float]) -> str:
    if not weights:
        return "proposed"
    if weights == NAIVE:
        return "naive"
    return ", ".join(f"{LAMBDAS.get(term, term)} = {weights[term]:g}" for term in sorted(weights, key=_position))


def loss_place(weights: dict[str, float]) -> tuple[int, ...]:
    """Sorts as the paper's Table III: naive, one weight after the other, proposed; what it has not in between."""
    if not weights or weights == NAIVE:
        return (9,) if not weights else (0,)
    return len(weights), *(_position(term) for term in sorted(weights, key=_position))


def _position(term: str) -> int:
    return list(LAMBDAS).index(term) if term in LAMBDAS else len(LAMBDAS)


def preset(method: str) -> str:
    """The network that a method trains, whatever it is trained beside; "" for what is not trained."""
    made_by, role = TRAINED.get(Name.parse(method).model, ("", ""))
    return getattr(recipe(made_by), role) if made_by else ""


def depths(method: str) -> tuple[int, int, int, int] | None:
    """CLRAs in Z_hm, Z_mh, Z_h and Z_m of one of our networks; None for any other."""
    name, network = Name.parse(method), preset(method)
    if network not in PRESETS:
        return None
    options = {stream: PRESETS[network][stream] for stream in STREAMS}
    for change in name.changes:
        field, _, text = change.partition("=")
        if field.removeprefix("options.") in options:
            options[field.removeprefix("options.")] = int(number(text) or 0)
    joint_high, joint_low, hsi, msi = (options[stream] for stream in STREAMS)
    return joint_high, joint_low, hsi, msi
