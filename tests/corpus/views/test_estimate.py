"""What making a view would take: nothing where it is there, what the corpus' own steps took, or a known speed."""

from pathlib import Path
from typing import get_args

import pytest

from assay.corpus.build import build_corpus
from assay.corpus.manifest import amounts, open_corpus
from assay.corpus.sources import Source
from assay.corpus.views.annotation import account_of
from assay.corpus.views.estimate import ASSUMED, WRITING, estimate
from assay.corpus.views.selection import FILTERS, steps_of
from assay.corpus.views.view import ANNOTATIONS, keys, make_view
from assay.spec.recipe import Data

from ..helpers import write_jsonl

NONE = Path("nowhere")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp = tmp_path_factory.mktemp("estimate")
    words = "It was the night of the long march, and all of them were with the people who have to be there. "
    path = write_jsonl(tmp / "a.jsonl", [{"id": str(i), "text": f"{i} " + words * (20 + i)} for i in range(60)])
    return tmp / "c" / build_corpus(tmp / "c", [Source("a", str(path))], span_bytes=1000).id


def test_a_selection_before_and_after_it_is_made(corpus: Path) -> None:
    size = amounts(open_corpus(corpus)).bytes
    strict, loose, both = (
        steps_of(Data.parse(given, "data"), NONE)
        for given in (
            {"filters": "c4", "filter_limit": 0.02},
            {"filters": "c4", "filter_limit": 0.2},
            {"filters": "c4", "filter_limit": 0.02, "dedup": "lines"},
        )
    )
    before = estimate(corpus, strict)
    assert (before.basis, before.seconds) == ("assumed", pytest.approx(size / WRITING + size / ASSUMED["c4"]))
    make_view(corpus, strict)
    assert estimate(corpus, strict) == (0.0, "made")
    spent = account_of(corpus / ANNOTATIONS / keys(corpus, strict)[0]).cpu_seconds
    alike = estimate(corpus, loose)
    assert (alike.basis, alike.seconds) == ("measured", pytest.approx(size / WRITING + spent))
    # Of two steps the one that is there takes nothing.
    more = estimate(corpus, both)
    assert (more.basis, more.seconds) == ("assumed", pytest.approx(size / WRITING + size / ASSUMED["lines"]))


def test_every_step_that_a_recipe_can_ask_for_has_a_speed() -> None:
    known = {"+".join(filters) for filters in FILTERS.values()} | set(get_args(Data.model_fields["dedup"].annotation))
    assert known - {"exact"} | {"quality", "quality by embeddings"} == set(ASSUMED)
