"""The page as a browser and a reader meet it, drawn from a campaign that the real controller ran."""

import copy
import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from assay.campaign.facts import facts
from assay.campaign.lab import Lab
from assay.interfaces.report.page import render, write_report
from assay.spec.errors import UserError
from tests.interfaces.report.conftest import HOSTILE

VOID = {"meta", "br", "hr", "link", "img", "input"}


class Page(HTMLParser):
    """Elements with their attributes, the text inside each id, and a check that tags are balanced."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, str | None]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.all = ""
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert len(found) == len(attrs), f"an attribute twice in <{tag}>"
        self.elements.append((tag, found))
        if tag not in VOID:
            self.open.append((tag, found.get("id")))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1][0] == tag, f"</{tag}> closes <{self.open[-1][0]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if any(tag == "style" for tag, _ in self.open):
            return
        self.all += data
        for _, identifier in self.open:
            if identifier:
                self.text[identifier] = self.text.get(identifier, "") + data

    def attributes(self, name: str) -> list[str]:
        return [value for _, found in self.elements if (value := found.get(name)) is not None]

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [found for tag, found in self.elements if tag == name]


@pytest.fixture(scope="module")
def page(known: dict[str, Any]) -> Page:
    return Page(render(known))


def test_the_campaign_behind_these_tests_has_every_kind_of_decision(known: dict[str, Any]) -> None:
    assert {p["decision"] for p in known["proposals"]} == {"supported", "refuted", "inconclusive", "under test"}
    assert len(known["generations"]) > 1
    assert known["refused"]


def test_facts_are_plain_data(known: dict[str, Any]) -> None:
    assert json.loads(json.dumps(known, allow_nan=False)) == known


# ------------------------------------------------------------------------------------------ a sound document


def test_ids_are_unique_and_every_link_leads_somewhere_on_the_page(page: Page) -> None:
    ids = page.attributes("id")
    assert len(set(ids)) == len(ids)
    links = page.attributes("href")
    assert len(links) > 100
    assert {link[:1] for link in links} == {"#"}
    assert {link[1:] for link in links} <= set(ids)
    assert set(page.attributes("aria-labelledby")) <= set(ids)


def test_the_page_asks_for_nothing_and_runs_nothing(known: dict[str, Any]) -> None:
    text = render(known)
    page = Page(text)
    assert not {tag for tag, _ in page.elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
    }
    assert not page.attributes("src")
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"url\(|@import|https?:", style)
    policies = [m["content"] for m in page.tags("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert (policies[0] or "").startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_what_comes_from_outside_is_shown_as_text(known: dict[str, Any], page: Page) -> None:
    number = next(p["number"] for p in known["proposals"] if p["hypothesis"] == HOSTILE)
    assert HOSTILE in page.text[f"proposal-{number}"]
    assert "agent:<b>lost" in page.all
    assert "https://example.org/paper" in page.all  # a citation is text, not a link
    assert "<script" not in render(known)


def test_every_text_of_the_facts_is_escaped(known: dict[str, Any]) -> None:
    """Puts a tag into every text that does not decide the page's structure; none may become an element."""
    kept = {"decision", "stage", "hash", "champion", "candidate", "run", "runs", "time", "begun", "ended", "status"}
    runs = {row["hash"] for row in known["run_list"]}

    def poison(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {k: poison(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v, key) for v in value]
        return value + "<x-evil a='\"'>" if isinstance(value, str) and key not in kept and value not in runs else value

    hostile = poison(known, "")
    for domain in list(hostile["lab"]["domains"]):
        hostile["lab"]["domains"]["<x-evil>" + domain] = hostile["lab"]["domains"].pop(domain)
    page = Page(render(hostile))
    assert "x-evil" not in {tag for tag, _ in page.elements}
    assert page.all.count("<x-evil") > 100


def test_headings_go_down_one_level_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_tables_and_charts_can_be_read_without_seeing_them(page: Page) -> None:
    assert len(page.tags("caption")) == len(page.tags("table")) > 5
    assert all(found.get("scope") in ("row", "col") for found in page.tags("th"))
    charts = [found for found in page.tags("svg") if found.get("class") == "frame"]
    assert len(charts) >= 3
    assert all(found.get("aria-label") and found.get("role") for found in charts)
    outside = [f for f in page.tags("svg") if "viewbox" in f and f.get("class") != "lines" and not f.get("aria-hidden")]
    assert not outside


# --------------------------------------------------------------------------------------------- what it says


def test_every_proposal_shows_what_its_verdict_rested_on(known: dict[str, Any], page: Page) -> None:
    for p in known["proposals"]:
        text = page.text[f"proposal-{p['number']}"]
        assert p["hypothesis"] in text
        assert p["author"] in text
        assert p["decision"] in text
        for reason in p["reasons"]:
            assert reason in text
        for evidence in p["evidence"]:
            for pair in evidence["pairs"]:
                assert pair["champion"] in text
                assert pair["candidate"] in text
        if p["retest_of"]:
            assert f"#{p['retest_of']}" in text


def test_every_run_of_the_store_has_a_row(known: dict[str, Any], lab: Lab, page: Page) -> None:
    stored = {row["hash"] for row in lab.store.run_rows()}
    assert stored == {row["hash"] for row in known["run_list"]}
    assert all(row["trainer"] in page.text[f"run-{row['hash']}"] for row in known["run_list"])


def test_a_proposal_under_test_shows_its_runs_so_far(known: dict[str, Any], page: Page) -> None:
    shown = 0
    for p in known["proposals"]:
        if p["decision"] == "under test":
            mine = [row["hash"] for row in known["run_list"] if row["recipe"] == p["candidate"]]
            assert all(digest in page.text[f"proposal-{p['number']}"] for digest in mine)
            shown += len(mine)
    assert shown


def test_generations_are_in_the_table_with_effect_interval_multiplier_and_e_value(known: dict[str, Any]) -> None:
    made = copy.deepcopy(known)
    g = made["generations"][1]
    g |= {
        "effect_percent": 1.234, "low_percent": 0.5, "high_percent": None, "multiplier": 1.3, "multiplier_low": 1.1,
        "multiplier_high": 1.72, "preliminary": True, "e_value": 1234567.0, "threshold": 65.8,
    }  # fmt: skip
    text = Page(render(made)).text["generations"]
    assert "+1.23%" in text
    assert "from +0.50%, above not bounded yet" in text
    assert "1.30×" in text
    assert "1.10× to 1.72×" in text
    assert "preliminary" in text
    assert "1.23×10⁶" in text
    assert "65.8" in text


def test_a_multiplier_outside_the_measured_range_is_said_to_be(known: dict[str, Any]) -> None:
    made = copy.deepcopy(known)
    for g in made["generations"][1:]:
        g |= {"multiplier": None, "multiplier_low": None, "multiplier_high": None}
        g["multipliers"] = [{"scale": "small", "value": None, "low": None, "high": None, "note": "beyond range"}]
    made["totals"] |= {"multiplier": None, "multiplier_low": None, "multiplier_high": None}
    page = Page(render(made))
    assert "beyond range" in page.text["generations"]
    assert "beyond range" in page.text["headline"]


def test_a_multiplier_from_fewer_than_three_scales_is_told_but_is_no_headline(known: dict[str, Any]) -> None:
    made = copy.deepcopy(known)
    made["totals"] |= {"multiplier": 1.37, "multiplier_low": 1.1, "multiplier_high": 1.7, "preliminary": True}
    page = render(made)
    numbers = re.findall(r'class="card-number">([^<]*)<', page)
    assert "too few scales" in numbers
    assert not [number for number in numbers if "1.37" in number]
    assert "Preliminary, 1.37×" in page
    made["totals"]["preliminary"] = False
    assert "1.37×" in re.findall(r'class="card-number">([^<]*)<', render(made))


def test_intervals_that_are_not_bounded_yet_are_drawn_with_arrows_on_both_sides(known: dict[str, Any]) -> None:
    made = copy.deepcopy(known)
    p = next(p for p in made["proposals"] if p["effect_percent"] is not None)
    made["proposals"] = [p]
    made["generations"] = made["generations"][:1]

    def arrows(low: float | None, high: float | None) -> int:
        p.update(effect_percent=0.5, low_percent=low, high_percent=high)
        return Page(render(made)).attributes("class").count("arrow")

    assert [arrows(0.4, 0.6), arrows(None, 0.6), arrows(0.4, None), arrows(None, None)] == [0, 1, 1, 2]
    assert "not bounded yet" in Page(render(made)).text["verdicts"]


def test_a_broken_ledger_is_shown_at_once(known: dict[str, Any]) -> None:
    made = copy.deepcopy(known)
    made["ledger"] |= {"intact": False, "entries": 6, "problem": "its content does not match its hash"}
    page = Page(render(made))
    assert "broken at entry 7" in page.all
    assert "its content does not match its hash" in page.text["provenance"]


def test_a_lab_in_which_nothing_happened_has_a_page_too(new_lab: Lab) -> None:
    page = Page(render(facts(new_lab)))
    assert "Nothing has been decided yet" in page.text["headline"]
    assert {"generations", "loss-compute", "curves", "verdicts", "predictions"} <= set(page.text)
    assert not page.tags("polyline")


def test_a_campaign_in_which_nothing_held_says_so_and_how_small_an_effect_could_have_been_seen(
    known: dict[str, Any],
) -> None:
    made = copy.deepcopy(known)
    made["generations"] = made["generations"][:1]
    made["totals"] = {"generations": 0}
    made["proposals"] = [p for p in made["proposals"] if p["decision"] == "inconclusive"]
    made["smallest_effect"] |= {"first_test": 0.42, "next_test": None}
    text = Page(render(made)).text["headline"]
    assert "Nothing has held yet" in text
    assert "0.42%" in text


def test_thirty_generations_still_make_a_page(known: dict[str, Any]) -> None:
    made = copy.deepcopy(known)
    made["generations"] = [known["generations"][0]] + [
        copy.deepcopy(known["generations"][1]) | {"number": n} for n in range(1, 31)
    ]
    made["totals"] |= {"confidence": None, "low_percent": None, "high_percent": None}
    assert "Too many generations for a joint interval" in Page(render(made)).text["headline"]


# ---------------------------------------------------------------------------------------------- writing it


def test_the_report_goes_into_the_labs_folder_or_where_it_is_asked_to(lab: Lab, tmp_path: Path) -> None:
    path = write_report(lab)
    assert path == lab.folder / "report.html"
    other = tmp_path / "elsewhere.html"
    other.write_text("<!DOCTYPE html>old", encoding="utf-8")
    assert write_report(lab, other) == other
    assert other.read_bytes() == path.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["elsewhere.html"]


def test_a_place_where_no_file_can_be_written_gets_one_clear_sentence(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a folder"):
        write_report(lab, tmp_path)
    (tmp_path / "text.jsonl").write_text("{}")
    with pytest.raises(UserError, match="exists and is no page"):
        write_report(lab, tmp_path / "text.jsonl")
    with pytest.raises(UserError, match=r"missing.*No such file"):
        write_report(lab, tmp_path / "missing" / "report.html")
