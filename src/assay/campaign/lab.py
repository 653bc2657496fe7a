"""A lab: one folder with `lab.toml`, the store, `runs/` and `corpora/`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Set
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.corpus.licences.policy import check_licences
from assay.corpus.manifest import Manifest, check_size, open_corpus
from assay.corpus.repetition import check_left
from assay.corpus.sealed import open_sealed
from assay.execution.confinement import UNCONFINED, Confinement, find_confinement
from assay.spec.errors import UserError
from assay.spec.external import External, check_search, check_told, read_external, tokens_of
from assay.spec.lab import CorpusSettings, LabConfig
from assay.spec.packing import check_packable
from assay.spec.places import place
from assay.spec.presets import PRESETS, named_recipe, stands_alone
from assay.spec.protocols import Executor
from assay.spec.recipe import Recipe, difference
from assay.spec.registry import load
from assay.spec.run import Run, RunOrder
from assay.spec.scale import Scale, Shape, shape_at
from assay.store.store import Store
from assay.training.identity import trainer_identity

if TYPE_CHECKING:
    import pandas as pd

    from assay.campaign.history import Campaign
    from assay.corpus.build import Progress

CONFIG = "lab.toml"
#: Folder for classifiers of quality.
QUALITY = "quality"
#: Characters of a recipe's or run's hash that name it; fewer may be a slip of the pen.
SHORTEST_HASH = 4


class Lab:
    """An open lab. `assay.open("mylab")` gives one.

    Attributes:
        folder: absolute path.
        config: `lab.toml`, validated.
        store: all durable state.

    Raises:
        UserError: no lab there, or something in it is broken; the message says what to do.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if not (self.folder / CONFIG).is_file():
            raise UserError(f"{folder} is not a lab: it has no {CONFIG}; `assay init {folder}` makes one")
        self.config = LabConfig.from_toml(self.folder / CONFIG)
        self.store = Store.at(self.folder)

    @property
    def corpus_dir(self) -> Path:
        return self.folder / "corpora" / self.config.corpus.id

    def corpus(self) -> Manifest:
        return open_corpus(self.corpus_dir, withdrawn=True)

    def text_dir(self, recipe: Recipe, progress: Progress | None = None) -> Path:
        """The corpus folder that a recipe trains on: the corpus, or the view that it selects, made if need be.

        Raises:
            UserError: nothing can be trained on what it selects.
        """
        if not recipe.data.selection():
            return self.corpus_dir
        from assay.corpus.views.selection import steps_of  # heavy, and few who open a lab select text
        from assay.corpus.views.view import make_view

        steps = steps_of(recipe.data, self.folder / QUALITY)
        return make_view(self.corpus_dir, steps, progress) if steps else self.corpus_dir

    @property
    def vault_dir(self) -> Path:
        """Where the sealed documents are; only `assay.evaluation.vault` opens it."""
        return self.folder / "vault" / self.config.corpus.id

    def run_dir(self, run_hash: str) -> Path:
        return self.folder / "runs" / run_hash

    def find_run(self, name: str) -> Path:
        """The folder of the run whose hash begins so. Raises `UserError` unless that is just one."""
        found = [row["hash"] for row in self.store.run_rows() if row["hash"].startswith(name)]
        if len(name) >= SHORTEST_HASH and len(found) == 1:
            return self.run_dir(found[0])
        problem = f"{len(found)} runs begin with '{name}'" if len(found) > 1 else f"no run is called '{name}'"
        raise UserError(f"{problem}; name a run's folder, or at least {SHORTEST_HASH} characters of its hash")

    def trainer(self) -> str:
        """Identity of what would train now: trainer, library versions, device."""
        return trainer_identity(self.config.execution.command, self.config.execution.hardware, self.external)

    @cached_property
    def external(self) -> External | None:
        """The trainer that `execution.trainer` names; None if it names none.

        Raises:
            UserError: something is wrong with its trainer.toml, or a change that [search] allows would not reach it.
        """
        return find_external(self.folder, self.config)

    def vault(self) -> bool:
        """Whether a promotion needs an answer of the sealed vault.

        A trainer that scores its own checkpoints is not shown sealed text, since nothing would keep it from telling.
        """
        return bool(self.corpus().vault) and not self.self_scored()

    def self_scored(self) -> bool:
        """Whether scores are the word of the trainer's own evaluation command."""
        return self.external is not None and self.external.trainer.evaluation is not None

    def workers(self) -> int:
        """Runs at a time: as told, or so many that each process of each run has a core."""
        execution = self.config.execution
        return execution.workers or max(1, len(os.sched_getaffinity(0)) // execution.hardware.processes)

    @cached_property
    def confinement(self) -> Confinement:
        """What keeps this lab's runs out of its vault; found by trying, once."""
        return find_confinement(self.vault_dir.parent) if self.corpus().vault else UNCONFINED

    def executor(self, workers: int | None = None) -> Executor:
        """Where runs happen, kept out of the vault. Every training of a lab goes through one of these."""
        options = {"confinement": self.confinement} if self.config.execution.executor == "local" else {}
        return load("executor", self.config.execution.executor)(
            workers=workers or self.workers(), weights=self.config.corpus.score_weights, **options
        )

    def order(self, run: Run, vocab: int, stop_at_step: int | None = None) -> RunOrder:
        execution = self.config.execution
        if stop_at_step is not None and self.external is not None:  # its steps may be others than the built-in ones
            steps = self.external.plan(run.recipe, run.scale, vocab).steps
            stop_at_step = max(1, steps * stop_at_step // shape_at(run.recipe, run.scale, vocab).steps)
        return RunOrder(
            run=run, run_hash=run.hash, corpus_dir=str(self.text_dir(run.recipe)), vocab=vocab,
            stop_at_step=stop_at_step, command=execution.command, external=self.external, hardware=execution.hardware,
            checkpoint_seconds=execution.checkpoints.seconds, checkpoint_keep=execution.checkpoints.keep,
            milestone_steps=execution.checkpoints.milestone_steps,
        )  # fmt: skip

    def campaign(self, check: bool = False) -> Campaign:
        """Everything decided so far, rebuilt from the ledger."""
        from assay.campaign.history import read_campaign

        return read_campaign(self.config, self.corpus().vocab, self.store.recipes(), self.store.ledger(), check)

    def recipe(self, name: str) -> Recipe:
        """A recipe by name: `champion`, `start`, `gen2`, a preset, a recipe's hash or its beginning, or a TOML file.

        Raises:
            UserError: nothing is called that.
        """
        if stands_alone(name):
            return named_recipe(name)
        generations = self.generation_recipes()
        known = {**self.store.recipes(), self.config.start.hash: self.config.start}
        if name == "champion":
            return known[generations[-1]]
        if name == "start":
            return self.config.start
        if name.startswith("gen") and name[3:].isdigit() and int(name[3:]) < len(generations):
            return known[generations[int(name[3:])]]
        matches = [recipe for digest, recipe in known.items() if digest.startswith(name)]
        if len(name) >= SHORTEST_HASH and len(matches) == 1:
            return matches[0]
        raise UserError(
            f"no recipe is called '{name}'; name a TOML file, a recipe's hash, 'start', 'champion', "
            f"'gen0' to 'gen{len(generations) - 1}', or a preset: {', '.join(PRESETS)}"
        )

    def generation_recipes(self) -> list[str]:
        """Hash of the champion of each generation, from the first."""
        promoted = [entry.body["recipe"] for entry in self.store.ledger() if entry.kind == "promotion"]
        return [self.config.start.hash, *promoted]

    def check(self) -> Manifest:
        """Check what a campaign needs before anything is spent: corpus, licences, ledger, ladder, mixture.

        Raises:
            UserError: names what does not fit.
        """
        manifest = open_corpus(self.corpus_dir)
        found = self.store.verify_ledger()
        if found.bad_seq is not None:
            raise UserError(
                f"{self.store.name}: entry {found.bad_seq} of the ledger was changed ({found.problem}); restore the "
                f"file from a copy"
            )
        if manifest.vault and open_sealed(self.vault_dir).commitment != manifest.vault:
            raise UserError(f"{self.vault_dir}: not what was sealed with this corpus; restore the folder from a copy")
        check_domains(self.config, manifest, self.folder / CONFIG)
        table = self.corpus_dir / "documents.parquet"
        check_licences(self.config.licences, [table], str(self.folder / CONFIG), f"corpus {manifest.id}")
        check_size(manifest, most_tokens(self.config, manifest.vocab, self.external))
        return manifest

    def check_recipe(self, recipe: Recipe, scale: Scale, name: str, progress: Progress | None = None) -> None:
        """Raise `UserError`, beginning with `name`, unless a recipe can be trained here at a scale.

        What it selects of the text is made, if need be, and looked at too.
        """
        manifest = self.corpus()
        check_mixture(recipe, set(manifest.domains), name)
        if self.external is not None:
            check_told(self.external.trainer, difference(self.config.start, recipe), name)
        check_packable(recipe, self.config.execution.hardware)
        tokens = check_shape(recipe, scale, manifest.vocab, name).tokens
        check_size(manifest, tokens)
        if recipe.data.selection():
            try:
                check_left(open_corpus(self.text_dir(recipe, progress)).train_tokens(), tokens, scale.name)
            except UserError as error:
                raise UserError(f"{name}: {error}") from None

    # Data frames

    def runs(self) -> pd.DataFrame:
        """One row a run: hash, recipe, scale, seeds, status, score (bits per byte), one column a domain, cost."""
        import pandas as pd

        rows = [{**row, **row.pop("domains")} for row in self.store.run_rows()]
        return pd.DataFrame(rows)

    def proposals(self) -> pd.DataFrame:
        """One row a proposal: who proposed what, what was predicted, and the verdict."""
        import pandas as pd

        from assay.campaign.facts import proposal_row

        campaign = self.campaign()
        return pd.DataFrame([proposal_row(campaign, number) for number in campaign.registered])

    def generations(self) -> pd.DataFrame:
        """One row a generation: recipe, what was changed, verified gain and compute multiplier with intervals."""
        import pandas as pd

        from assay.campaign.facts import generation_row

        campaign = self.campaign()
        return pd.DataFrame([generation_row(g) for g in campaign.generations])

    def evaluations(self) -> pd.DataFrame:
        """One row for each mean that `assay evaluate` measured: run, task, file, group ("": all), measure, value."""
        import pandas as pd

        from assay.evaluation.results import stored

        rows = [
            {"run": found.run, "task": found.task, "file": found.file, "limit": found.limit, "group": group,
             "measure": measure, **score.model_dump()}
            for row in self.store.run_rows()
            for found in stored(self.run_dir(row["hash"]))
            for group, scores in {"": found.scores, **found.groups}.items()
            for measure, score in scores.items()
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def close(self) -> None:
        self.store.close()


def find_external(folder: Path, config: LabConfig) -> External | None:
    """The trainer that a lab names; None if it names none.

    Raises:
        UserError: something is wrong with its trainer.toml, or a change that [search] allows would not reach it.
    """
    if not config.execution.trainer:
        return None
    path = folder / config.execution.trainer
    if not path.is_file():
        raise UserError(f"{folder / CONFIG}: execution.trainer names {path}, which is not there")
    external = read_external(path)
    check_search(external.trainer, config.search, f"{folder / CONFIG}: [search]")
    return external


def most_tokens(config: LabConfig, vocab: int, external: External | None) -> int:
    """Tokens of the longest run of the start recipe."""
    return max(tokens_of(config.start, scale, vocab, external) for scale in config.ladder)


def check_domains(config: LabConfig, manifest: Manifest, path: Path) -> None:
    """Raise `UserError` unless score weights and the start recipe's mixture name domains of the corpus.

    Args:
        path: of `lab.toml`.
    """
    known = set(manifest.domains)
    check_known(config.corpus.score_weights, known, path, "corpus.score_weights")
    check_mixture(config.start, known, str(path), "start.")


def check_mixture(recipe: Recipe, known: Set[str], name: str, table: str = "") -> None:
    """Raise `UserError` unless a recipe's mixtures and limits name domains that there are.

    Args:
        name: of the recipe, possibly its file.
        table: of the file, in which the recipe stands.
    """
    for key, numbers in recipe.data.by_domain().items():
        check_known(numbers, known, Path(name), table + key)


def check_shape(recipe: Recipe, scale: Scale, vocab: int, where: str) -> Shape:
    """The shape of a recipe at a scale. Raises `UserError`, beginning with `where`, if it cannot be built."""
    try:
        return shape_at(recipe, scale, vocab)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def check_known(weights: Iterable[str], known: Set[str], file: Path, key: str) -> None:
    """Raise `UserError`, naming file and line, unless there are all of the domains that a key names."""
    for domain in weights:
        if domain not in known:
            at = place(file, f"{key}.{domain}")
            raise UserError(f"{at}: {key} names '{domain}', but the corpus has only: {', '.join(sorted(known))}")


def init_lab(folder: Path, manifest: Manifest, changes: dict[str, Any] | None = None) -> Lab:
    """Make a lab around a corpus that was built in its `corpora/` folder.

    Args:
        changes: keys of `lab.toml` that differ from the defaults, as nested plain data.
    """
    weights = dict.fromkeys(sorted(manifest.domains), 1.0)
    config = LabConfig.parse(
        {
            "name": folder.resolve().name,
            "corpus": CorpusSettings(id=manifest.id, score_weights=weights).model_dump(mode="json"),
            **(changes or {}),
        },
        CONFIG,
    )
    check_domains(config, manifest, folder / CONFIG)
    check_size(manifest, most_tokens(config, manifest.vocab, find_external(folder.resolve(), config)))
    confinement = find_confinement(folder.resolve() / "vault") if manifest.vault else UNCONFINED
    vault = {"commitment": manifest.vault, "mechanism": confinement.mechanism, "reason": confinement.reason}
    store = Store.at(folder, create=True)
    with store.transaction() as connection:
        from assay.store.ledger import append

        store.put_recipe(connection, config.start)
        body = {"name": config.name, "corpus": manifest.id, "start": config.start.hash, "vault": vault}
        append(connection, "lab", body)
    store.close()
    temporary = folder / f".{CONFIG}.tmp"
    temporary.write_text(config_text(config), encoding="utf-8")
    temporary.replace(folder / CONFIG)
    return Lab(folder)


def config_text(config: LabConfig) -> str:
    """`lab.toml` with every setting written out, so that a person sees what can be changed."""
    head = (
        "# Settings of this lab. Every key is written out with its present value; delete a key to go back to the\n"
        "# default. [corpus] is fixed once something was trained on it; [start], [[ladder]], seed, evidence.fdr are\n"
        "# fixed once the campaign has begun. Docs: docs/reference/lab-toml.md\n\n"
    )
    return head + config.to_toml()
