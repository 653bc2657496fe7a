"""`trainer.toml`: how a training program that knows nothing of assay is started, read and scored.

Texts in it may hold names and arithmetic in braces: every key of a recipe (`{optimiser.lr}`), what a recipe comes to at
a scale (`{width}`, `{steps - 1}`), seeds and paths (`{seed}`, `{checkpoint_dir}`). `FACTS` lists what there is besides
the recipe's keys.
"""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from assay.spec.base import Frozen
from assay.spec.errors import UserError
from assay.spec.expressions import as_text, names_in, names_of, texts_in, value_of
from assay.spec.recipe import SELECTING, Recipe, flatten
from assay.spec.scale import Scale, shape_at
from assay.spec.search import Range, Scalar, Space

#: What stands in braces besides a recipe's own keys.
SIZES = {
    "width": "width of the model at this scale",
    "depth": "number of layers",
    "heads": "attention heads",
    "kv_heads": "key/value heads",
    "mlp_hidden": "hidden width of the MLP",
    "parameters": "trained numbers of the built-in model of these sizes",
    "vocab": "size of the vocabulary",
}
FACTS = SIZES | {
    "steps": "steps of the run, which the scale's FLOPs decide",
    "tokens": "training tokens of the run",
    "flops": "compute of the run",
    "seed": "a number below 2³¹ that both seeds decide",
    "seed.init": "seed of the weights, below 2⁶³",
    "seed.data": "seed of the order of the data, below 2⁶³",
    "resumed": "whether the run goes on from `pause.checkpoint`",
    "python": "the Python that runs assay",
    "trainer_dir": "folder of trainer.toml",
    "corpus_dir": "folder of the tokenised corpus",
    "spans": "held-out text to be scored, a JSON object a line with `domain` and `text`",
    "run_dir": "the run's own folder",
    "run_json": "the run's order in full",
    "checkpoint_dir": "folder for weights; `assay gc` may free it",
    "scratch_dir": "folder that is deleted once the run has ended",
}
#: Recipe keys that act through sizes, or through the text that there is to train on.
ACTS_THROUGH = {
    "model.width_ratio": "width", "model.depth_ratio": "depth", "model.head_dim": "heads",
    "model.query_heads_per_kv": "kv_heads", "model.mlp_ratio": "mlp_hidden",
    **dict.fromkeys(SELECTING, "corpus_dir"),
}  # fmt: skip
RECIPE_KEYS = tuple(flatten(Recipe().model_dump(mode="json")))
KNOWN = {*RECIPE_KEYS, *FACTS}
MOST_KEYS = 8  # that a message lists
#: Names that no step count, and nothing that depends on it, may be reckoned from.
COST_NAMES = {*RECIPE_KEYS, *SIZES}


def _check_names(used: Iterable[str], known: Iterable[str]) -> None:
    allowed = sorted(known)
    for name in sorted(used):
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, 1, cutoff=0.7)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise ValueError(f"'{{{name}}}' is no key of a recipe and no fact of a run{hint}")


def _check_texts(value: Any) -> Any:
    for text in texts_in(value):
        _check_names(names_in(text), KNOWN)
    return value


class Extra(Frozen):
    """Words that are added to the command while recipe keys, or `resumed`, have certain values."""

    when: dict[str, Scalar] = Field(min_length=1, description="values that all have to hold")
    words: tuple[str, ...] = Field(min_length=1, description="what is added then")

    @field_validator("when")
    @classmethod
    def _when(cls, when: dict[str, Scalar]) -> dict[str, Scalar]:
        _check_names(when, KNOWN)
        return when

    _words = field_validator("words")(_check_texts)


class ConfigFile(Frozen):
    """A file that is written before the program starts."""

    path: str = Field(min_length=1, description="where; usually in {run_dir}")
    format: Literal["json", "toml", "text"] = Field(description="json and toml take `values`, text takes `text`")
    values: dict[str, Any] = Field(
        default={}, description='nested tables; "{optimiser.lr}" alone becomes a number, true or a table'
    )
    text: str = Field(default="", description="the whole file, for any other format")

    _texts = field_validator("path", "values", "text")(_check_texts)

    @model_validator(mode="after")
    def _one_source(self) -> "ConfigFile":
        wanted, other = ("text", "values") if self.format == "text" else ("values", "text")
        if not getattr(self, wanted) or getattr(self, other):
            raise ValueError(f"a config of format '{self.format}' takes '{wanted}', and not '{other}'")
        return self


#: Metrics that a program may report; the first two it must.
METRICS = ("step", "loss", "tokens", "lr", "grad_norm", "tokens_per_second")


class MetricsReading(Frozen):
    """Where the program's losses are to be read."""

    format: Literal["jsonl", "csv", "regex"] = Field(description="one JSON object a line, CSV with a header, or lines")
    file: str = Field(default="", description="the program's own file; empty: what it prints")
    names: dict[str, str] = Field(
        default={"step": "step", "loss": "loss"},
        description="the program's key, column or group for step and loss (nats a token), "
        "and maybe for tokens (trained on so far), lr, grad_norm, tokens_per_second",
    )
    pattern: str = Field(default="", description="for regex: with a named group for each of the names")
    first_step: int = Field(default=1, ge=0, le=1, description="the number that the program gives its first step")

    _file = field_validator("file")(_check_texts)

    @model_validator(mode="after")
    def _readable(self) -> "MetricsReading":
        for name in self.names:
            if name not in METRICS:
                raise ValueError(f"names: '{name}' is none of {', '.join(METRICS)}")
        for name in METRICS[:2]:
            if name not in self.names:
                raise ValueError(f"names: '{name}' is missing")
        if self.file == "{run_dir}/metrics.jsonl":
            raise ValueError("file: {run_dir}/metrics.jsonl is written by assay; give the program's file another name")
        if (self.format == "regex") != bool(self.pattern):
            raise ValueError("'pattern' goes with format 'regex', and with no other")
        try:
            groups = re.compile(self.pattern).groupindex
        except re.error as error:
            raise ValueError(f"pattern: not a regular expression ({error})") from None
        for name in self.names.values() if self.pattern else ():
            if name not in groups:
                raise ValueError(f"pattern: it has no group (?P<{name}>…), which 'names' asks for")
        return self


class Pausing(Frozen):
    """How the program is asked to stop early, and what it leaves to go on from."""

    signal: Literal["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"] = Field(
        default="SIGTERM", description="on it the program writes the checkpoint and ends"
    )
    checkpoint: str = Field(min_length=1, description="while this file is there, the run is started with `resumed`")

    _file = field_validator("checkpoint")(_check_texts)


class OwnEvaluation(Frozen):
    """The program's own way to score its checkpoint on `{spans}`; it answers `{"domain": bits per byte, …}` in JSON."""

    command: tuple[str, ...] = Field(min_length=1, description="what is run")
    file: str = Field(default="", description="the answer; empty: the last line that it prints")

    _texts = field_validator("command", "file")(_check_texts)


class ExternalTrainer(Frozen):
    """All of `trainer.toml`."""

    name: str = Field(min_length=1, pattern=r"^[\w.+-]+$", description="what certificates and reports call it")
    version: str = Field(
        default="1", min_length=1, description="raise it when the program, or a library of it, changes what it computes"
    )
    files: tuple[str, ...] = Field(
        default=(), description="files whose content decides what is computed, besides those that commands name"
    )
    folder: str = Field(default=".", description="where commands run, relative to trainer.toml")
    silence_seconds: float = Field(
        default=3600.0, gt=0, description="a command that neither prints nor reports a loss for so long is killed"
    )
    prepare: tuple[str, ...] = Field(default=(), description="a command that runs before each training")
    command: tuple[str, ...] = Field(min_length=1, description="the training program with its words")
    extra: tuple[Extra, ...] = Field(default=(), description="words that are added on conditions")
    values: dict[str, dict[str, Scalar]] = Field(
        default={}, description='by recipe key, what the program calls its values: { true = "yes", false = "no" }'
    )
    config: ConfigFile | None = Field(default=None, description="a file to write before the program starts")
    metrics: MetricsReading
    pause: Pausing | None = Field(
        default=None, description="absent: a run that has to pause is killed, and begins anew"
    )
    evaluation: OwnEvaluation | None = Field(
        default=None, description="absent: the program leaves the built-in model's weights, and assay scores them"
    )
    flops_per_token: str = Field(
        default="", description="arithmetic with recipe keys and sizes; empty: as the built-in model has it"
    )

    _texts = field_validator("prepare", "command")(_check_texts)

    @field_validator("values")
    @classmethod
    def _values(cls, values: dict[str, dict[str, Scalar]]) -> dict[str, dict[str, Scalar]]:
        _check_names(values, RECIPE_KEYS)
        return values

    @field_validator("flops_per_token")
    @classmethod
    def _flops(cls, expression: str) -> str:
        if expression:
            _check_names(names_of(expression), COST_NAMES)
        return expression

    @model_validator(mode="after")
    def _seeded(self) -> "ExternalTrainer":
        seeds = {name for name in self.spoken_names() if name.startswith("seed")}
        if "seed" not in seeds and not {"seed.init", "seed.data"} <= seeds:
            raise ValueError(
                "nothing hands the seeds on, so that runs with other seeds would be the same run: use {seed}, or both "
                "{seed.init} and {seed.data}, in the command or the config"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """Without the patience for it, which decides no number."""
        return {key: value for key, value in super().identity().items() if key != "silence_seconds"}

    def spoken_names(self) -> set[str]:
        """Names in braces of the command and the config file: the program is told their values."""
        texts = [*self.command, *self.prepare, *(word for extra in self.extra for word in extra.words)]
        if self.config is not None:
            texts += [*texts_in(self.config.values), self.config.text]
        return {name for text in texts for name in names_in(text)}

    def conditions(self, key: str) -> set[str]:
        """Values of a key that a condition tells from the others."""
        return {as_text(extra.when[key]) for extra in self.extra if key in extra.when}

    def tells(self, key: str) -> bool:
        """Whether a change of a recipe key reaches the program."""
        spoken = self.spoken_names()
        return key in spoken or ACTS_THROUGH.get(key) in spoken or bool(self.conditions(key))

    def confuses(self, key: str, values: Iterable[Any]) -> str:
        """Why the program cannot tell these values of a key apart; '' if it can."""
        words, table, named = [as_text(value) for value in values], self.values.get(key), self.conditions(key)
        if key not in self.spoken_names():
            rest = [word for word in words if word not in named]
            return f"no [[extra]] tells {_list(rest)} apart" if named and len(rest) > 1 else ""
        if table is None:
            return ""
        if missing := [word for word in words if word not in table]:
            return f'values."{key}" has no entry for {_list(missing)}'
        same = [word for word in words if [table[other] for other in words].count(table[word]) > 1]
        return f'values."{key}" has the same entry for {_list(same)}' if same else ""


class Plan(NamedTuple):
    """How long a run is."""

    steps: int
    tokens_per_step: int
    flops_per_step: float


class External(Frozen):
    """A trainer as an order names it: what its `trainer.toml` says, and where that lies."""

    trainer: ExternalTrainer
    folder: str = Field(description="absolute path of the folder of trainer.toml")

    @property
    def place(self) -> Path:
        """Where commands run."""
        return Path(self.folder, self.trainer.folder)

    def plan(self, recipe: Recipe, scale: Scale, vocab: int) -> Plan:
        """Steps that the scale's FLOPs pay for, by the trainer's own cost of a token or the built-in model's.

        Raises:
            UserError: the cost is no positive number, or the budget is too small for a step.
        """
        shape = shape_at(recipe, scale, vocab)
        if not self.trainer.flops_per_token:
            return Plan(shape.steps, shape.tokens_per_step, shape.flops_per_step)
        cost = _number(self.trainer.flops_per_token, sizes_of(recipe, scale, vocab))
        tokens = recipe.data.context * recipe.data.batch
        steps = int(scale.flops // (cost * tokens))
        if steps < 1:
            raise UserError(
                f"scale '{scale.name}' allows {scale.flops:.3g} FLOPs, less than the {cost * tokens:.3g} of a single "
                f"step by trainer.toml's flops_per_token; raise the scale's flops or make data.batch smaller"
            )
        return Plan(steps, tokens, cost * tokens)


def tokens_of(recipe: Recipe, scale: Scale, vocab: int, external: External | None) -> int:
    """Tokens that a run reads under a trainer; None: the built-in one."""
    if external is None:
        return shape_at(recipe, scale, vocab).tokens
    plan = external.plan(recipe, scale, vocab)
    return plan.steps * plan.tokens_per_step


def sizes_of(recipe: Recipe, scale: Scale, vocab: int) -> dict[str, Any]:
    """A recipe's keys, and what it comes to at a scale, by the names of `SIZES`."""
    shape = shape_at(recipe, scale, vocab)
    return flatten(recipe.model_dump(mode="json")) | {name: getattr(shape, name) for name in SIZES}


def _number(expression: str, values: dict[str, Any]) -> float:
    try:
        cost = value_of(expression, values)
    except ValueError as error:
        raise UserError(f"trainer.toml: flops_per_token: {error}") from None
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 < cost < float("inf"):
        raise UserError(f"trainer.toml: flops_per_token: '{expression}' comes to {cost}, not to a positive number")
    return float(cost)


def read_external(path: Path) -> External:
    """Read `trainer.toml`.

    Raises:
        UserError: names the file, the key and what is wrong with it.
    """
    trainer = ExternalTrainer.from_toml(path)
    folder = path.resolve().parent
    for name in trainer.files:
        if not (folder / name).is_file():
            raise UserError(f"{path}: files names '{name}', but {folder / name} is not there")
    external = External(trainer=trainer, folder=str(folder))
    if not external.place.is_dir():
        raise UserError(f"{path}: key 'folder': there is no folder {external.place}")
    return external


def check_search(trainer: ExternalTrainer, space: Space, where: str) -> None:
    """Raise `UserError` unless every change that a proposal may make reaches the program."""
    silent = [key for key in space if not trainer.tells(key)]
    if silent:
        it = "it" if len(silent) == 1 else "them"
        raise UserError(
            f"{where}: trainer '{trainer.name}' is not told {_some(silent)}, so that a change of {it} would do "
            f"nothing; use {it} in trainer.toml, as in '--flag={{{silent[0]}}}', or take {it} out of [search]"
        )
    for key, allowed in space.items():
        if isinstance(allowed, Range):
            if key in trainer.values:
                raise UserError(f"{where}: '{key}' has a range, but trainer.toml translates single values of it")
            continue
        if problem := trainer.confuses(key, allowed):
            raise UserError(f"{where}: '{key}' may be {_list(map(as_text, allowed))}, but in trainer.toml {problem}")


def _some(keys: list[str]) -> str:
    """The first few of many keys."""
    return _list(keys) if len(keys) <= MOST_KEYS else f"{_list(keys[:MOST_KEYS])} and {len(keys) - MOST_KEYS} more"


def searchable(trainer: ExternalTrainer, space: Space) -> Space:
    """The part of a search space that reaches the program."""
    found: Space = {}
    for key, allowed in space.items():
        if not trainer.tells(key):
            continue
        if isinstance(allowed, Range):
            if key not in trainer.values:
                found[key] = allowed
            continue
        known = trainer.values.get(key)
        kept = tuple(value for value in allowed if known is None or as_text(value) in known)
        if len(kept) > 1 and not trainer.confuses(key, kept):
            found[key] = kept
    return found


def check_told(trainer: ExternalTrainer, keys: Iterable[str], where: str) -> None:
    """Raise `UserError` unless the program is told all keys in which a recipe differs from another."""
    silent = [key for key in keys if key != "stream" and not trainer.tells(key)]
    if silent:
        raise UserError(
            f"{where}: trainer '{trainer.name}' is not told {_some(silent)}, so that this recipe would train as the "
            f"lab's start does; use it in trainer.toml, or leave it as it is"
        )


def _list(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
