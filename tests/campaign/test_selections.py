"""Proposals that select training text: it is made before they are registered, paid for, told of; replay needs none."""

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from assay.campaign.collect import collect
from assay.campaign.facts import facts
from assay.campaign.lab import Lab
from assay.campaign.plan import plan
from assay.campaign.status import status_of
from assay.campaign.watch import Pace, Selecting, Silent, Snapshot
from assay.corpus import repetition
from assay.corpus.manifest import open_corpus
from assay.corpus.steps.step import Batch, Judged, Step
from assay.corpus.views import selection, view
from assay.interfaces.cli.screen import LiveScreen
from assay.interfaces.report.wording import data_cost
from assay.spec.budget import Budget
from assay.spec.errors import UserError
from assay.spec.packing import pack_key
from assay.spec.recipe import Data, Recipe
from assay.spec.run import Run, RunOrder, Seed
from assay.spec.scale import Scale, shape_at
from tests.campaign import helpers
from tests.campaign.conftest import MakeLab
from tests.campaign.helpers import of_kind, proposal, session, simulate, simulated

SEARCH = helpers.SEARCH | {"data.filters": ["none", "gopher", "c4", "all"], "data.dedup": ["exact", "normalised"]}

LADDER = [Scale.model_validate(scale) for scale in helpers.LADDER]


class Toy:
    """Removes the last of every so many documents."""

    name = "toy"
    rounds = 0

    def __init__(self, every: int) -> None:
        self.every = every

    def parameters(self) -> dict[str, Any]:
        return {"every": self.every}

    def apply(self, batch: Batch, plan: Any) -> Judged:  # noqa: ARG002
        numbers = range(batch.first, batch.first + len(batch))
        return Judged({place: "toy.every" for place, number in enumerate(numbers) if (number + 1) % self.every == 0})

    def report(self, plan: Any) -> dict[str, Any]:  # noqa: ARG002
        return {}


@pytest.fixture(autouse=True)
def _toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """gopher takes every fourth document, c4 all, and `all` and dedup none."""
    toys = {"gopher": 4, "c4": 1, "all": 10**9}

    def steps_of(data: Data, _: Path) -> Sequence[Step]:
        every = toys.get(data.filters, 10**9)
        return (Toy(every),) if data.selection() else ()  # type: ignore[return-value]

    monkeypatch.setattr(selection, "steps_of", steps_of)
    monkeypatch.setitem(helpers.EFFECTS, ("data.filters", "gopher"), 5.0)


def asked(lab: MakeLab, *changes: dict[str, Any]) -> Lab:
    made = lab(researchers={"use": ["known"]}, search=SEARCH, execution={"in_flight": 1})
    for change in changes:
        made.store.post("propose", proposal(change, kind="filter"))
    return made


def test_a_promoted_selection_comes_with_what_it_cost(lab: MakeLab) -> None:
    made = asked(lab, {"data.filters": "gopher"})
    simulate(made, "40runs")
    [selected] = of_kind(made, "selection")
    cost = selected["cost"]
    base = sum(domain.train.documents for domain in made.corpus().domains.values())
    assert cost["removed"]["documents"] == base // 4 == cost["rules"]["toy.every"]
    assert cost["left"]["documents"] + cost["removed"]["documents"] == base
    promoted = of_kind(made, "promotion")[0]["certificate"]
    assert promoted["registered"]["proposal"]["change"] == {"data.filters": "gopher"}
    told = promoted["data_cost"]
    assert told | {"epochs": {}} == cost
    assert set(told["epochs"]) == {"one", "two", "three"}
    found = facts(made)
    assert found["proposals"][0]["data_cost"] == found["generations"][1]["data_cost"] == told
    assert f"{cost['removed']['documents']} documents less" in data_cost(told)
    for scale in LADDER:
        tokens = shape_at(made.config.start, scale, made.corpus().vocab).tokens
        assert told["epochs"][scale.name] == pytest.approx(
            dict.fromkeys(("prose", "verse"), tokens / cost["left"]["tokens"]), rel=1e-4
        )
    assert status_of(made.folder)["data_work"] == {"selections": 1, "core_seconds": selected["seconds"]}
    assert made.campaign().core_seconds >= selected["seconds"] > 0


def test_a_selection_is_watched(lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.corpus.views.training.PIECE_BYTES", 3000)
    seen: list[Snapshot] = []

    class Watching(Silent):
        def tick(self, snapshot: Snapshot) -> None:
            if snapshot.selecting:
                seen.append(snapshot)

    made = asked(lab, {"data.filters": "gopher"})
    simulate(made, "4runs", watcher=Watching())
    steps = [snapshot.selecting for snapshot in seen if snapshot.selecting]
    size = sum(domain.train.bytes for domain in made.corpus().domains.values())
    assert [step.done for step in steps] == sorted({step.done for step in steps})
    assert len(steps) > 3
    assert (steps[-1].done, steps[-1].total, steps[-1].seconds_left) == (size, size, 0)
    assert {(step.step, snapshot.doing) for step, snapshot in zip(steps, seen, strict=True)} == {
        ("toy", "selecting training text")
    }
    half = seen[0]._replace(selecting=Selecting("toy", 30, 120, 45.0))
    console = Console(width=120, file=io.StringIO(), color_system=None)
    console.print(LiveScreen().draw(half))
    assert "toy, 25%, about 45 s left" in console.file.getvalue()  # type: ignore[attr-defined]


def test_time_left_is_that_of_the_step_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 0.0, 10.0, 25.0, 30.0))
    monkeypatch.setattr("assay.campaign.watch.time.monotonic", lambda: next(clock))
    pace = Pace()
    assert pace.at("first", 0, 100).seconds_left is None
    assert pace.at("first", 20, 100).seconds_left == 40.0  # 2 bytes a second
    assert pace.at("second", 10, 50).seconds_left is None  # begun just now
    assert pace.at("second", 30, 50).seconds_left == 5.0  # 4 bytes a second


def test_what_is_queued_is_reckoned_before_it_is_spent(lab: MakeLab) -> None:
    search = SEARCH | {"data.mixture": {"low": 0.0, "high": 1.0}, "data.mixture_rule": ["size", "unimax"]}
    made = lab(researchers={"use": ["known"]}, search=search, execution={"in_flight": 1})
    for change in ({"data.filters": "gopher"}, {"data.mixture": {"prose": 3, "verse": 1}}, {"data.batch": 2}):
        made.store.post("propose", proposal(change, kind="mixed"))
    data = plan(made, Budget.read("40runs"))["data"]
    filtered, mixed = data["queued"]  # and no batch
    assert (filtered["id"], filtered["basis"], filtered["epochs"]) == ("q1", "assumed", None)
    assert data["seconds_queued"] == filtered["seconds"] > 0 == mixed["seconds"]
    for scale in LADDER:
        tokens = shape_at(made.config.start, scale, made.corpus().vocab).tokens
        expected = {
            name: share * tokens / made.corpus().domains[name].train.tokens
            for name, share in (("prose", 0.75), ("verse", 0.25))
        }
        assert mixed["epochs"][scale.name] == pytest.approx(expected, rel=1e-3)
    assert {key for each in data["options"] for key in each["change"]} == {
        "data.filters", "data.dedup", "data.mixture_rule",
    }  # fmt: skip
    assert of_kind(made, "selection") == []  # nothing was made
    simulate(made, "12runs")
    [option] = [
        each for each in plan(made, Budget.read("40runs"))["data"]["options"] if "gopher" in str(each["change"])
    ]
    assert (option["seconds"], option["basis"]) == (0.0, "made")
    assert set(option["epochs"]) == {"one", "two", "three"}


def test_a_promoted_mixture_says_how_often_it_reads_each_domain(lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(helpers.EFFECTS, ("data.epoch_limit", 2.0), 5.0)
    search = {"data.mixture": {"low": 0.0, "high": 1.0}, "data.epoch_limit": [0.0, 2.0]}
    made = lab(researchers={"use": ["known"]}, search=SEARCH | search, execution={"in_flight": 1})
    change = {"data.mixture": {"prose": 3, "verse": 1}, "data.epoch_limit": 2.0}
    made.store.post("propose", proposal(change, kind="mixture"))
    simulate(made, "40runs")
    told = of_kind(made, "promotion")[0]["certificate"]["data_cost"]
    assert (told["cpu_seconds"], told["removed"]["documents"], told["view"]) == (0, 0, made.config.corpus.id)
    domains = made.corpus().domains
    assert told["left"]["bytes"] == sum(domain.train.bytes for domain in domains.values())
    for scale in LADDER:
        tokens = shape_at(made.config.start, scale, made.corpus().vocab).tokens
        expected = 0.75 * tokens / domains["prose"].train.tokens
        assert told["epochs"][scale.name]["prose"] == pytest.approx(expected, rel=1e-3)
    assert Lab(made.folder).campaign(check=True).generations[1].certificate is not None
    row = facts(made)["proposals"][0]
    assert row["data_cost"] == told
    assert data_cost(told).startswith("no text taken away; times a run reads it: one: prose ")


def test_runs_train_on_the_view_and_are_known_by_recipe_and_corpus(lab: MakeLab) -> None:
    made = asked(lab, {"data.filters": "gopher"})
    folders: dict[str, str] = {}

    def outcome(order: RunOrder) -> Any:
        folders[order.run.recipe.data.filters] = order.corpus_dir
        assert order.run.corpus == made.config.corpus.id
        return simulated(order)

    simulate(made, "12runs", outcome)
    assert folders["none"] == str(made.corpus_dir)
    view = Path(folders["gopher"])
    assert view.parent == made.corpus_dir / "views"
    assert open_corpus(view).id == view.name == of_kind(made, "selection")[0]["cost"]["view"]


def test_history_is_checked_without_the_views(lab: MakeLab) -> None:
    made = asked(lab, {"data.filters": "gopher"})
    simulate(made, "40runs")
    before = made.campaign().generations
    shutil.rmtree(made.corpus_dir / "views")
    shutil.rmtree(made.corpus_dir / "annotations")
    assert Lab(made.folder).campaign(check=True).generations == before
    simulate(made, "6runs")  # and the campaign goes on
    assert len(of_kind(made, "selection")) == 1


def test_what_cannot_be_trained_on_or_changes_nothing_is_refused_before_it_costs_a_test(lab: MakeLab) -> None:
    made = asked(lab, {"data.filters": "c4"}, {"data.filters": "all"}, {"data.dedup": "normalised"})
    simulate(made, "12runs")
    reasons = [body["reason"] for body in of_kind(made, "refused")]
    assert len(reasons) == 3
    assert "would be left with 0 bytes of training text" in reasons[0]
    assert "selects the same texts of the corpus as the champion does" in reasons[1] == reasons[2]
    changes = [body["registered"]["proposal"]["change"] for body in of_kind(made, "proposal")]
    assert not any(key.startswith("data.f") for change in changes for key in change if change[key] != "gopher")


def test_strategies_pass_over_what_they_learn_to_be_void(lab: MakeLab) -> None:
    """`known` proposes data.filters = gopher and the like by itself, and is asked again once it is seen to be void."""
    search = {
        "data.filters": ["none", "c4"],
        "data.dedup": ["exact", "minhash"],
        "model.norm": ["rmsnorm", "layernorm"],
    }
    made = lab(researchers={"use": ["known"]}, execution={"in_flight": 1}, search=search)
    simulate(made, "10runs")
    changes = [body["registered"]["proposal"]["change"] for body in of_kind(made, "proposal")]
    assert {"model.norm": "rmsnorm"} in changes
    assert not any("data.dedup" in change for change in changes)


def test_a_session_s_time_pays_for_selecting(lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    made = asked(lab, {"data.filters": "gopher"})

    def forever(*_: Any) -> None:
        import time

        while True:
            time.sleep(0.01)

    monkeypatch.setattr(view, "make_view", forever)
    assert "the budget of 1 s is spent" in simulate(made, "1s")
    assert of_kind(made, "selection") == []
    monkeypatch.undo()


def test_a_session_killed_while_it_selects_goes_on_as_if_it_had_not_been(
    lab: MakeLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = (asked(lab, {"data.filters": "gopher"}, {"data.filters": "c4"}) for _ in range(2))
    simulate(whole, "20runs")
    made = view.make_view
    with monkeypatch.context() as patch:
        for point in ("before", "after"):

            def dies(*arguments: Any, point: str = point) -> None:
                if point == "after":
                    made(*arguments)
                raise KeyboardInterrupt

            patch.setattr(view, "make_view", dies)
            with pytest.raises(KeyboardInterrupt):
                simulate(killed, "20runs" if point == "before" else None)
    simulate(killed, None)

    def told(lab_: Lab) -> list[tuple[Any, ...]]:
        """History without what the clock says."""
        entries = helpers.history(lab_)
        for _, body, *_ in entries:
            if isinstance(body, dict) and (body.get("certificate") or {}).get("data_cost"):
                body["certificate"]["data_cost"]["cpu_seconds"] = 0
        return entries

    assert told(killed) == told(whole)


def test_runs_on_different_text_are_never_packed(lab: MakeLab) -> None:
    made = lab(execution={"hardware": {"pack": 4}})
    keys: list[str | None] = []
    for filters in ("none", "gopher"):
        recipe = Recipe.model_validate({"data": {"filters": filters, "context": 16}})
        run = Run(
            recipe=recipe,
            scale=made.config.ladder[0],
            seed=Seed(init=0, data=0),
            corpus=made.config.corpus.id,
            trainer="t",
        )
        keys.append(pack_key(made.order(run, made.corpus().vocab)))
    assert None not in keys
    assert len(set(keys)) == 2


def test_a_start_recipe_that_selects(lab: MakeLab) -> None:
    start = helpers.START | {"data": helpers.START["data"] | {"filters": "gopher"}}
    made = lab(start=start, search=SEARCH)
    assert made.config.start.data.selection() == '{"filter_limit":0.05,"filters":"gopher"}'
    simulate(made, "4runs")
    assert len(of_kind(made, "selection")) == 1


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("c4", "would be left with 0 bytes of training text"),
        ("gopher", "what the recipe selects is too little for scale 'one', which trains on"),
    ],
)
def test_a_start_recipe_that_selects_too_little(
    lab: MakeLab, monkeypatch: pytest.MonkeyPatch, filters: str, expected: str
) -> None:
    monkeypatch.setattr(repetition, "MOST_EPOCHS", 1e-3)  # of what is selected
    start = helpers.START | {"data": helpers.START["data"] | {"filters": filters}}
    made = lab(start=start)
    for ask in (lambda: simulate(made, "4runs"), lambda: made.check_recipe(made.config.start, LADDER[0], "lab.toml")):
        with pytest.raises(UserError, match=expected) as caught:
            ask()
        assert "lab.toml" in str(caught.value)
    assert of_kind(made, "run") == []


def test_a_real_run_trains_on_a_view(lab: MakeLab) -> None:
    """The trainer and the evaluation need nothing but the folder."""
    made = asked(lab, {"data.filters": "gopher"})
    session(made, "2runs", made.executor(workers=1))
    rows = {row["recipe"]: row for row in made.store.run_rows()}
    assert {row["status"] for row in rows.values()} == {"finished"}
    recipes = made.store.recipes()
    assert {recipes[digest].data.filters for digest in rows} == {"none", "gopher"}
    assert len({row["score"] for row in rows.values()}) == 2


def test_selections_are_the_same_text_whatever_the_order_of_keys() -> None:
    one = Recipe.model_validate({"data": {"dedup": "minhash", "filters": "gopher"}}).data
    other = Recipe.model_validate({"data": {"filters": "gopher", "dedup": "minhash"}}).data
    assert one.selection() == other.selection() != ""
    assert Data(filter_limit=0.2, dedup_similarity=0.5).selection() == ""  # neither acts


def test_views_that_nothing_needs_are_freed_and_made_again_the_same(lab: MakeLab) -> None:
    made = asked(lab, {"data.filters": "gopher"})
    simulate(made, "40runs")
    champion = made.recipe("champion")
    toy: Any = Toy(7)  # as of a recipe that was refuted
    needed, other = made.text_dir(champion), view.make_view(made.corpus_dir, [toy])
    before = _files(other)
    # A run that goes on keeps the view that it reads; one that is over does not.
    evidence = [each for body in of_kind(made, "promotion") for each in body["certificate"]["verdict"]["evidence"]]
    behind = {pair[side] for each in evidence for pair in each["pairs"] for side in ("champion", "candidate")}
    row = next(row for row in made.store.run_rows() if row["hash"] not in behind and row["status"] == "finished")
    folder = made.run_dir(row["hash"])
    folder.mkdir(parents=True, exist_ok=True)
    moved = Path("/elsewhere") / other.relative_to(made.folder)  # the run began before the lab was moved
    for status, place, views in (("paused", other, 0), ("paused", moved, 0), ("finished", other, 1)):
        (folder / "run.json").write_text(json.dumps({"corpus_dir": str(place)}))
        with made.store.transaction() as connection:
            made.store.set_status(connection, row["hash"], status)
        freed = collect(made, dry_run=True)
        assert freed["views"] == views
    assert other.exists()
    assert freed["view_bytes"] > 0
    assert collect(made, dry_run=False) == {**freed, "dry_run": False}
    assert needed.exists()
    for kind in ("views", "annotations"):
        assert other.name not in {path.name for path in (made.corpus_dir / kind).iterdir()}
    assert view.make_view(made.corpus_dir, [toy]) == other
    assert _files(other) == before
    assert made.store.verify_ledger().bad_seq is None


def _files(folder: Path) -> dict[str, bytes]:
    """What training reads of a view."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "cost.json"  # which says how long it took
    }
