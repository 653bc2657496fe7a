"""Which runs a calibration takes: rounds that are alike, so that any number of whole rounds is a design of its own.

Round i trains the champion at (initialisation i, data order i), (i, i + 1) and (i, i + 2), which over the rounds is a
crossed design with every initialisation and every data order met several times; one run at (i, i) for a representative
change of each kind, and for each remedy the champion and two changes under it; and the champion at other budgets and
the next scale. A change's run is a pair with the champion's at (i, i) where both seeds are shared, at (i − 1, i) where
only the data order is, and at (i, i + 1) where only the initialisation is, without further runs.
"""

from collections.abc import Sequence
from typing import NamedTuple

from assay.spec.errors import UserError
from assay.spec.recipe import Change, Recipe, changed, flatten
from assay.spec.run import Run, Seed
from assay.spec.scale import Scale, shape_at

#: Where calibration's seeds begin within a lab's; nothing else draws from there.
SEED_BASE = 8 * 10**8
#: Data orders that each initialisation is trained with.
OFFSETS = 3
#: Rounds whose first run is trained a second time.
REPEATED = 2
#: Every so many rounds the dearer scales are run.
SELDOM = 2


class Arm(NamedTuple):
    """A recipe that is measured."""

    name: str
    kind: str
    change: Change
    recipe: Recipe


class Remedy(NamedTuple):
    """A way to reduce noise, with the champion and some changes under it."""

    name: str
    change: Change
    base: Arm
    arms: tuple[tuple[Arm, Arm], ...]
    """Each a change without the remedy, and the same with it."""


class Place(NamedTuple):
    """A run's place in the design: `init` and `data` count seeds from 0."""

    arm: str
    scale: str
    init: int
    data: int
    repeat: int = 0


class Plan(NamedTuple):
    """Everything that a calibration measures."""

    champion: Arm
    arms: tuple[Arm, ...]
    remedies: tuple[Remedy, ...]
    scale: Scale
    half: Scale | None
    double: Scale
    upper: Scale | None
    seed: int
    corpus: str
    trainer: str

    def round(self, i: int) -> list[tuple[Place, Run]]:
        """The runs of round i."""
        name = self.scale.name
        found = [self._run(self.champion, self.scale, Place("champion", name, i, i + k)) for k in range(OFFSETS)]
        if i < REPEATED:
            found.append(self._run(self.champion, self.scale, Place("champion", name, i, i, 1)))
        found += [self._run(arm, self.scale, Place(arm.name, name, i, i)) for arm in self.arms]
        for remedy in self.remedies:
            for arm in (remedy.base, *(under for _, under in remedy.arms)):
                found.append(self._run(arm, self.scale, Place(arm.name, name, i, i)))
        others = [self.half] if self.half else []
        if i % SELDOM == 0:
            others += [self.double, *([self.upper] if self.upper else [])]
        found += [self._run(self.champion, scale, Place("champion", scale.name, i, i)) for scale in others]
        return found

    def _run(self, arm: Arm, scale: Scale, place: Place) -> tuple[Place, Run]:
        base = self.seed * 10**9 + SEED_BASE
        return place, Run(
            recipe=arm.recipe, scale=scale, seed=Seed(init=base + place.init, data=base + place.data),
            repeat=place.repeat, corpus=self.corpus, trainer=self.trainer,
        )  # fmt: skip


def _wishes(recipe: Recipe, domains: Sequence[str]) -> list[tuple[str, str, Change]]:
    """Name, kind and change of what represents each kind, as far as it changes anything."""
    linear = recipe.schedule.name == "linear"
    shares = {domain: round(1 / len(domains), 6) for domain in domains}
    weights = recipe.data.mixture
    tilted = shares if weights != shares else {d: 2.0 if i else 1.0 for i, d in enumerate(domains)}
    return [
        ("learning rate", "optimiser", {"optimiser.lr": 2 * recipe.optimiser.lr}),
        ("activation", "architecture", {"model.mlp": "gelu" if recipe.model.mlp == "relu2" else "relu2"}),
        ("norm", "architecture", {"model.norm": "layernorm" if recipe.model.norm == "rmsnorm" else "rmsnorm"}),
        ("schedule", "schedule", {"schedule.name": "cosine" if linear else "linear"}),
        ("batch", "data", {"data.batch": max(1, recipe.data.batch // 2)}),
        *([("mixture", "mixture", {"data.mixture": tilted, "data.mixture_rule": "size"})] if len(domains) > 1 else []),
        ("depth", "shape", {"model.depth_ratio": 2 * recipe.model.depth_ratio}),
    ]


def make_plan(
    recipe: Recipe, ladder: Sequence[Scale], place: int, domains: Sequence[str], vocab: int, seed: int, corpus: str,
    trainer: str,
) -> Plan:  # fmt: skip
    """The design around a champion at a place of the ladder. Changes that cannot be built there are left out."""
    scale = ladder[place]

    def arm(name: str, kind: str, change: Change) -> Arm | None:
        if all(flatten(recipe.model_dump(mode="json"))[key] == value for key, value in change.items()):
            return None
        try:
            new = changed(recipe, change)
            shape_at(new, scale, vocab)
        except UserError:
            return None
        return Arm(name, kind, change, new)

    champion = Arm("champion", "A/A", {}, recipe)
    arms = tuple(filter(None, (arm(*wish) for wish in _wishes(recipe, domains))))
    remedies: list[Remedy] = []
    for name, change in _remedies(recipe):
        base = arm(name, "remedy", change)
        under = [(a, arm(f"{a.name}, {name}", a.kind, a.change | change)) for a in arms if a.name in PROBES]
        if base is not None:
            remedies.append(Remedy(name, change, base, tuple((a, b) for a, b in under if b is not None)))
    half, double = (
        Scale(name=f"{scale.name} ×{text}", width=scale.width, depth=scale.depth, flops=factor * scale.flops)
        for text, factor in (("½", 0.5), ("2", 2.0))
    )
    try:
        shape_at(recipe, half, vocab)
    except UserError:
        half = None  # less than a step
    upper = ladder[place + 1] if place + 1 < len(ladder) else None
    return Plan(champion, arms, tuple(remedies), scale, half, double, upper, seed, corpus, trainer)


#: Changes that are measured under each remedy: one that moves every weight a little, one of another function.
PROBES = ("learning rate", "activation")


def _remedies(recipe: Recipe) -> list[tuple[str, Change]]:
    schedule = recipe.schedule
    found: list[tuple[str, Change]] = []
    if not schedule.average:
        found.append(("averaged weights", {"schedule.average": 0.2}))
    if schedule.final:
        found.append(("decay to zero", {"schedule.final": 0.0}))
    if schedule.name == "wsd" and schedule.decay < 0.6:
        found.append(("longer decay", {"schedule.decay": min(1.0, 2 * schedule.decay)}))
    return found
