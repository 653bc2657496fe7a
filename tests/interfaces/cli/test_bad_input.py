"""Bad input gets one clear sentence that names the place, exit code 2, and nothing is lost or left behind."""

import gzip
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assay.campaign.lock import controlling
from assay.store import store
from tests.servers.messages_api import KEY, MessagesServer

from .helpers import Done, assay, content, edit, ledger, process, query

Configure = Callable[..., Path]


def refused(done: Done, *expected: str) -> str:
    """The one sentence on stderr, after lines of progress."""
    assert done.code == 2, (done.out, done.err)
    assert "Traceback" not in done.err
    lines = done.err.splitlines()
    if lines[-1].startswith("Try `assay --help`"):
        lines.pop()
    assert [line for line in lines if line.startswith("assay: ")] == lines[-1:], done.err
    assert done.out == ""
    for part in expected:
        assert part in lines[-1], lines[-1]
    return lines[-1]


def unchanged(lab: Path, *words: Any, expected: tuple[str, ...], cwd: Path | None = None) -> str:
    """A command is refused and leaves the lab as it was."""
    before = content(lab)
    sentence = refused(assay(*words, cwd=cwd), *expected)
    assert content(lab) == before
    return sentence


# Commands, options, folders


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["rnu"], 'Unknown command "rnu"'),
        (["run", "LAB", "--bugdet", "5m"], "Unknown option: --bugdet. Did you mean --budget?"),
        (["run", "LAB", "--budget"], "--budget requires an argument"),
        (["train", "LAB", "--seed", "three"], "Invalid value for --seed: expected a whole number, not 'three'"),
        (["run", "LAB", "--budget", "2runs", "more"], "more"),
        (["init"], "requires an argument"),
        (["ledger", "mend", "LAB"], "mend"),
        (["log", "LAB", "--last", "-3"], "--last -3: give how many entries to show, or 0 for all"),
        (["train", "LAB", "--seed", "-1"], "--seed -1: give a whole number from 0"),
        (["train", "LAB", "--seed", str(2**63)], "give a whole number from 0 to 9223372036854775807"),
        (["train", "LAB", "--scale", "huge"], "no scale is called 'huge'; the ladder has: one, two, three"),
        (["compare", "LAB", "start", "champion", "--scale", "huge"], "no scale is called 'huge'"),
        (["compare", "LAB", "start", "champion", "--pairs", "1"], "--pairs 1: at least 2 are needed"),
        (["compare", "LAB", "start", "champion"], "there is nothing to compare"),
        (["compare", "LAB", "start"], "only LAB and start given; expected: assay compare [LAB] OLD NEW"),
        (["compare", "LAB", "a", "b", "c"], "too much given (LAB a b c); expected: assay compare [LAB] OLD NEW"),
        (["cancel"], "nothing given; expected: assay cancel [LAB] ID"),
        (["cancel", "LAB"], "only LAB given; expected: assay cancel [LAB] ID"),
        (["cancel", "LAB", "5"], "no proposal 5; `assay status` lists those under test by number"),
        (["cancel", "LAB", "five"], "no proposal five"),
        (["recipe", "show", "LAB", "best"], "no recipe is called 'best'; name a TOML file, a recipe's hash, 'start'"),
        (["recipe", "show", "LAB", "4"], "no recipe is called '4'"),
        (["recipe", "show", "LAB", "gen1"], "no recipe is called 'gen1'"),
        (["recipe", "show", "LAB"], "only LAB given; expected: assay recipe show [LAB] RECIPE"),
        (["recipe", "diff", "LAB", "nowhere.toml", "start"], "nowhere.toml: no such file"),
        (["recipe", "diff", "start"], "two recipes are expected: assay recipe diff [LAB] OLD NEW"),
        (["propose", "LAB"], "only LAB given; expected: assay propose [LAB] FILE"),
        (["propose", "LAB", "nowhere.toml"], "nowhere.toml: no such file"),
    ],
)
def test_words_that_do_not_fit(lab: Path, tmp_path: Path, words: list[str], expected: str) -> None:
    shown = str(lab)
    unchanged(lab, *[shown if word == "LAB" else word for word in words], cwd=tmp_path, expected=(
        expected.replace("LAB ", f"{shown} ").replace(f"[{shown} ", "[LAB ") if "given" in expected else expected,
    ))  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--budget", "2runs"], ["plan"], ["status"], ["log"], ["report"], ["train"], ["gc"],
        ["ledger", "verify"],
    ],
)  # fmt: skip
def test_no_lab(tmp_path: Path, words: list[str]) -> None:
    nowhere = "is not a lab: it has no lab.toml; `assay init nowhere` makes one"
    name = words[:2] if words[0] == "ledger" else words[:1]
    refused(assay(*name, "nowhere", *words[len(name) :], cwd=tmp_path), "nowhere", nowhere)
    refused(
        assay(*words, cwd=tmp_path), "no lab here: name its folder, go into it, or make one with `assay init mylab`"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_lab_without_its_store_or_its_corpus(lab: Path) -> None:
    for path in lab.glob("lab.db*"):
        path.unlink()
    for words in (["status", lab], ["log", lab], ["run", lab, "--budget", "2runs"]):
        refused(assay(*words), "lab.db: no such file")
    assert not (lab / "lab.db").exists()


def test_a_lab_whose_corpus_is_gone(lab: Path) -> None:
    [corpus] = (lab / "corpora").iterdir()
    corpus.rename(lab / "elsewhere")
    unchanged(lab, "run", lab, "--budget", "2runs", expected=("no corpus here", "manifest.json is missing"))


# Budgets


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("soon", "budget 'soon' is not understood: write 20m, 2h, 40runs, 1e15flop or 5usd"),
        ("", "budget '' is not understood"),
        ("-5m", "is not understood"),
        ("1e400s", "is not understood"),
        ("3weeks", "budget '3weeks' has an unknown unit 'weeks'"),
        ("2.5runs", "runs come in whole numbers"),
        ("20m,2h", "limits seconds twice"),
        ("1run", "a budget of 1 run is too small for one pair; give at least 2runs"),
        ("1000flop", "a budget of 1e+03 FLOPs is too small for one pair, which takes"),
        ("0.0001s", "a budget of 0.0001 s is too small for one pair, which takes about 0.0"),
        ("40runs,1000flop", "a budget of 1e+03 FLOPs is too small for one pair"),
        ("5usd", "a budget in USD alone is no limit here, where nothing costs money"),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_budgets(lab: Path, command: str, budget: str, expected: str) -> None:
    unchanged(lab, command, lab, f"--budget={budget}", expected=(expected,))


def test_the_budget_that_a_refusal_advises_is_enough(lab: Path) -> None:
    sentence = unchanged(lab, "plan", lab, "--budget", "1000flop", expected=("give at least",))
    assert assay("plan", lab, "--budget", sentence.rpartition("give at least ")[2]).code == 0


def test_money_too_small_for_one_pair(configure: Configure) -> None:
    lab = configure(costs__usd_per_core_hour=1e6)
    unchanged(lab, "run", lab, "--budget", "0.001usd", expected=("0.001 USD is too small for one pair, which costs",))


def test_no_budget_at_all(lab: Path) -> None:
    unchanged(lab, "run", lab, expected=("say how much may be spent, for example --budget 20m or --budget 40runs",))


# lab.toml


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"sed": 1}, "unknown key 'sed'; remove it or correct its spelling"),
        ({"limits__parametres": 1}, "unknown key 'limits.parametres'"),
        ({"evidence__fdr": "5%"}, "key 'evidence.fdr' should be a number, but is '5%'"),
        ({"execution__workers": 1.5}, "key 'execution.workers' should be a whole number, but is 1.5"),
        ({"researchers__use": ["known", "oracle"]}, "no researcher is called 'oracle'; known are: known, tpe"),
        ({"start__data__mixture": {}}, "key 'start.data.mixture': the mixture is empty"),
        ({"start__data__mixture": {"prose": -1.0}}, "the weight of 'prose' is negative (-1.0)"),
        ({"start__data__mixture": {"prose": 0.0, "verse": 0}}, "all weights are zero"),
        ({"start__optimiser__name": "sgd"}, "no optimiser is called 'sgd'; known are: adamw, muon"),
        ({"corpus__score_weights": {"prose": 0.0}}, "key 'corpus.score_weights'"),
        ({"search": {"data.batches": [1]}}, "[search]: unknown key 'data.batches'"),
        ({"ladder": []}, "key 'ladder' should have at least 2 entries"),
    ],
)
def test_lab_toml(configure: Configure, keys: dict[str, Any], expected: str) -> None:
    lab = configure(**keys)
    for words in (["run", lab, "--budget", "2runs"], ["status", lab], ["plan", lab], ["train", lab]):
        unchanged(lab, *words, expected=(f"{lab / 'lab.toml'}", expected))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"start__data__mixture": {"prosa": 1.0}}, "start.data.mixture names 'prosa', but the corpus has only: prose"),
        ({"corpus__score_weights": {"prosa": 1.0}}, "corpus.score_weights names 'prosa'"),
        ({"start__model__head_dim": 24}, "width 32 is not a positive multiple of model.head_dim 24"),
        ({"start__model__query_heads_per_kv": 2}, "model.query_heads_per_kv 2 must divide 1"),
        ({"start__data__batch": 2**20}, "less than the"),
        ({"corpus__id": "0" * 16}, "no corpus here"),
    ],
)  # fmt: skip
def test_lab_toml_that_does_not_fit_its_corpus_or_ladder(
    configure: Configure, keys: dict[str, Any], expected: str
) -> None:
    lab = configure(**keys)
    for words in (["run", lab, "--budget", "2runs"], ["plan", lab], ["train", lab]):
        unchanged(lab, *words, expected=(expected,))


def test_lab_toml_that_is_no_toml(lab: Path) -> None:
    (lab / "lab.toml").write_bytes(b"name = 'a lab'\nseed 7\n")
    unchanged(lab, "status", lab, expected=("lab.toml: not valid TOML", "line 2"))
    (lab / "lab.toml").write_bytes(b"name = 'gr\xf6\xdfer'\n")
    unchanged(lab, "status", lab, expected=("lab.toml: not UTF-8 text (byte 10)",))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [({"seed": 8}, "[seed] has changed"), ({"start__optimiser__lr": 0.001}, "[start] has changed")],
)
def test_what_is_fixed_once_a_campaign_has_begun(used_lab: Path, keys: dict[str, Any], expected: str) -> None:
    def change(data: dict[str, Any]) -> None:
        for key, value in keys.items():
            table, _, leaf = key.rpartition("__")
            for part in table.split("__") if table else []:
                data = data[part]
            data[leaf] = value

    edit(used_lab / "lab.toml", change)
    unchanged(used_lab, "run", used_lab, "--budget", "2runs", expected=(expected, "make a new lab with `assay init`"))


# Proposals and recipes

IDEA = """
hypothesis = "It helps."
author = "human:ada"
[change.optimiser]
lr = 0.004
[predicted]
effect = 1.0
low = 0.0
high = 2.0
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("hypothesis =", "hypotesis =", "unknown key 'hypotesis'"),
        ('hypothesis = "It helps."', "", "key 'hypothesis' is missing; it is required"),
        ("effect = 1.0", 'effect = "large"', "key 'predicted.effect' should be a number, but is 'large'"),
        ("effect = 1.0", "effect = 5.0", "low <= effect <= high is expected, not 0.0, 5.0, 2.0"),
        ("lr = 0.004", "rate = 0.004", "unknown key 'optimiser.rate'"),
        ("lr = 0.004", 'lr = "high"', "key 'optimiser.lr' should be a number, but is 'high'"),
        ("lr = 0.004", "lr = 5.0", "'optimiser.lr' = 5.0 is outside [0.0001, 0.02]"),
        ("lr = 0.004", "eps = 1e-9", "'optimiser.eps' = 1e-09 is not one of"),
        ("lr = 0.004", "lr = 3e-4", "the change changes nothing"),
        ("lr = 0.004", "muon_lr = 0.05", "the change has no effect: 'optimiser.muon_lr' acts only where"),
        ("[change.optimiser]\nlr = 0.004", "[change]", "key 'change' should have at least one entry"),
        ("[change.optimiser]\nlr = 0.004", "[change.data.mixture]", "the mixture is empty"),
        ("[change.optimiser]\nlr = 0.004", "[change.data.mixture]\nprose = -1.0", "the weight of 'prose' is negative"),
        ("[change.optimiser]\nlr = 0.004", "[change.data.mixture]\nprose = 0.0\nverse = 0.0", "all weights are zero"),
        ("[change.optimiser]\nlr = 0.004", "[change.data.mixture]\nprosa = 1.0", "line 5: data.mixture names 'prosa'"),
        ("[change.optimiser]\nlr = 0.004", "[change.model]\nquery_heads_per_kv = 2", "must divide 1"),
        ("human:ada", "strategy:tpe", "key 'author' should be 'human:NAME' or 'agent:NAME', but is 'strategy:tpe'"),
        ("[predicted]", "[predicted", "not valid TOML"),
    ],
)  # fmt: skip
def test_proposals(lab: Path, tmp_path: Path, old: str, new: str, expected: str) -> None:
    file = tmp_path / "idea.toml"
    assert old in IDEA
    file.write_text(IDEA.replace(old, new))
    unchanged(lab, "propose", lab, file, expected=(f"{file}", expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[model]\nhead_dim = 24", "width 32 is not a positive multiple of model.head_dim 24"),
        ("[data]\nmixture = { prosa = 1.0 }", "data.mixture names 'prosa', but the corpus has only: prose"),
        ("[data]\nmixture = {}", "the mixture is empty"),
        ("[data]\nbatch = 16000000", "make data.batch smaller"),
        ("[optimizer]\nlr = 0.1", "unknown key 'optimizer'"),
        ("[optimiser]\nlr = -1", "key 'optimiser.lr' should be greater than 0, but is -1"),
        ("[model]\nwidth_ratio = 1e300", "key 'model.width_ratio' should be less than or equal to 1000"),
    ],
)
def test_recipes(lab: Path, tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(text)
    unchanged(lab, "train", lab, "--recipe", file, expected=(str(file), expected))
    unchanged(lab, "compare", lab, "start", file, expected=(str(file), expected))
    words = ["--recipe", file, "--ladder", "tiny", "--corpus", "prose=nowhere"]
    refused(assay("init", tmp_path / "new", *words), str(file), expected)  # before any text is looked for
    assert not (tmp_path / "new").exists()


# init


@pytest.fixture
def good(material: Path) -> str:
    return f"prose={material / 'prose'}"


def not_made(tmp_path: Path, *words: str | Path, expected: tuple[str, ...]) -> None:
    before = sorted(tmp_path.rglob("*"))
    refused(assay("init", tmp_path / "new", *words, cwd=tmp_path), *expected)
    assert sorted(tmp_path.rglob("*")) == before


def test_init_on_what_is_there(lab: Path, tmp_path: Path, good: str) -> None:
    unchanged(lab, "init", lab, "--corpus", good, expected=("is a lab already", f"go on with `assay run {lab}`"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    unchanged(tmp_path / "full", "init", tmp_path / "full", expected=("exists and is not empty; choose a new folder",))
    unchanged(tmp_path / "full", "init", tmp_path / "full" / "note.txt", expected=("exists and is not empty",))


def test_a_failed_init_leaves_an_empty_folder_empty(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    not_made(tmp_path, "--corpus", f"prose={tmp_path / 'nowhere'}", expected=("no such file or folder",))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--seed", "-1"], "--seed -1: give a whole number from 0 to 2147483647"),
        (["--seed", "2147483648"], "--seed 2147483648: give a whole number"),
        (["--tokenizer", "words"], "tokenizer 'words' is not known: write 'bytes', 'bpe:N'"),
        (["--ladder", "steep"], "no ladder is called 'steep', nor is there such a file; ready-made are: cpu, tiny"),
        (["--recipe", "nowhere.toml"], "nowhere.toml: no such file"),
        (["--recipe", "best"], "no recipe is called 'best'; name a TOML file, or one of: nanogpt, reference"),
        (["--corpus", "books"], "--corpus books: expected NAME=PATH, for example --corpus prose=./books"),
        (["--corpus", "=books"], "expected NAME=PATH"),
        (["--corpus", "Prose=books"], "a name should be lower-case letters"),
        (["--corpus", "verse=GOOD", "--corpus", "verse=GOOD"], "'verse' is given twice"),
    ],
)
def test_init_words(tmp_path: Path, good: str, words: list[str], expected: str) -> None:
    words = [word.replace("GOOD", good.removeprefix("prose=")) for word in words]
    extra = [] if "--corpus" in words and "verse=" not in words[1] else ["--corpus", good]
    not_made(tmp_path, *words, *extra, expected=(expected,))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "key 'ladder' is missing"),
        ("[[ladder]]\nname = 'a'\nwidth = 32\ndepth = 1\nflops = 1e9", "key 'ladder' should have at least 2 entries"),
        ("[[ladder]]\nname = 'a'\nwidth = 32\ndepth = 1\nflop = 1e9", "unknown key 'ladder.0.flop'"),
        ("\n".join(f"[[ladder]]\nname = '{n}'\nwidth = 32\ndepth = 1\nflops = 1e9" for n in "ab"), "should rise"),
        ("\n".join(f"[[ladder]]\nname = '{n}'\nwidth = 31\ndepth = 1\nflops = {n}e9" for n in "12"), "width 31 is not"),
        ("\n".join(f"[[ladder]]\nname = '{n}'\nwidth = 32\ndepth = 1\nflops = {n}" for n in "12"), "allows 1 FLOPs"),
    ],
)  # fmt: skip
def test_init_ladder_files(tmp_path: Path, good: str, text: str, expected: str) -> None:
    (tmp_path / "ladder.toml").write_text(text)
    not_made(tmp_path, "--corpus", good, "--ladder", "ladder.toml", expected=(expected,))


def test_init_with_a_recipe_of_other_domains(tmp_path: Path, good: str) -> None:
    (tmp_path / "recipe.toml").write_text("[data]\nmixture = { verse = 1.0 }")
    expected = "recipe.toml, line 2: data.mixture names 'verse', but the corpus has only: prose"
    not_made(tmp_path, "--corpus", good, "--recipe", "recipe.toml", expected=(expected,))


GOOD_LINE = b'{"text": "a text"}\n'


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("nowhere", None, "nowhere: no such file or folder; expected a folder, .txt, .md, .html, source code, .jsonl"),
        ("a.txt", b"", "a.txt: the file is empty"),
        ("a.txt", b" \n \n", "a.txt: nothing to take for domain 'verse'"),
        ("a.txt", b"words\0words", "a.txt: a binary file (byte 5 is zero); convert it to UTF-8 text or leave it out"),
        ("a.txt", "gr\xf6\xdfer".encode("latin-1"), "a.txt: not UTF-8 text (byte 2); convert it to UTF-8"),
        ("a.docx", b"PK", "unknown extension '.docx'"),
        ("a.jsonl", GOOD_LINE + b'{"text": "b"\n', "a.jsonl, line 2: broken JSON"),
        ("a.jsonl", GOOD_LINE + b"\n" + b'{"body": "b"}\n', "a.jsonl, line 3: the record has no field 'text'"),
        ("a.jsonl", GOOD_LINE + b'{"text": " "}\n', "a.jsonl, line 2: the record has \" \" as its 'text'"),
        ("a.jsonl.gz", gzip.compress(GOOD_LINE * 99, mtime=0)[:-9], "damaged or cut short"),
        ("a.parquet", b"no parquet", "not a readable Parquet file"),
        ("folder/", None, "no text in it, so domain 'verse' would be empty"),
        ("a.txt", b"too few words\n\nto train on\n", "domain 'verse' has"),
    ],
)  # fmt: skip
def test_init_corpus_paths(tmp_path: Path, good: str, name: str, data: bytes | None, expected: str) -> None:
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    elif data is not None:
        path.write_bytes(data)
    not_made(tmp_path, "--corpus", good, "--corpus", f"verse={path}", "--ladder", "tiny", expected=(expected,))


def test_init_with_a_corpus_too_small_for_the_ladder(tmp_path: Path, good: str) -> None:
    expected = ("the corpus is too small for the ladder: its largest scale trains on", "or take a smaller ladder")
    not_made(tmp_path, "--corpus", good, expected=expected[:1])


# Claude


def test_no_key_for_claude(configure: Configure) -> None:
    lab = configure(researchers__use=["known", "claude"])
    expected = (
        "researcher 'claude' cannot answer: there is no key for Claude: set ANTHROPIC_API_KEY",
        "fallback = true",
    )
    sentence = unchanged(lab, "run", lab, "--budget", "4runs", expected=expected)
    assert sentence.count("fallback") == 1


def test_wrong_key_for_claude(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-wrong-0123456789")
    with MessagesServer() as server:
        lab = configure(researchers__use=["claude"], researchers__claude__base_url=server.url)
        before = ledger(lab)
        done = assay("run", lab, "--budget", "4runs")
    assert server.keys == ["sk-wrong-0123456789"]
    assert done.code == 2
    [sentence] = done.err.splitlines()
    assert "the server refuses the key (401)" in sentence
    assert "put a valid key into ANTHROPIC_API_KEY" in sentence
    assert sentence.count("fallback = true") == 1
    assert "sk-wrong" not in done.out + done.err
    after = ledger(lab)
    assert after[: len(before)] == before
    assert {kind for kind, _ in after[len(before) :]} <= {"session", "note", "end"}
    for path in (p for p in lab.rglob("*") if p.is_file()):
        assert b"sk-wrong" not in path.read_bytes(), path
    assert assay("ledger", "verify", lab).code == 0


@pytest.mark.slow
def test_a_lab_that_says_so_goes_on_without_claude(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-wrong-0123456789")
    with MessagesServer() as server:
        lab = configure(
            researchers__use=["claude"], researchers__claude__base_url=server.url, researchers__claude__fallback=True
        )
        done = assay("run", lab, "--budget", "2runs")
    assert done.code == 0, done.err
    assert "going on with known, tpe" in done.out
    assert KEY not in done.out
    authors = [body["registered"]["proposal"]["author"] for kind, body in ledger(lab) if kind == "proposal"]
    assert authors
    assert set(authors) == {"strategy:known"}


# The store


def test_a_locked_store(lab: Path, material: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.05)
    expected = (f"{lab / 'lab.db'} is locked by another program; close it and try again",)
    with closing(sqlite3.connect(lab / "lab.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for words in (["propose", lab, material / "idea.toml"], ["run", lab, "--budget", "2runs"], ["train", lab]):
            unchanged(lab, *words, expected=expected)
        assert assay("status", lab).code == 0  # reading waits for nobody


def test_a_store_with_a_newer_schema(lab: Path) -> None:
    query(lab, "UPDATE alembic_version SET version_num = '9999'")
    for words in (["status", lab], ["run", lab, "--budget", "2runs"], ["ledger", "verify", lab]):
        unchanged(lab, *words, expected=("lab.db has schema 9999, newer than", "install the newer assay"))


def test_a_store_that_is_none(lab: Path) -> None:
    for path in lab.glob("lab.db-*"):
        path.unlink()
    (lab / "lab.db").write_bytes(b"not a database at all, but words" * 100)
    for words in (["status", lab], ["run", lab, "--budget", "2runs"]):
        unchanged(lab, *words, expected=("lab.db is damaged or not a database", "restore it from a copy"))
    (lab / "lab.db").write_bytes(b"")
    unchanged(lab, "status", lab, expected=("lab.db is empty, or no store of assay; restore it from a copy",))


def test_a_changed_ledger(used_lab: Path) -> None:
    query(used_lab, "UPDATE ledger SET body = replace(body, '\"finished\"', '\"diverged\"') WHERE kind = 'result'")
    seq = query(used_lab, "SELECT min(seq) FROM ledger WHERE body LIKE '%\"diverged\"%'")[0][0]
    for words in (["run", used_lab, "--budget", "2runs"], ["plan", used_lab], ["train", used_lab]):
        unchanged(used_lab, *words, expected=(f"entry {seq} of the ledger was changed", "restore the file from a copy"))
    before = content(used_lab)
    done = assay("ledger", "verify", used_lab)
    assert (done.code, done.out) == (1, f"BAD: entry {seq}: its content does not match its hash.\n")
    assert assay("ledger", "verify", used_lab, "--json").json["bad_entry"] == seq
    assert content(used_lab) == before


def test_an_unreadable_ledger(used_lab: Path) -> None:
    query(used_lab, "UPDATE ledger SET body = CAST(x'7bff' AS TEXT) WHERE seq = 3")
    for words in (["status", used_lab], ["log", used_lab], ["report", used_lab, "--json"]):
        unchanged(used_lab, *words, expected=("entry 3 of the ledger is damaged: `assay ledger verify`",))
    assert assay("ledger", "verify", used_lab).out.startswith("BAD: entry 3: ")


def test_a_second_controller(lab: Path) -> None:
    with controlling(lab, "assay run"):
        for words in (["run", lab, "--budget", "2runs"], ["gc", lab]):
            unchanged(lab, *words, expected=(f"is controlled by `assay run` (process {os.getpid()} of ", "wait for it"))
        status = assay("status", lab).out
    assert f"(process {os.getpid()})" in status
    assert "not running" in assay("status", lab).out


def test_a_user_without_a_name(used_lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers often run under a number that the system has no name for."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nobody)
    number = next(body["registered"]["number"] for kind, body in ledger(used_lab) if kind == "proposal")
    open_ones = [test["number"] for test in assay("status", used_lab, "--json").json["under_test"]]
    done = assay("cancel", used_lab, str((open_ones or [number])[0]))
    assert "Traceback" not in done.err
    assert assay("gc", used_lab).code == 0


# In a process of its own


def test_the_real_thing_says_one_sentence_and_exits_with_2(lab: Path, tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["sed"] = 1

    edit(lab / "lab.toml", change)
    before = content(lab)
    refused(process("run", lab, "--budget", "2runs"), f"{lab / 'lab.toml'}, line ", "unknown key 'sed'")
    refused(process("run", "--budget", "soon", cwd=lab), "budget 'soon' is not understood")
    refused(process("nonsense", cwd=tmp_path), 'Unknown command "nonsense"')
    assert content(lab) == before


def test_a_reader_that_goes_away_is_no_error(used: Path) -> None:
    import subprocess

    from .helpers import COMMAND

    done = subprocess.Popen([*COMMAND, "log", str(used), "--last", "0", "--json"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert done.stdout is not None
    assert done.stderr is not None
    done.stdout.close()
    errors = done.stderr.read()
    done.stderr.close()
    assert done.wait(60) == 0
    assert errors == ""


def test_ctrl_c_pauses(lab: Path) -> None:
    """Not before a run has begun, and then cleanly."""
    import signal
    import subprocess

    from .helpers import COMMAND

    running = subprocess.Popen([*COMMAND, "run", str(lab), "--budget", "40runs"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    timer = threading.Timer(60, running.kill)
    timer.start()
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith("run "):
            break
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    timer.cancel()
    assert running.returncode == 130
    assert errors.strip() == "Paused. Without --budget, `assay run` goes on with what was left of it."
    assert assay("ledger", "verify", lab).code == 0
    status = assay("status", lab, "--json").json
    assert status["interrupted"]
    assert "running" not in status["runs"]
