"""Every value of the fields that select text makes a view, and those that are planted go where they should."""

import random
from pathlib import Path
from typing import Any, get_args

import pytest

from assay.corpus.build import build_corpus
from assay.corpus.quality.classifier import write_classifier
from assay.corpus.quality.make import from_good
from assay.corpus.quality.sample import Drawn
from assay.corpus.sources import Source
from assay.corpus.steps.clean import Clean
from assay.corpus.views.selection import FILTERS, steps_of
from assay.corpus.views.view import make_view, view_cost, view_id
from assay.spec.cleaning import Cleaning
from assay.spec.errors import UserError
from assay.spec.recipe import Data

from ..helpers import rows, write_jsonl

NONE = Path("nowhere")
WORDS = [
    f"{first}{last}" for first in ("ba", "ke", "li", "mo", "nu", "sa") for last in ("ren", "tal", "vis", "dor", "ma")
]


def prose(draw: random.Random) -> str:
    sentences = [" ".join(draw.choice(WORDS) for _ in range(12)).capitalize() + " the and of." for _ in range(20)]
    return "\n".join(sentences)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prose, near copies of some of it with two words changed, and debris of the web."""
    tmp, draw = tmp_path_factory.mktemp("selection"), random.Random(0)
    records: list[dict[str, Any]] = [{"id": f"prose{i}", "text": prose(draw)} for i in range(40)]
    for i in range(8):
        words = records[i]["text"].split(" ")
        words[30] = words[90] = "changed"
        records.append({"id": f"near{i}", "text": " ".join(words)})
    records += [{"id": f"menu{i}", "text": f"Home {i}\nLog in\nCart\n" * 40} for i in range(8)]
    path = write_jsonl(tmp / "web.jsonl", records)
    return tmp / "c" / build_corpus(tmp / "c", [Source("web", str(path))], span_bytes=1000).id


def gone(corpus: Path, **settings: Any) -> set[str]:
    """Ids of training documents that a selection drops."""
    folder = make_view(corpus, steps_of(Data.parse(settings, "data"), NONE))
    before, after = ({row["id"] for row in rows(each) if row["split"] == "train"} for each in (corpus, folder))
    return before - after


def trained(corpus: Path) -> set[str]:
    return {row["id"] for row in rows(corpus) if row["split"] == "train"}


def test_filters_drop_the_debris_and_keep_the_prose(corpus: Path) -> None:
    found = gone(corpus, filters="all", filter_limit=1.0)
    assert found == {name for name in trained(corpus) if name.startswith("menu")}


def test_a_limit_keeps_a_rule_from_dropping_much_of_a_domain(corpus: Path) -> None:
    """The debris is a seventh of the documents, above a limit of a twentieth."""
    assert gone(corpus, filters="gopher", filter_limit=0.05) < gone(corpus, filters="gopher", filter_limit=1.0)


def test_no_limit_is_the_published_thresholds() -> None:
    """By hash too, so that the same view has one name, however it was asked for."""
    (step,) = steps_of(Data(filters="c4", filter_limit=1), NONE)
    assert step.parameters() == Clean(Cleaning(filters=FILTERS["c4"], learn=False)).parameters()
    assert step.parameters() != Clean(Cleaning(filters=FILTERS["c4"])).parameters()


def test_minhash_drops_near_copies_and_normalised_does_not(corpus: Path) -> None:
    copied = [{f"prose{i}", f"near{i}"} for i in range(8)]
    pairs = {name for both in copied if both <= trained(corpus) for name in both}
    assert gone(corpus, dedup="normalised") == set()
    found = {name for name in gone(corpus, dedup="minhash") if not name.startswith("menu")}
    assert found <= pairs
    assert len(found) == len(pairs) / 2 > 0


@pytest.mark.parametrize("field", ["filters", "dedup"])
def test_every_value_makes_a_view_of_its_own(corpus: Path, field: str) -> None:
    first, *values = get_args(Data.model_fields[field].annotation)
    assert steps_of(Data.parse({field: first}, "data"), NONE) == ()
    ids = {view_id(corpus, steps_of(Data.parse({field: value}, "data"), NONE)) for value in values}
    assert len(ids) == len(values)
    for value in values:
        cost = view_cost(make_view(corpus, steps_of(Data.parse({field: value}, "data"), NONE)))
        assert cost.left.documents > 0


def test_what_the_names_of_filters_mean_is_frozen() -> None:
    assert FILTERS == {
        "gopher": ("gopher_quality", "gopher_repetition"),
        "c4": ("c4",),
        "fineweb": ("fineweb",),
        "all": ("gopher_quality", "gopher_repetition", "c4", "fineweb"),
    }
    assert set(FILTERS) == set(get_args(Data.model_fields["filters"].annotation)) - {"none"}


def test_an_option_that_does_not_act_makes_no_other_view(corpus: Path) -> None:
    one, other = (steps_of(Data.parse({"dedup": "lines", "dedup_similarity": s}, "data"), NONE) for s in (0.5, 0.9))
    assert view_id(corpus, one) == view_id(corpus, other)


def test_the_best_by_a_classifier_wherever_it_lies(corpus: Path, tmp_path: Path) -> None:
    """A classifier that likes the prose, by its words, leaves the debris out."""
    draw = random.Random(1)
    good = [Drawn(i, f"g{i}", "web", prose(draw)) for i in range(60)]
    rest = [Drawn(i, f"r{i}", "web", f"Home {i}\nLog in\nCart\n" * 20) for i in range(60)]
    classifier, _ = from_good(good, rest)
    ids: set[str] = set()
    for folder in (tmp_path / "quality", tmp_path / "elsewhere" / "mine"):
        write_classifier(classifier, folder)
        data = Data.parse({"quality_share": 0.7, "quality_model": classifier.hash}, "data")
        steps = steps_of(data, tmp_path / folder.relative_to(tmp_path).parts[0])
        ids.add(view_id(corpus, steps))
        kept = {row["id"] for row in rows(make_view(corpus, steps)) if row["split"] == "train"}
        assert kept
        assert not any(name.startswith("menu") for name in kept)
    assert len(ids) == 1
    with pytest.raises(UserError, match="no classifier in nowhere has this hash"):
        steps_of(data, NONE)
    with pytest.raises(UserError, match="names no classifier to say what is best"):
        steps_of(Data(quality_share=0.5), NONE)
