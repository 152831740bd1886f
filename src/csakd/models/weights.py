"""A trained model: network, scaling and what they were made for; and its folder on disk.

A folder holds `model.safetensors` and `config.json`, nothing that could run code.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from csakd.data import Scaling
from csakd.io.atomic import replacing
from csakd.models import NETWORKS, Guided, Network, Universal, on_base

WEIGHTS, CONFIG = "model.safetensors", "config.json"


@dataclass(frozen=True)
class Card:
    """What a model is and what it was trained for; all of it JSON.

    Attributes:
        name: a key of `csakd.models.NETWORKS`.
        network: fields of the network's configuration.
        base: the closed form it stands on, or "none".
        scaling: see `csakd.data.Scaling`.
        psf: weights of the sensor it was trained for; None for the paper's Gaussian scaled with the ratio.
        hsi_wavelengths, msi_wavelengths: band centres in nm, if known.
        recipe: how it was trained.
        scores: mean scores on the validation scenes, by name.
        version: of csakd, with the commit where known.
    """

    name: str
    network: dict[str, Any]
    base: str = "none"
    scaling: str = "maximum"
    psf: list[list[float]] | None = None
    hsi_wavelengths: list[float] | None = None
    msi_wavelengths: list[float] | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    version: str = ""


class TrainedModel(nn.Module):
    """A network that takes and gives data units: `forward(hsi, msi) -> (estimate, features)`."""

    def __init__(self, network: Network | Guided | Universal, card: Card) -> None:
        super().__init__()
        self.network, self.card, self.scaling = network, card, Scaling(card.scaling)

    def forward(
        self, hsi: Float[Tensor, "B L h w"], msi: Float[Tensor, "B M H W"]
    ) -> tuple[Float[Tensor, "B L H W"], Float[Tensor, "B C H W"] | None]:
        if isinstance(self.network, Universal):  # any units are its own
            return self.network(hsi, msi)
        units, msi_units = self.scaling.of(hsi), self.scaling.of(msi)
        estimate, features = self.network(units.apply(hsi), msi_units.apply(msi))
        return units.undo(estimate), features

    def at(self, ratio: int, psf: NDArray[np.float64] | None = None) -> TrainedModel:
        """The same model for pairs of that ratio and PSF, if it takes any; else as it is."""
        if not isinstance(self.network, Universal):
            return self
        return TrainedModel(self.network.at(ratio, psf), self.card)


def network_of(card: Card) -> Network | Guided | Universal:
    """The untrained network a card describes."""
    kind = NETWORKS[card.name]
    psf = None if card.psf is None else np.array(card.psf, dtype=np.float64)
    return on_base(kind(kind.Config(**card.network)), card.base, psf)


def save(model: TrainedModel, folder: str | os.PathLike[str]) -> Path:
    """Write the model's folder: complete under a temporary name first, then put in place of an older one."""
    from safetensors.torch import save as serialise

    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in model.network.state_dict().items()}
    weights = serialise(state)
    config = {**asdict(model.card), "weights_sha256": hashlib.sha256(weights).hexdigest()}
    with replacing(folder) as fresh:
        fresh.mkdir()
        (fresh / WEIGHTS).write_bytes(weights)
        (fresh / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
    return folder


def load_folder(folder: str | os.PathLike[str]) -> TrainedModel:
    """Read a model's folder, in evaluation mode.

    Raises:
        ValueError: if a file is missing, was altered, or does not describe a model of this version.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load as deserialise

    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} is no model folder: {name} is missing")
    weights = (folder / WEIGHTS).read_bytes()
    try:
        config = json.loads((folder / CONFIG).read_text())
        digest = config.pop("weights_sha256")
        card = Card(**config)
        with torch.device("meta"), _Undrawn():  # shapes alone: weights come from the file, whatever the config claims
            model = TrainedModel(network_of(card), card)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{folder / CONFIG} describes no model of this version: {_one_line(error)}") from None
    if hashlib.sha256(weights).hexdigest() != digest:
        raise ValueError(f"{folder / WEIGHTS} is damaged or was altered: it is not the file that config.json names")
    try:
        model.network.load_state_dict(deserialise(weights), assign=True)
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{folder / WEIGHTS} does not fit config.json: {_one_line(error)}") from None
    return model.eval()


class _Undrawn(TorchFunctionMode):
    """No weight is drawn: on the device "meta" to draw one would load PyTorch's compiler, which takes seconds."""

    DRAWING = (Tensor.normal_, Tensor.uniform_, nn.init.uniform_, nn.init.kaiming_uniform_)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self.DRAWING:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def shipped() -> dict[str, Path]:
    """The folders of the trained models that come with the package, by name."""
    folder = Path(__file__).parent / "trained"
    return {path.name: path for path in sorted(folder.glob("*")) if (path / CONFIG).is_file()}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def parameter_count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
