"""What is compared, by name: `NAME[+BASE][@FIELD=VALUE,…]`, or `LABEL=FOLDER` of a trained model.

"mssjfl" is a network trained by its own recipe, "mssjfl+hyper" the same network on a closed form,
"student@losses.sam=0.5" the paper's student by a changed recipe. "csakd-student" comes trained,
"csakd-student+adapted" is fitted to each pair first, "mine=run/student" is the model in that folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from csakd.classical import CLASSICAL
from csakd.models import BASES, ONE_PAIR
from csakd.models.weights import shipped
from csakd.training import Recipe, recipe

ADAPTED = "adapted"  # in place of a base: fitted to each pair first

# Networks: the recipe whose run makes them, and which of its networks they are.
TRAINED: dict[str, tuple[str, str]] = {
    "pzresnet": ("pzresnet", "student"),
    "mssjfl": ("mssjfl", "student"),
    "dual-unet": ("dual-unet", "student"),
    "dhif-net": ("dhif-net", "student"),
    "ssrnet": ("ssrnet", "student"),
    "teacher": ("paper", "teacher"),
    "student": ("paper", "student"),
    "student-alone": ("undistilled", "student"),
    "teacher-l": ("paper-l", "teacher"),
    "student-l": ("paper-l", "student"),
    "teacher-l-ext": ("paper-l-ext", "teacher"),
    "student-l-ext": ("paper-l-ext", "student"),
    "mini-teacher": ("mini", "teacher"),
    "mini-student": ("mini", "student"),
}
EXTENDS = {"paper-l-ext": "paper-l"}  # recipes that go on where another's run ended


@dataclass(frozen=True)
class Name:
    """The parts of `NAME[+BASE][@FIELD=VALUE,…]`, whether or not this version knows them."""

    model: str
    base: str
    changes: tuple[str, ...]

    @classmethod
    def parse(cls, method: str) -> Name:
        stem, _, changes = method.partition("@")
        model, _, base = stem.partition("+")
        return cls(model, base, tuple(changes.split(",")) if changes else ())

    @property
    def stem(self) -> str:
        """Without the changes."""
        return f"{self.model}+{self.base}" if self.base else self.model


def file_name(method: str) -> str:
    """A method's name as a file may have it."""
    return re.sub("[^A-Za-z0-9.=+-]+", "_", method)


@dataclass(frozen=True)
class Method:
    """One row of a table.

    Attributes:
        name: as asked for.
        kind: "classical", "shipped" (a network that comes trained), "adapted" (the same, fitted to each pair first),
            "given" (a model folder), "one-pair" (learns from the pair it fuses) or "trained".
        model: the name without base and changes; of a given one its folder.
        recipe: of a trained network, before a protocol has its say.
        role: which network of the recipe's run, "student" or "teacher".
        changes: recipe settings, applied after the protocol's.
    """

    name: str
    kind: str
    model: str
    recipe: Recipe | None = None
    role: str = "student"
    changes: tuple[str, ...] = ()

    @property
    def run(self) -> str:
        """Names what the method shares with those that the same training gives (a teacher and its student)."""
        made_by, _ = TRAINED[self.model]
        return made_by + self.name.removeprefix(self.model)

    @property
    def extends(self) -> Method | None:
        """The method whose run this one's goes on with."""
        made_by, role = TRAINED[self.model]
        if made_by not in EXTENDS:
            return None
        origin = next(name for name, source in TRAINED.items() if source == (EXTENDS[made_by], role))
        return method(origin + self.name.removeprefix(self.model))


def method(name: str) -> Method:
    """The method of that name.

    Raises:
        ValueError: if a part of the name is unknown.
    """
    label, given, folder = name.partition("=")
    if given and "@" not in label:
        return Method(label, "given", folder)
    parts = Name.parse(name)
    model, base, settings = parts.model, parts.base, parts.changes
    if model in CLASSICAL or model in ONE_PAIR:
        if base or settings:
            raise ValueError(f"method {name!r}: only trained networks take a base or changes to their recipe")
        return Method(name, "classical" if model in CLASSICAL else "one-pair", model)
    if model in shipped():
        if base not in ("", ADAPTED) or settings:
            raise ValueError(
                f"method {name!r}: it comes trained and takes no base and no changes to its recipe, only +{ADAPTED}"
            )
        return Method(name, "adapted" if base else "shipped", model)
    if model not in TRAINED:
        known = ", ".join((*CLASSICAL, *shipped(), *ONE_PAIR, *TRAINED))
        raise ValueError(f"no method {model!r}: choose among {known}")
    made_by, role = TRAINED[model]
    made = recipe(made_by)
    if base:
        if base not in BASES:
            raise ValueError(f"method {name!r}: no base {base!r}: choose one of {', '.join(BASES)}")
        made = on_base(made, base)
    made.changed(settings)  # a wrong setting fails now
    return Method(name, "trained", model, made, role, settings)


def on_base(plain: Recipe, base: str) -> Recipe:
    """A recipe with its networks on a closed form: bands weigh alike, and the first steps are small."""
    return replace(plain, base=base, scaling="bands", warmup=0.1, clip=1.0)
