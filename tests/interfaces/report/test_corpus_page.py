"""The corpus report as a browser and a reader meet it, with documents that would like to be markup."""

import re
from pathlib import Path

import pytest

from assay.corpus.analysis.analyse import analyse
from assay.corpus.analysis.collection import open_collection
from assay.corpus.analysis.facts import ADD, CorpusFacts, DocumentLoss, Losses
from assay.corpus.steps.account import Account, Amount
from assay.interfaces.report.corpus.page import render
from assay.interfaces.report.shell import POLICY
from tests.corpus.analysis.editions import HOSTILE, make_editions, records, write
from tests.interfaces.report.test_browser import CHROMIUM, dump, sideways
from tests.interfaces.report.test_page import Page


def flow(step: str, into: Amount, out: Amount) -> Account:
    return Account.model_validate({"step": step, "in": into, "out": out})


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> CorpusFacts:
    """Of an edition, with what other steps and a champion would add."""
    folder = tmp_path_factory.mktemp("editions")
    found = analyse(open_collection(make_editions(folder, 120)[-1], folder))
    evil = {"id": HOSTILE, "domain": "<i>prose</i>", "excerpt": HOSTILE}
    loss = DocumentLoss(**evil, side="heldout", bytes=100, bits_per_byte=3.25)
    losses = Losses(
        run="a" * 16, recipe="b" * 16, scale="<b>small</b>",
        domains={"prose": {"heldout": 2.0, "train": 1.9}, "verse": {"heldout": 2.5, "train": 2.4}},
        documents={"heldout": 3, "train": 4}, hardest=(loss,), easiest=(loss,),
    )  # fmt: skip
    card = {"id": HOSTILE, "domain": "prose", "bytes": 9, "beginning": HOSTILE}
    cluster = {"documents": 2, "kept": card, "dropped": [{**card, "jaccard": 0.81}]}
    dedup = found.steps[-1].model_copy(
        update={
            "report": {
                "minhash": {
                    "clusters": 1, "dropped": {"documents": 1, "bytes": 9}, "sizes": {"2": 1},
                    "domains": [{"kept": "prose", "dropped": HOSTILE, "documents": 1, "bytes": 9}],
                    "s_curve": {"permutations": 112, "tables": 28, "rows": 8, "similarity": 0.7, "middle": 0.63,
                                "points": {"0.00": 0.0, "0.50": 0.1, "1.00": 1.0}},
                    "planted": {
                        "documents": 9, "precision": 1.0, "edits": {"0.03": {"recall": 0.85, "mean_jaccard": 0.78}},
                    },
                    "largest": [cluster], "least_alike": [{"kept": card, "dropped": {**card, "jaccard": 0.7}}],
                }
            }
        }
    )  # fmt: skip
    contaminated = {"items": 9, "items_found": 2, "documents": 1, "bytes": 80, "domains": {"prose": 1}}
    looked = dedup.model_copy(
        update={
            "account": flow("decontaminate", found.totals, found.totals),
            "report": {
                "evaluations": {HOSTILE: contaminated},
                "common_phrases": {"ngrams": 3, "documents_kept": 2, "phrases": []},
                "review": [{"evaluation": "arc", "item": "7", "text": HOSTILE, "documents": 1, "bits": 12.5}],
            },
        }
    )  # fmt: skip
    return found.model_copy(update={"losses": losses, "steps": (*found.steps[:-1], dedup, looked)})


def test_text_of_documents_is_data_and_never_markup(facts: CorpusFacts) -> None:
    text = render(facts)
    page = Page(text)
    assert {"script", "img", "i", "iframe", "link"}.isdisjoint(tag for tag, _ in page.elements)
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    assert all(target.startswith("#") for name in ("href", "src") for target in page.attributes(name))
    assert "document.title='owned'" in page.all
    # What turns the direction of writing stays inside an element of its own.
    outside = re.sub(r"<bdi>[^<]*</bdi>|<title>[^<]*</title>|<[^>]+>", "", text)
    assert "\u202e" in text
    assert "\u202e" not in outside
    assert "\0" not in text
    assert POLICY in page.attributes("content")
    identifiers = page.attributes("id")
    assert len(set(identifiers)) == len(identifiers)
    assert {target[1:] for target in page.attributes("href")} <= set(identifiers)


def test_every_section_is_there_with_its_numbers(facts: CorpusFacts) -> None:
    page = Page(render(facts))
    assert f"{facts.totals.documents:,} documents" in page.text["headline"]
    for domain in facts.domains:
        assert f"{domain.documents:,}" in page.text["domains"]
    for step in facts.steps:
        for rule, amount in step.account.removed.items():
            assert rule in page.text["sankey"]
            assert f"{amount.documents:,}" in page.text["sankey"]
    assert "MIT" in page.text["licences"]
    assert "2.0000" in page.text["losses"]
    assert "Jaccard similarity 0.81" in page.text["duplicates"]
    assert "85.0%" in page.text["duplicates"]
    assert "12.5" in page.text["contamination"]


def test_widths_of_the_sankey_are_documents(facts: CorpusFacts) -> None:
    page = Page(render(facts))
    kept = [
        float(found["width"] or 0) for tag, found in page.elements if tag == "rect" and found.get("class") == "kept"
    ]
    assert kept[-1] / kept[0] == pytest.approx(facts.totals.documents / facts.taken_in.documents, abs=0.01)
    assert kept == sorted(kept, reverse=True)


def test_text_that_was_taken_in_twice_is_added_up(facts: CorpusFacts) -> None:
    fifty = Amount(documents=50)
    more = facts.steps[0].model_copy(update={"account": flow(ADD, fifty, fifty)})
    later = facts.model_copy(update={"steps": (facts.steps[0], more)})
    assert later.taken_in.documents == facts.steps[0].account.into.documents + 50
    page = Page(render(later))
    assert f"Of {later.taken_in.documents:,} documents" in page.text["headline"]


def test_every_decontamination_is_told(facts: CorpusFacts) -> None:
    found = {"items": 40, "items_found": 31, "documents": 65, "bytes": 4321, "domains": {"verse": 65}}
    earlier = facts.steps[-1].model_copy(update={"report": {"evaluations": {"hellaswag": found}}})
    told = Page(render(facts.model_copy(update={"steps": (*facts.steps[:-1], earlier, facts.steps[-1])})))
    for said in ("1 of 2", "hellaswag", "65", "2 of 2", "document.title='owned'", "12.5"):
        assert said in told.text["contamination"]
    assert "1 of" not in Page(render(facts)).text["contamination"]


def test_a_rule_that_was_used_twice_has_two_figures(facts: CorpusFacts) -> None:
    steps = (*facts.steps, *(step for step in facts.steps if step.account.step == "dedup"))
    page = render(facts.model_copy(update={"steps": steps}))
    names = re.findall(r'id="(duplicates-[^"]+)"', page)
    assert len(names) >= 2
    assert len(set(names)) == len(names)


def test_bare_files_without_anything_known_make_a_page_too(tmp_path: Path) -> None:
    found = analyse(open_collection(write(tmp_path / "one.jsonl", records(1)), tmp_path))
    page = Page(render(found))
    for identifier in ("steps", "duplicates", "contamination", "losses", "topics"):
        assert page.text[identifier]
    assert "assay corpus dedup" in page.text["duplicates"]


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: no chromium or chrome is on PATH")
def test_a_browser_runs_nothing_and_nothing_sticks_out(facts: CorpusFacts, tmp_path: Path) -> None:
    page = tmp_path / "corpus.html"
    page.write_text(render(facts), encoding="utf-8")
    shown = dump(page, tmp_path / "profile")
    assert "<script" not in shown
    assert "<title>owned" not in shown
    sideways(render(facts), tmp_path)
