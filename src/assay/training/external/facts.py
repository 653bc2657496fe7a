"""One run as `trainer.toml` may refer to it, and its commands and files with that filled in."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

from assay.spec.base import sha256_text
from assay.spec.errors import UserError
from assay.spec.expressions import as_text, fill, fill_typed
from assay.spec.external import sizes_of
from assay.spec.run import RunOrder


class Filled:
    """`trainer.toml` for one run.

    Args:
        order: names the trainer.
        folder: the run's folder.
        resumed: whether the run goes on from `pause.checkpoint`.

    Raises:
        UserError: `values` in trainer.toml does not translate what the recipe says.
    """

    def __init__(self, order: RunOrder, folder: Path, resumed: bool = False) -> None:
        assert order.external is not None
        self.place = order.external.place
        self.trainer = order.external.trainer
        run, seed = order.run, order.run.drawn
        plan = order.external.plan(run.recipe, run.scale, order.vocab)
        self.checkpoint_dir, self.scratch_dir = folder / "checkpoint", folder / "scratch"
        self.facts: dict[str, Any] = sizes_of(run.recipe, run.scale, order.vocab) | {
            "steps": plan.steps,
            "tokens": plan.steps * plan.tokens_per_step,
            "flops": plan.steps * plan.flops_per_step,
            "seed": int(sha256_text(f"{seed.init}/{seed.data}")[:15], 16) % 2**31,
            "seed.init": seed.init,
            "seed.data": seed.data,
            "resumed": resumed,
            "python": sys.executable,
            "trainer_dir": order.external.folder,
            "corpus_dir": order.corpus_dir,
            "spans": str(Path(order.corpus_dir) / "spans.jsonl"),
            "run_dir": str(folder),
            "run_json": str(folder / "run.json"),
            "checkpoint_dir": str(self.checkpoint_dir),
            "scratch_dir": str(self.scratch_dir),
        }
        told = dict(self.facts)
        for key, table in self.trainer.values.items():
            word = as_text(self.facts[key])
            if word not in table:
                raise UserError(f"trainer '{self.trainer.name}': values.\"{key}\" has no entry for {word}")
            told[key] = table[word]
        self._told = told

    def text(self, text: str) -> str:
        """A text with its braces filled in. Raises `UserError` where arithmetic has no result."""
        try:
            return fill(text, self._told)
        except ValueError as error:
            raise UserError(f"trainer '{self.trainer.name}': {error}") from None

    def words(self, words: Sequence[str]) -> list[str]:
        """The words of a command, filled in."""
        return [self.text(word) for word in words]

    def command(self) -> list[str]:
        """The command that trains, with the words that conditions add."""
        added = [
            word
            for extra in self.trainer.extra
            if all(as_text(self.facts[key]) == as_text(value) for key, value in extra.when.items())
            for word in extra.words
        ]
        return self.words([*self.trainer.command, *added])

    def config(self) -> tuple[Path, str] | None:
        """Path and content of the config file; None if there is none."""
        config = self.trainer.config
        if config is None:
            return None
        path = Path(self.text(config.path))
        if config.format == "text":
            return path, self.text(config.text)
        try:
            values = fill_typed(config.values, self._told)
        except ValueError as error:
            raise UserError(f"trainer '{self.trainer.name}': {error}") from None
        return path, json.dumps(values, indent=1) + "\n" if config.format == "json" else tomli_w.dumps(values)
