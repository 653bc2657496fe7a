"""Programs of other people's kind take part in campaigns: the shipped examples, from `assay init` to verdicts."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from assay.campaign.lab import Lab
from assay.spec.run import Outcome, RunOrder
from tests.campaign.helpers import assay, make_lab, of_kind, proposal, simulate, simulated, write_text
from tests.training.tiny import write_corpus

EXAMPLES = Path(__file__).parents[2] / "examples" / "trainers"
LADDER = "".join(
    f'[[ladder]]\nname = "{name}"\nwidth = 32\ndepth = 1\nflops = {flops}\n\n'
    for name, flops in (("small", 2e9), ("medium", 4e9), ("large", 8e9))
)


def campaign(tmp_path: Path, name: str, budget: str) -> Lab:
    """A lab around an example, after a little campaign."""
    write_text(tmp_path / "text")
    (tmp_path / "ladder.toml").write_text(LADDER)
    shutil.copytree(EXAMPLES / name, tmp_path / name)
    lab = tmp_path / "lab"
    corpora = [word for domain in ("prose", "verse") for word in ("--corpus", f"{domain}={tmp_path / 'text' / domain}")]
    made = assay(
        "init", lab, "--ladder", tmp_path / "ladder.toml", "--trainer", tmp_path / name / "trainer.toml", *corpora
    )
    assert made.returncode == 0, made.stderr
    done = assay("run", lab, "--budget", budget)
    assert done.returncode == 0, done.stdout + done.stderr
    return Lab(lab)


def check(lab: Lab, name: str) -> None:
    """Every run finished with scores of both domains that the trainer itself reported, and a proposal was judged."""
    outcomes = [body["outcome"] for body in of_kind(lab, "result")]
    finished = [outcome for outcome in outcomes if outcome["status"] == "finished"]
    assert len(finished) >= 4
    assert {outcome["status"] for outcome in outcomes} <= {"finished", "paused"}
    for outcome in finished:
        assert set(outcome["domains"]) == {"prose", "verse"}
        assert {"score", "half_loss"} <= set(outcome["self_reported"])
    assert len({outcome["score"] for outcome in finished}) == len(finished)  # seeds and changes reach the program
    assert lab.trainer().startswith(name)
    assert of_kind(lab, "proposal")


def test_a_program_without_pytorch(tmp_path: Path) -> None:
    lab = campaign(tmp_path, "numpy_mlp", "6runs")
    check(lab, "numpy-mlp-1 ")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["single_file", "launcher"])
def test_other_examples(tmp_path: Path, name: str) -> None:
    check(campaign(tmp_path, name, "6runs"), name.replace("_", "-"))


#: In nanoGPT's place: a model to which every token is equally likely.
UNIFORM = """
import torch
class GPTConfig:
    def __init__(self, **sizes): self.__dict__ |= sizes
class GPT(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
    def forward(self, tokens, targets): return torch.zeros(*tokens.shape, self.config.vocab_size), None
"""


def test_nanogpts_files_and_scores(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    for folder in ("data", "nanoGPT"):
        (tmp_path / folder).mkdir()
    (tmp_path / "nanoGPT" / "model.py").write_text(UNIFORM)
    torch.save({"model_args": {"vocab_size": 257, "block_size": 16}, "model": {}}, tmp_path / "ckpt.pt")
    subprocess.run([sys.executable, EXAMPLES / "nanogpt" / "prepare.py", corpus, tmp_path / "data"], check=True)
    shards = sorted((corpus / "train").glob("*.bin"), reverse=True)  # docs before code, as the manifest has them
    assert (tmp_path / "data" / "train.bin").read_bytes() == b"".join(shard.read_bytes() for shard in shards)
    command = [sys.executable, EXAMPLES / "nanogpt" / "evaluate.py", "../ckpt.pt", corpus, corpus / "spans.jsonl"]
    printed = subprocess.run(command, cwd=tmp_path / "nanoGPT", check=True, capture_output=True, text=True).stdout
    assert json.loads(printed) == {domain: pytest.approx(math.log2(257)) for domain in ("docs", "code")}


def test_a_lab_that_searches_what_its_trainer_is_not_told(tmp_path: Path) -> None:
    write_text(tmp_path / "text")
    trainer = EXAMPLES / "numpy_mlp" / "trainer.toml"
    lab = tmp_path / "lab"
    made = assay("init", lab, "--ladder", "tiny", "--trainer", trainer, "--corpus", f"prose={tmp_path / 'text/prose'}")
    assert made.returncode == 0, made.stderr
    config = (lab / "lab.toml").read_text()
    (lab / "lab.toml").write_text(config.replace("[search]", '[search]\n"model.norm" = ["layernorm", "rmsnorm"]'))
    refused = assay("plan", lab, "--budget", "20runs")
    assert refused.returncode == 2
    assert "[search]: trainer 'numpy-mlp' is not told 'model.norm', so that a change of it would do" in refused.stderr
    (lab / "lab.toml").write_text(config)
    (tmp_path / "other.toml").write_text('[model]\nnorm = "rmsnorm"\n')
    refused = assay("train", lab, "--recipe", tmp_path / "other.toml")
    assert refused.returncode == 2
    assert "is not told 'model.norm', so that this recipe would train as the lab's start does" in refused.stderr


def test_no_sealed_text_for_a_program_that_scores_itself(tmp_path: Path) -> None:
    write_text(tmp_path / "text")
    for i in range(40):  # enough documents that some are sealed
        (tmp_path / "text" / "prose" / f"more-{i}.txt").write_text(f"{i} " * 400)
    lab = tmp_path / "lab"
    trainer = EXAMPLES / "numpy_mlp" / "trainer.toml"
    made = assay("init", lab, "--ladder", "tiny", "--trainer", trainer, "--corpus", f"prose={tmp_path / 'text/prose'}")
    assert made.returncode == 0, made.stderr
    opened = Lab(lab)
    assert opened.corpus().vault
    assert not opened.vault()
    facts = json.loads(assay("vault", "status", lab, "--json").stdout)
    assert "the trainer's own evaluation command" in facts["reason"]
    refused = assay("vault", "rotate", lab)
    assert refused.returncode == 2
    assert "the trainer's own evaluation command" in refused.stderr


@pytest.mark.slow
def test_a_dry_run_says_what_would_happen_and_what_went_wrong(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "numpy_mlp", tmp_path / "mine")
    path = tmp_path / "mine" / "trainer.toml"
    facts = json.loads(assay("trainer", "check", path, "--json").stdout)
    assert facts["status"] == "finished"
    assert [json.loads(line)["step"] for line in facts["metrics"]] == [1, 2]
    assert set(facts["domains"]) == {"prose", "code"}
    assert "optimiser.lr" in facts["searchable"]
    path.write_text(path.read_text().replace('"nats"', '"loss"'))
    done = assay("trainer", "check", path)
    assert done.returncode == 1
    assert "has no JSON object with 'n' and 'loss' and 'lr'; its last line is:" in done.stdout


def test_a_certificate_says_whose_scores_it_rests_on(tmp_path: Path, corpora: Path) -> None:
    lab = make_lab(tmp_path / "lab", corpora)
    lab.store.post("propose", proposal({"data.batch": 2}))

    def outcome(order: RunOrder) -> Outcome:
        found = simulated(order)
        better = 0.9 if order.run.recipe.data.batch == 2 else 1.0  # a clear gain
        score = None if found.score is None else better * found.score
        return found.model_copy(update={"self_reported": ("score",), "score": score})

    simulate(lab, "100runs", outcome)
    certificates = [g.certificate for g in lab.campaign().generations if g.certificate]
    assert certificates
    for certificate in certificates:
        assert (certificate.vault, certificate.self_reported) == ("advisory", ("score",))
        assert "the trainer's own evaluation command" in certificate.vault_reason
        assert certificate.verdict.reasons.count("scores come from the trainer's own evaluation command") == 1
