"""The sealed set in a campaign: one bit a promotion, in the ledger, and nothing else of it anywhere."""

import json
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.campaign import vault as module
from assay.campaign.collect import collect
from assay.campaign.controller import Controller
from assay.campaign.history import Mismatch
from assay.campaign.lab import Lab, init_lab
from assay.campaign.observe import view_of
from assay.campaign.vault import SealedVault, equal_documents, least_spread, rotate, vault_facts
from assay.campaign.watch import Silent
from assay.corpus import sealed as sealing
from assay.corpus.build import build_corpus
from assay.corpus.documents import Source
from assay.corpus.manifest import open_corpus
from assay.corpus.sealed import open_sealed
from assay.evaluation.spans import read_span_losses
from assay.evaluation.vault import read_queries
from assay.execution.confinement import UNCONFINED, Confinement
from assay.execution.simulated import SimulatedExecutor
from assay.interfaces.cli.log import line as in_words
from assay.spec.budget import Budget
from assay.spec.errors import UserError
from assay.spec.recipe import changed
from assay.spec.run import Outcome, Run, RunOrder, Seed
from assay.spec.verdict import VaultAnswer
from tests.campaign.helpers import EVIDENCE, LADDER, SEARCH, START, WORDS, of_kind, proposal, simulated

BETTER, WORSE = {"optimiser.lr": 3e-3}, {"optimiser.lr": 1e-4}


def write_domain(folder: Path, number: int, letter: str) -> None:
    import random

    draw = random.Random(letter)
    folder.mkdir(parents=True)
    for i in range(number):
        words = [draw.choice(WORDS) + (letter if draw.random() < 0.3 else "") for _ in range(400)]
        (folder / f"{i}.txt").write_text(" ".join(words), encoding="utf-8")


def sealed_lab(folder: Path, **changes: Any) -> Lab:
    """A lab with a vault: two domains of 60 source documents each."""
    for name in ("prose", "verse"):
        write_domain(folder.parent / "text" / name, 60, name[0])
    sources = [Source(name, str(folder.parent / "text" / name)) for name in ("prose", "verse")]
    manifest = build_corpus(folder / "corpora", sources, vault=folder / "vault", span_bytes=4096)
    settings = {"start": START, "ladder": LADDER, "search": SEARCH, "evidence": EVIDENCE | {"placebo_rate": 0.0},
                "execution": {"in_flight": 2, "workers": 2}}  # fmt: skip
    return init_lab(folder, open_corpus(folder / "corpora" / manifest.id), settings | changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lab, list[tuple[str, str]]]:
    """A lab in which a champion and a better candidate were trained with three seeds, by the real processes."""
    lab = sealed_lab(tmp_path_factory.mktemp("trained") / "lab")
    executor, pairs = lab.executor(workers=2), []
    try:
        outstanding: set[str] = set()
        for seed in range(3):
            pair = []
            for recipe in (lab.config.start, changed(lab.config.start, BETTER)):
                run = Run(recipe=recipe, scale=lab.config.ladder[1], seed=Seed(init=seed, data=seed),
                          corpus=lab.config.corpus.id, trainer=lab.trainer())  # fmt: skip
                executor.submit(lab.order(run, lab.corpus().vocab), lab.run_dir(run.hash))
                outstanding.add(run.hash)
                pair.append(run.hash)
            pairs.append((pair[0], pair[1]))
        while outstanding:
            for digest, outcome in executor.poll(1.0):
                assert outcome.status == "finished", outcome
                outstanding.discard(digest)
    finally:
        executor.close()
    return lab, pairs


Trained = tuple[Lab, list[tuple[str, str]]]


def test_the_vault_confirms_what_helps_and_nothing_else(trained: Trained) -> None:
    lab, pairs = trained
    answer = SealedVault(lab).ask(1, pairs)
    assert answer.passed
    assert answer.commitment == lab.corpus().vault
    assert not SealedVault(lab).ask(2, [(new, old) for old, new in pairs]).passed
    assert not SealedVault(lab).ask(3, [(old, old) for old, _ in pairs]).passed


def test_the_same_question_is_asked_once(trained: Trained) -> None:
    lab, pairs = trained
    SealedVault(lab).ask(1, pairs)
    before = read_queries(lab.vault_dir)
    again = [SealedVault(lab).ask(1, pairs).passed for _ in range(3)]
    assert again == [True] * 3
    assert read_queries(lab.vault_dir) == before


def test_scores_stay_in_the_vault(trained: Trained, capfd: pytest.CaptureFixture[str]) -> None:
    lab, pairs = trained
    answer = SealedVault(lab).ask(1, pairs)
    record = next(r for r in read_queries(lab.vault_dir) if r["bit"])
    digits = {repr(record[name])[:8] for name in ("mean", "step", "spread")}
    everything = answer.model_dump_json() + "".join(capfd.readouterr())
    for path in lab.folder.rglob("*"):
        if path.is_file() and lab.vault_dir.parent not in path.parents:
            everything += path.read_bytes().decode(errors="ignore")
    everything += json.dumps(vault_facts(lab))
    assert not [value for value in digits if value in everything]
    sealed_text = (lab.vault_dir / "part-0.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(sealed_text[0])["text"] not in everything


def test_status_follows_the_formula(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    lab, pairs = trained
    SealedVault(lab).ask(1, pairs)
    asked = len(read_queries(lab.vault_dir))
    blank = vault_facts(lab)
    assert (blank["queries"], blank["not_in_ledger"]) == (asked, asked), "nobody has written these down"
    assert blank["queries_in_all"] is None
    lines = (lab.vault_dir / "part-0.jsonl").read_text(encoding="utf-8").splitlines()
    sizes: dict[str, dict[str, int]] = {"prose": {}, "verse": {}}
    for row in map(json.loads, lines):
        mine = sizes[row["domain"]]
        mine[row["document"]] = mine.get(row["document"], 0) + len(row["text"].encode())
    squares = sum(sum((n / sum(d.values())) ** 2 for n in d.values()) / 4 for d in sizes.values())
    assert blank["equal_documents"] == pytest.approx(1 / squares)
    assert blank["domains"] == {n: {"documents": len(d), "bytes": sum(d.values())} for n, d in sizes.items()}
    monkeypatch.setattr(module, "least_spread", lambda *_: 0.1)
    facts = vault_facts(lab)
    assert facts["deviation_percent"] == pytest.approx(0.1 * math.sqrt(2 * math.log(2 * 2**asked / 0.05) * squares))
    allowed = math.floor((0.25**2 / 0.1**2 / squares / 2 - math.log(40)) / math.log(2))
    assert facts["queries_in_all"] == max(0, allowed)
    assert facts["worth_used"] == pytest.approx(min(1.0, asked / allowed) if allowed > 0 else 1.0)


def test_the_spread_comes_from_ordinary_documents(trained: Trained) -> None:
    lab, pairs = trained
    evidence = {"stage": "confirm", "champion_score": 3.0,
                "pairs": [{"champion": old, "candidate": new} for old, new in pairs]}  # fmt: skip
    found = least_spread(lab, [{"evidence": [evidence]}])
    assert found is not None
    spans = [json.loads(line) for line in (lab.corpus_dir / "spans.jsonl").read_text(encoding="utf-8").splitlines()]
    nats = sum(read_span_losses(lab.run_dir(old)) - read_span_losses(lab.run_dir(new)) for old, new in pairs) / 3
    documents: dict[tuple[str, str], list[float]] = {}
    for span, difference in zip(spans, nats, strict=True):
        mine = documents.setdefault((span["domain"], span["document"]), [0.0, 0.0])
        mine[0] += difference / math.log(2)
        mine[1] += len(span["text"].encode())
    totals = {name: sum(size for (d, _), (_, size) in documents.items() if d == name) for name in ("prose", "verse")}
    v = np.array([size / totals[d] / 2 for (d, _), (_, size) in documents.items()])
    x = np.array([bits / size for bits, size in documents.values()])
    spread = np.sqrt((v**2 * (x - v @ x) ** 2).sum() / (v**2).sum() * len(v) / (len(v) - 1))
    assert found == pytest.approx(100 * spread / 3.0)


def test_a_damaged_vault_or_a_missing_checkpoint_is_one_sentence(trained: Trained, tmp_path: Path) -> None:
    lab, pairs = trained
    folder = lab.run_dir(pairs[0][0]) / "checkpoint"
    folder.rename(tmp_path / "checkpoint")
    try:
        with pytest.raises(UserError, match=r"the vault could not be asked: .*no complete checkpoint"):
            SealedVault(lab).ask(77, pairs)
    finally:
        (tmp_path / "checkpoint").rename(folder)
    part = lab.vault_dir / "part-0.jsonl"
    text = part.read_text(encoding="utf-8")
    part.write_text(text.replace("a", "b", 1), encoding="utf-8")
    try:
        with pytest.raises(UserError, match="not what was sealed"):
            SealedVault(lab).ask(78, pairs)
    finally:
        part.write_text(text, encoding="utf-8")


# Campaigns on a simulated clock, with a vault that answers from true effects


class TrueVault:
    """Answers from what recipes truly are; `dies` kills this process after the answer and before its entry."""

    def __init__(self, lab: Lab, truth: Callable[[int], bool], dies: bool = False) -> None:
        self.lab, self.truth, self.dies = lab, truth, dies
        self.asked: list[tuple[int, tuple[tuple[str, str], ...]]] = []

    def ask(self, number: int, pairs: Sequence[tuple[str, str]]) -> VaultAnswer:
        self.asked.append((number, tuple(pairs)))
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return VaultAnswer(
            number=number, passed=self.truth(number), query=1 + len(of_kind(self.lab, "vault")),
            commitment=self.lab.corpus().vault,
        )  # fmt: skip


def run(lab: Lab, vault: Any, budget: str = "60runs") -> str:
    executor = SimulatedExecutor(simulated, workers=2)
    return Controller(lab, Budget.read(budget), Silent(), executor=executor, vault=vault).run()


def propose_muon(lab: Lab) -> None:
    lab.store.post("propose", proposal({"optimiser.name": "muon"}))


def test_a_promotion_needs_a_confirmation(tmp_path: Path) -> None:
    lab = sealed_lab(tmp_path / "lab")
    propose_muon(lab)
    vault = TrueVault(lab, lambda _: True)
    run(lab, vault)
    [entry, *_] = of_kind(lab, "vault")
    assert entry["passed"]
    assert set(entry) == {"number", "passed", "query", "part", "commitment", "advisory", "note"}
    certificate = lab.campaign(check=True).generations[1].certificate
    assert certificate is not None
    assert certificate.vault == "confirmed"
    assert len(vault.asked) == len(of_kind(lab, "vault"))


def test_what_the_vault_does_not_confirm_is_inconclusive(tmp_path: Path) -> None:
    lab = sealed_lab(tmp_path / "lab")
    propose_muon(lab)
    vault = TrueVault(lab, lambda _: False)
    run(lab, vault)
    assert vault.asked
    campaign = lab.campaign(check=True)
    assert len(campaign.generations) == 1
    refused = [campaign.verdicts[number] for number, _ in vault.asked]
    assert {verdict.decision for verdict in refused} == {"inconclusive"}
    assert all(verdict.reasons[0] == "the sealed set does not confirm it" for verdict in refused)


def test_killed_between_answer_and_entry_it_asks_the_same_again(tmp_path: Path) -> None:
    lab = sealed_lab(tmp_path / "lab")
    propose_muon(lab)
    pid = os.fork()
    if pid == 0:
        try:
            mine = Lab(lab.folder)
            run(mine, TrueVault(mine, lambda _: True, dies=True))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert of_kind(lab, "vault") == []
    for row in lab.store.run_rows():
        (lab.run_dir(row["hash"]) / "checkpoint").mkdir(parents=True)
    assert collect(lab, dry_run=False)["runs"] > 0
    vault = TrueVault(lab, lambda _: True)
    run(lab, vault)
    assert len(of_kind(lab, "vault")) == len(vault.asked) >= 1
    needed = {digest for pair in vault.asked[0][1] for digest in pair}
    assert all((lab.run_dir(digest) / "checkpoint").is_dir() for digest in needed), "`gc` left what the question needs"
    calm = sealed_lab(tmp_path / "calm" / "lab")
    propose_muon(calm)
    undisturbed = TrueVault(calm, lambda _: True)
    run(calm, undisturbed)
    assert vault.asked[0] == undisturbed.asked[0]


def test_an_answer_that_is_not_counted_is_found(tmp_path: Path) -> None:
    lab = sealed_lab(tmp_path / "lab")
    propose_muon(lab)
    vault = TrueVault(lab, lambda _: True)
    real = vault.ask
    vault.ask = lambda number, pairs: real(number, pairs).model_copy(update={"query": 2})  # type: ignore[method-assign]
    with pytest.raises((Mismatch, UserError), match="question 1 to the vault is counted as 2"):
        run(lab, vault)


def test_without_a_mechanism_certificates_are_advisory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Confinement("none", str(tmp_path / "lab" / "vault"), "bubblewrap: bwrap is not installed")
    monkeypatch.setattr("assay.campaign.lab.find_confinement", lambda _: nothing)
    monkeypatch.setattr(module, "_evaluate", lambda _: True)
    lab = sealed_lab(tmp_path / "lab")
    propose_muon(lab)
    run(lab, SealedVault(lab))
    [entry, *_] = of_kind(lab, "vault")
    assert entry["advisory"]
    certificate = lab.campaign(check=True).generations[1].certificate
    assert certificate is not None
    assert (certificate.vault, certificate.vault_reason) == ("advisory", "bubblewrap: bwrap is not installed")
    assert vault_facts(lab)["mechanism"] == "advisory"
    assert of_kind(lab, "lab")[0]["vault"]["mechanism"] == "advisory"


def test_a_lab_without_sealed_documents_is_advisory(lab: Callable[..., Lab]) -> None:
    made = lab(evidence=EVIDENCE | {"placebo_rate": 0.0}, execution={"in_flight": 2})
    propose_muon(made)
    vault = TrueVault(made, lambda _: False)
    run(made, vault)
    assert vault.asked == []
    certificate = made.campaign(check=True).generations[1].certificate
    assert certificate is not None
    assert certificate.vault == "advisory"
    assert "no sealed documents" in certificate.vault_reason
    assert made.confinement == UNCONFINED
    assert vault_facts(made)["rotate"] == "there is no vault"
    with pytest.raises(UserError, match="has no vault"):
        rotate(made)


def test_researchers_learn_the_bit_and_nothing_else(tmp_path: Path) -> None:
    lab = sealed_lab(tmp_path / "lab")
    propose_muon(lab)
    run(lab, TrueVault(lab, lambda _: True))
    view = view_of(lab.campaign(), lab.corpus())
    [trial, *_] = [trial for trial in view.trials if trial.verdict and trial.verdict.vault]
    assert trial.verdict is not None
    assert trial.verdict.vault is not None
    assert trial.verdict.vault.passed
    told = view.model_dump_json()
    for path in lab.vault_dir.iterdir():
        for line in path.read_text(encoding="utf-8").splitlines():
            assert len(line) < 40 or line not in told
    for line in (lab.vault_dir / "documents.jsonl").read_text(encoding="utf-8").splitlines():
        assert json.loads(line)["hash"] not in told


def test_a_lab_whose_vault_is_gone_or_another_is_refused(tmp_path: Path) -> None:
    lab = sealed_lab(tmp_path / "lab")
    (lab.vault_dir / "vault.json").rename(tmp_path / "kept")
    with pytest.raises(UserError, match="sealed documents are missing"):
        lab.check()


def test_rotation_goes_from_part_to_part_and_says_when_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "DOCUMENTS_A_PART", 5)
    lab = sealed_lab(tmp_path / "lab")
    parts = len(open_sealed(lab.vault_dir).parts)
    assert parts > 1
    for place in range(1, parts):
        assert rotate(lab) == {"part": place, "parts": parts}
        assert vault_facts(lab)["part"] == place
        assert vault_facts(lab)["queries"] == 0
    with pytest.raises(UserError, match="make a new lab with fresh text"):
        rotate(lab)
    lab.campaign(check=True)
    assert equal_documents(open_sealed(lab.vault_dir), 0, {"prose": 1.0}) > 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no way to confine is known beyond Linux")
def test_a_real_campaign_is_confirmed_by_its_vault(tmp_path: Path) -> None:
    lab = sealed_lab(tmp_path / "lab")
    lab.store.post("propose", proposal(BETTER))
    Controller(lab, Budget.read("80runs"), Silent()).run()
    campaign = lab.campaign(check=True)
    asked = of_kind(lab, "vault")
    assert asked
    assert asked[0]["passed"]
    certificate = campaign.generations[1].certificate
    assert certificate is not None
    assert certificate.vault == ("advisory" if lab.confinement.way == "none" else "confirmed")
    facts = vault_facts(lab)
    assert facts["spread_percent"] > 0
    assert facts["queries"] == len(asked)
    assert facts["not_in_ledger"] == 0
    freed = collect(lab, dry_run=False)
    assert freed["runs"] > 0
    assert read_queries(lab.vault_dir)


# What an external trainer says of itself


def test_what_a_trainer_says_of_itself_is_marked(lab: Callable[..., Lab]) -> None:
    made = lab(evidence=EVIDENCE | {"placebo_rate": 0.0}, execution={"in_flight": 2})
    propose_muon(made)
    made.store.post("propose", proposal({"schedule.name": "linear"}))

    def told(order: RunOrder) -> Outcome:
        outcome = simulated(order)
        bad = order.run.recipe.schedule.name == "linear" and outcome.half_loss
        half = 2 * outcome.half_loss if bad and outcome.half_loss else outcome.half_loss
        return outcome.model_copy(update={"half_loss": half, "self_reported": ("half_loss",)})

    Controller(made, Budget.read("150runs"), Silent(), executor=SimulatedExecutor(told, workers=2)).run()
    campaign = made.campaign(check=True)
    certificate = campaign.generations[1].certificate
    assert certificate is not None
    assert certificate.self_reported == ("half_loss",)
    screened = next(v for v in campaign.verdicts.values() if "half-way its training loss" in v.reasons[0])
    assert screened.reasons[1] == "half-way losses are the external trainer's own account"
    assert in_words("result", of_kind(made, "result")[0]).endswith("(half_loss by the trainer's own account)")
