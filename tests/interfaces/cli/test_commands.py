"""Each command does what it says, in words and with --json, from anywhere in a lab."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest

import assay as library
from assay.spec.lab import LabConfig
from assay.spec.presets import PRESETS
from assay.spec.recipe import Recipe

from .helpers import assay, content, edit, ledger, query


def ok(*words: str | Path, cwd: Path | None = None) -> str:
    done = assay(*words, cwd=cwd)
    assert done.code == 0, (done.out, done.err)
    assert "Traceback" not in done.err
    return done.out


def both(*words: str | Path, cwd: Path | None = None) -> tuple[str, object]:
    """A command's words and its facts."""
    return ok(*words, cwd=cwd), json.loads(ok(*words, "--json", cwd=cwd))


# init


def test_init_writes_every_setting(fresh: Path) -> None:
    config = LabConfig.from_toml(fresh / "lab.toml")
    assert (config.name, config.seed) == ("fresh", 7)
    assert [scale.name for scale in config.ladder] == ["one", "two", "three"]
    assert (config.start.optimiser.lr, config.start.data.context) == (3e-4, 16)
    assert config.corpus.score_weights == {"prose": 1.0, "verse": 1.0}
    text = (fresh / "lab.toml").read_text(encoding="utf-8")
    assert text.startswith("# Settings of this lab.")
    for key in (
        "fdr = ",
        "screen_pairs = ",
        "budget_usd = ",
        "usd_per_core_hour = ",
        '"model.qk_norm" = ',
        "step_ms = ",
    ):
        assert key in text
    assert {path.name for path in fresh.iterdir()} >= {"lab.toml", "lab.db", "corpora"}
    assert [kind for kind, _ in ledger(fresh)] == ["lab"]


def test_init_says_what_it_made_and_what_comes_next(tmp_path: Path, material: Path) -> None:
    words = ["--corpus", f"prose={material / 'prose'}", "--ladder", material / "ladder.toml"]
    out = ok("init", "mylab", *words, cwd=tmp_path)
    assert "Made mylab with corpus" in out
    assert "prose" in out
    assert "kB held out" in out
    assert "Next: `assay plan mylab --budget 20m`" in out
    facts = json.loads(ok("init", "other", *words, "--json", cwd=tmp_path))
    assert facts["tokenizer"] == "bytes"
    assert set(facts["domains"]) == {"prose"}
    assert facts["domains"]["prose"]["heldout_bytes"] > 0
    manifests = [next((tmp_path / name / "corpora").iterdir()).name for name in ("mylab", "other")]
    assert manifests == [facts["corpus"]] * 2  # the same text is the same corpus


def test_init_into_an_empty_folder_and_with_bpe(tmp_path: Path, material: Path) -> None:
    (tmp_path / "new").mkdir()
    words = ["--corpus", f"prose={material / 'prose'}", "--ladder", material / "ladder.toml", "--tokenizer", "bpe:300"]
    assert json.loads(ok("init", tmp_path / "new", *words, "--json"))["tokenizer"] == "bpe:300"
    assert ok("plan", tmp_path / "new")


def test_init_passes_over_what_is_no_document_if_asked_to(tmp_path: Path, material: Path) -> None:
    prose = shutil.copytree(material / "prose", tmp_path / "prose")
    (prose / "broken.jsonl").write_text('{"text": "cut sh\\n')
    words = ["init", tmp_path / "lab", "--corpus", f"prose={prose}", "--ladder", material / "ladder.toml"]
    refused = assay(*words)
    assert refused.code == 2
    assert "broken.jsonl, line 1" in refused.err
    assert json.loads(ok(*words, "--skip-bad", "--json"))["bad"] == {"broken JSON": 1}


# reading commands


def test_plan(fresh: Path, used: Path) -> None:
    words, facts = both("plan", fresh, "--budget", "40runs")
    assert isinstance(facts, dict)
    assert facts["runs"] == 40
    assert [scale["name"] for scale in facts["scales"]] == ["one", "two", "three"]
    assert not facts["speed_measured"]
    assert "about 40 runs" in words
    assert "assumed until a run has been measured" in words
    assert "could see" in words
    assert json.loads(ok("plan", used, "--budget", "2h", "--json"))["speed_measured"]
    assert content(fresh) == content(fresh)


def test_a_larger_budget_buys_more(used: Path) -> None:
    facts = [json.loads(ok("plan", used, "--budget", budget, "--json")) for budget in ("10m", "2h")]
    for key in ("flops", "seconds", "runs", "proposals"):
        assert facts[0][key] < facts[1][key]


def test_status(fresh: Path, used: Path) -> None:
    words, facts = both("status", fresh)
    assert isinstance(facts, dict)
    assert "fresh: not running" in words
    assert "verdicts    none yet" in words
    assert facts["generation"] == 0
    assert facts["champion"] == LabConfig.from_toml(fresh / "lab.toml").start.hash
    words, facts = both("status", used)
    assert isinstance(facts, dict)
    finished = query(used, "SELECT count(*) FROM runs WHERE status = 'finished'")[0][0]
    assert facts["runs"]["finished"] == finished > 0
    assert f"{finished} finished" in words
    assert [(each["id"], each["change"]) for each in facts["queued"]] == [("q2", {"optimiser.lr": 0.005})]
    assert "q2 by human:ada: optimiser.lr = 0.005" in words
    assert facts["flops"] == pytest.approx(query(used, "SELECT sum(flops) FROM runs")[0][0])
    assert facts["ledger_entries"] == len(ledger(used))
    for test in facts["under_test"]:
        assert f"#{test['number']} by {test['author']}" in words
    assert "{" not in words


def test_log(used: Path) -> None:
    entries = ledger(used)
    words, facts = both("log", used, "--last", "0")
    assert isinstance(facts, list)
    assert [entry["kind"] for entry in facts] == [kind for kind, _ in entries]
    assert list(facts[0]) == ["hash", "seq", "time", "kind", "body"]
    assert [entry["hash"] for entry in facts] == [row[0] for row in query(used, "SELECT hash FROM ledger ORDER BY seq")]
    lines = words.splitlines()
    assert len(lines) == len(entries)
    assert "lab made with corpus" in lines[0]
    assert "session begun with assay run, budget 8 runs" in words
    assert "proposed by human:ada: optimiser.lr = 0.004" in words
    assert "bits per byte" in words
    assert ok("log", used, "-n", "3").splitlines() == lines[-3:]
    assert "{" not in words


def test_report(used_lab: Path, tmp_path: Path) -> None:
    facts = json.loads(ok("report", used_lab, "--json"))
    assert facts["lab"]["name"] == "fresh"
    assert facts["ledger"]["intact"]
    assert not (used_lab / "report.html").exists()
    out = ok("report", used_lab)
    assert out == f"Wrote {used_lab / 'report.html'}\n"
    page = (used_lab / "report.html").read_text(encoding="utf-8")
    for row in facts["run_list"]:
        assert row["hash"] in page
    ok("report", used_lab, "--output", tmp_path / "elsewhere.html")
    assert (tmp_path / "elsewhere.html").stat().st_size > 1000


def test_ledger_verify(used: Path) -> None:
    words, facts = both("ledger", "verify", used)
    assert isinstance(facts, dict)
    assert facts["intact"]
    assert facts["bad_entry"] is None
    assert facts["entries"] == len(ledger(used))
    assert words.startswith(f"Intact: {facts['entries']} entries; ")
    assert facts["verdicts"] == sum(kind == "verdict" for kind, _ in ledger(used))


def test_recipe_show(used: Path, tmp_path: Path) -> None:
    words, facts = both("recipe", "show")
    assert isinstance(facts, dict)
    assert facts["hash"] == Recipe().hash == "44136fa355b3678a"
    assert Recipe.parse(tomllib.loads(words), "shown") == Recipe()
    start = LabConfig.from_toml(used / "lab.toml").start
    for name in ("start", "champion", "gen0", start.hash, start.hash[:6]):
        assert json.loads(ok("recipe", "show", used, name, "--json"))["hash"] == start.hash
    (tmp_path / "mine.toml").write_text(ok("recipe", "show", used, "start"))
    assert json.loads(ok("recipe", "show", "mine.toml", "--json", cwd=tmp_path))["hash"] == start.hash
    # What comes with assay means the same in a lab and outside of one.
    for words in (["reference"], [str(used), "reference"]):
        shown = json.loads(ok("recipe", "show", *words, "--json", cwd=tmp_path))
        assert shown["recipe"]["optimiser"]["name"] == "muon"
        assert shown["hash"] == PRESETS["reference"].hash


def test_a_lab_may_start_from_a_preset(material: Path, tmp_path: Path) -> None:
    words = ["--corpus", f"prose={material / 'prose'}", "--ladder", "tiny", "--json"]
    ok("init", tmp_path / "a", *words, "--recipe", "reference")
    ok("init", tmp_path / "b", *words)
    assert _start(tmp_path / "a") == PRESETS["reference"].hash
    assert _start(tmp_path / "b") == PRESETS["nanogpt"].hash


def test_recipe_diff(used: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[optimiser]\nlr = 0.002\n")
    (tmp_path / "b.toml").write_text("[optimiser]\nname = 'muon'\n[data]\nmixture = { prose = 1.0 }\n")
    words, facts = both("recipe", "diff", "a.toml", "b.toml", cwd=tmp_path)
    assert isinstance(facts, dict)
    assert facts["changes"] == {
        "optimiser.name": ["adamw", "muon"], "optimiser.lr": [0.002, 0.001], "data.mixture": [None, {"prose": 1.0}],
    }  # fmt: skip
    assert "optimiser.name: adamw -> muon\n" in words
    assert ok("recipe", "diff", used, "start", "champion") == f"No difference: both are {_start(used)}.\n"


def _start(lab: Path) -> str:
    return LabConfig.from_toml(lab / "lab.toml").start.hash


# working commands


def test_run_goes_on_where_it_stopped(used_lab: Path) -> None:
    before = ledger(used_lab)
    facts = json.loads(ok("run", used_lab, "--budget", "4runs", "--json"))
    assert facts["ended"] == "the budget of 4 runs is spent"
    after = ledger(used_lab)
    assert after[: len(before)] == before
    assert [session["budget"] for session in facts["sessions"]] == [{"runs": 8}, {"runs": 4}]
    assert json.loads(ok("ledger", "verify", used_lab, "--json"))["intact"]


def test_a_run_is_never_trained_twice(used: Path) -> None:
    finished = [
        body["run"] for kind, body in ledger(used) if kind == "result" and body["outcome"]["status"] == "finished"
    ]
    assert len(finished) == len(set(finished)) > 0
    assert {path.name for path in (used / "runs").iterdir()} == {row[0] for row in query(used, "SELECT hash FROM runs")}


def test_a_person_s_proposal_comes_first(used: Path) -> None:
    first = next(body["registered"] for kind, body in ledger(used) if kind == "proposal")
    assert first["number"] == 1
    assert first["proposal"]["author"] == "human:ada"
    assert first["proposal"]["change"] == {"optimiser.lr": 0.004}
    assert first["proposal"]["kind"] == "optimiser"


def test_train(lab: Path) -> None:
    facts = json.loads(ok("train", lab, "--recipe", "start", "--seed", "3", "--scale", "two", "--json"))
    assert facts["status"] == "finished"
    assert 0 < facts["score"] < 8
    assert set(facts["domains"]) == {"prose", "verse"}
    assert facts["score"] == pytest.approx(sum(facts["domains"].values()) / 2)
    assert Path(facts["folder"], "checkpoint").is_dir()
    [row] = query(lab, "SELECT hash, scale, seed_init, seed_data, status, score FROM runs")
    assert row == (facts["run"], "two", 3, 3, "finished", facts["score"])
    metrics = query(lab, "SELECT count(*), max(step) FROM metrics WHERE run = ?", facts["run"])
    trained = len(Path(facts["folder"], "metrics.jsonl").read_text().splitlines())
    assert metrics == [(trained, trained)]

    started = Path(facts["folder"], "result.json").stat().st_mtime_ns
    again = ok("train", lab, "--recipe", "start", "--seed", "3", "--scale", "two")
    assert f"run {facts['run']}: finished" in again
    assert f"{facts['score']:.4f} bits per byte" in again
    assert Path(facts["folder"], "result.json").stat().st_mtime_ns == started  # not trained again


def test_compare(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "faster.toml").write_text("[optimiser]\nlr = 0.004\n[data]\ncontext = 16\nbatch = 4\n")
    facts = json.loads(ok("compare", lab, "start", tmp_path / "faster.toml", "--pairs", "4", "--json"))
    assert facts["old"] == _start(lab)
    assert 2 <= facts["pairs"] <= 4
    scores = dict(query(lab, "SELECT hash, score FROM runs"))
    for pair in facts["evidence"]["pairs"]:
        assert pair["difference"] == pytest.approx(scores[pair["champion"]] - scores[pair["candidate"]])
    assert [kind for kind, _ in ledger(lab)] == ["lab", "comparison"]  # it promotes nothing


@pytest.mark.slow
def test_compare_matched(lab: Path, tmp_path: Path) -> None:
    recipe = "[model]\nmlp_ratio = 8.0\n[optimiser]\nlr = 3e-4\n[data]\ncontext = 16\nbatch = 4\n"
    (tmp_path / "wide.toml").write_text(recipe)
    facts = json.loads(ok("compare", lab, "start", tmp_path / "wide.toml", "--pairs", "2", "--match", "all", "--json"))
    assert [row["match"] for row in facts["matched"]] == ["flops", "tokens", "time"]
    tokens = facts["matched"][1]["arms"]
    assert tokens["new"]["tokens"] == pytest.approx(tokens["old"]["tokens"], rel=0.1)
    words = ok("compare", lab, "start", tmp_path / "wide.toml", "--pairs", "2", "--match", "all")
    assert "equal" in words
    assert "tokens" in words
    assert "they vary with what else the machine does" in words


def test_compare_in_words(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "faster.toml").write_text("[optimiser]\nlr = 0.004\n[data]\ncontext = 16\nbatch = 4\n")
    words = ok("compare", lab, "start", tmp_path / "faster.toml", "--pairs", "4")
    facts = json.loads(ok("compare", lab, "start", tmp_path / "faster.toml", "--pairs", "4", "--json"))
    assert {"better": "Yes: NEW is better.", "undecided": "Not decided."}[facts["answer"]] in words
    assert f"{facts['evidence']['effect_percent']:+.3f}% of bits per byte saved at 'one' over" in words
    assert "e-value" in words
    worse = ok("compare", lab, tmp_path / "faster.toml", "start", "--pairs", "8")
    assert "Yes" not in worse


def test_propose_and_cancel(used_lab: Path, material: Path, tmp_path: Path) -> None:
    idea = tmp_path / "idea.toml"
    idea.write_text((material / "idea.toml").read_text().replace("lr = 0.004", "lr = 0.006"))
    before = ledger(used_lab)
    facts = json.loads(ok("propose", used_lab, idea, "--json"))
    assert facts["proposal"]["change"] == {"optimiser.lr": 0.006}
    assert ledger(used_lab) == before  # the ledger is the controller's
    assert [each["id"] for each in json.loads(ok("status", used_lab, "--json"))["queued"]] == ["q2", "q3"]
    ok("cancel", used_lab, "q3")
    assert [each["id"] for each in json.loads(ok("status", used_lab, "--json"))["queued"]] == ["q2"]


@pytest.mark.slow
def test_a_cancelled_proposal_becomes_inconclusive(used_lab: Path) -> None:
    test = json.loads(ok("status", used_lab, "--json"))["under_test"][0]["number"]
    assert "when `assay run` is called next" in ok("cancel", used_lab, str(test))
    ok("run", used_lab, "--budget", "2runs")
    verdict = next(body for kind, body in ledger(used_lab) if kind == "verdict" and body["number"] == test)
    assert verdict["decision"] == "inconclusive"
    assert "cancelled by human:" in verdict["reasons"][0]
    done = assay("cancel", used_lab, str(test))
    assert done.code == 2
    assert f"proposal {test} has its verdict already: inconclusive" in done.err


# from anywhere


@pytest.mark.parametrize("inside", [".", "runs", "corpora"])
def test_inside_a_lab_its_name_can_be_left_out(used: Path, inside: str) -> None:
    here = used / inside
    for words in (
        ["plan", "--budget", "40runs"], ["status"], ["log"], ["ledger", "verify"], ["report", "--json"],
        ["recipe", "show", "champion"], ["recipe", "diff", "start", "champion"], ["gc", "--dry-run"],
    ):  # fmt: skip
        named = [word for word in words if word in ("recipe", "ledger", "show", "diff", "verify")] or words[:1]
        rest = words[len(named) :]
        assert ok(*words, cwd=here) == ok(*named, used, *rest)
    assert ok("status", "--lab", used) == ok("status", used)


@pytest.mark.slow
def test_working_commands_inside_a_lab(used_lab: Path, material: Path) -> None:
    idea = material / "inside.toml"
    idea.write_text((material / "idea.toml").read_text().replace("lr = 0.004", "lr = 0.007"))
    assert "Queued" in ok("propose", idea, cwd=used_lab / "runs")
    assert "finished" in ok("train", "--seed", "0", cwd=used_lab / "corpora")
    assert "Session ended" in ok("run", "--budget", "2runs", cwd=used_lab)
    assert (used_lab / "report.html").name in ok("report", cwd=used_lab / "runs")
    assert not (used_lab / "runs" / "report.html").exists()


# gc


def test_gc_frees_and_a_later_run_goes_on(used_lab: Path) -> None:
    kept_before = sorted(used_lab.glob("runs/*/checkpoint"))
    dry = json.loads(ok("gc", used_lab, "--dry-run", "--json"))
    assert sorted(used_lab.glob("runs/*/checkpoint")) == kept_before
    scores = query(used_lab, "SELECT hash, score FROM runs ORDER BY hash")
    facts = json.loads(ok("gc", used_lab, "--json"))
    assert {**facts, "dry_run": True} == dry
    assert facts["runs"] > 0
    assert facts["bytes"] > 10_000
    left = sorted(used_lab.glob("runs/*/checkpoint"))
    assert len(left) == facts["kept"] == len(kept_before) - facts["runs"]
    unfinished = {row[0] for row in query(used_lab, "SELECT hash FROM runs WHERE status = 'paused'")}
    assert {path.parent.name for path in left} >= {h for h in unfinished if (used_lab / "runs" / h).is_dir()}
    assert "Freed 0 B: checkpoints of 0 runs" in ok("gc", used_lab)
    assert query(used_lab, "SELECT hash, score FROM runs ORDER BY hash") == scores
    out = ok("run", used_lab, "--budget", "4runs")
    assert "Session ended: the budget of 4 runs is spent.\n4 runs in this session; " in out
    assert json.loads(ok("ledger", "verify", used_lab, "--json"))["intact"]


def test_gc_keeps_what_promotions_rest_on(tmp_path: Path, fresh: Path) -> None:
    """A simulated campaign with promotions; checkpoints are put where its runs would have left them."""
    import shutil

    from tests.campaign.helpers import simulate

    lab = tmp_path / "lab"
    shutil.copytree(fresh, lab)
    edit(lab / "lab.toml", lambda data: data["evidence"].update(pairs=6, confirm_pairs=6, measure_pairs=1))
    simulate(library.open(lab), "150runs")
    promotions = [body for kind, body in ledger(lab) if kind == "promotion"]
    assert promotions
    needed: set[str] = set()
    for body in promotions:
        for evidence in body["certificate"]["verdict"]["evidence"]:
            for pair in evidence["pairs"]:
                needed |= {pair["champion"], pair["candidate"]}
    statuses = dict(query(lab, "SELECT hash, status FROM runs"))
    for digest in statuses:
        (lab / "runs" / digest / "checkpoint").mkdir(parents=True)
        (lab / "runs" / digest / "checkpoint" / "model.safetensors").write_bytes(b"x" * 100)
    facts = json.loads(ok("gc", lab, "--json"))
    left = {path.parent.name for path in lab.glob("runs/*/checkpoint")}
    unfinished = {digest for digest, status in statuses.items() if status in ("paused", "running")}
    assert left == needed | unfinished
    assert facts["runs"] == len(statuses) - len(left) > 0
    assert facts["bytes"] - facts["view_bytes"] == 100 * facts["runs"]
    simulate(library.open(lab), "20runs")
    assert json.loads(ok("ledger", "verify", lab, "--json"))["intact"]


# Python


def test_data_frames(used: Path) -> None:
    lab = library.open(used)
    runs = lab.runs()
    stored = query(used, "SELECT hash, status, score FROM runs ORDER BY hash")
    assert list(runs.sort_values("hash")["hash"]) == [row[0] for row in stored]
    finished = runs[runs["status"] == "finished"]
    assert finished["score"].to_numpy() == pytest.approx(((finished["prose"] + finished["verse"]) / 2).to_numpy())
    proposals = lab.proposals()
    assert list(proposals["number"]) == list(range(1, len(proposals) + 1))
    assert proposals.loc[0, "author"] == "human:ada"
    generations = lab.generations()
    assert list(generations["number"]) == [0]
    assert generations.loc[0, "recipe"] == _start(used)
    lab.close()


def test_data_frames_of_a_lab_that_has_run_nothing(fresh: Path) -> None:
    lab = library.open(str(fresh))
    assert len(lab.runs()) == 0
    assert len(lab.proposals()) == 0
    assert len(lab.generations()) == 1
    lab.close()


def test_opening_what_is_no_lab(tmp_path: Path) -> None:
    from assay.spec.errors import UserError

    with pytest.raises(UserError, match=r"is not a lab: it has no lab\.toml"):
        library.open(tmp_path)
