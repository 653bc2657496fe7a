"""The step that cleans: thresholds by domain, the same for any cut, and an account that adds up."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import zstandard

from assay.corpus.steps import lines
from assay.corpus.steps.bare import run_bare
from assay.corpus.steps.clean import Clean
from assay.spec.cleaning import Cleaning
from assay.spec.errors import UserError

ENGLISH = ("the", "river", "was", "of", "and", "stone", "that", "they", "have", "with", "to", "be", "light", "evening")
FRENCH = ("le", "fleuve", "était", "de", "et", "pierre", "que", "ils", "avec", "lumière", "soir", "une")


def prose(chance: random.Random, words: tuple[str, ...], sentences: int = 12) -> str:
    made = [" ".join(chance.choices(words, k=chance.randrange(7, 15))).capitalize() + "." for _ in range(sentences)]
    return "\n".join(" ".join(made[i : i + 3]) for i in range(0, len(made), 3))


def code(chance: random.Random) -> str:
    lines = [f"    {chance.choice('abcdef')}[{chance.randrange(9)}] = {{{chance.randrange(99)}: x}}" for _ in range(40)]
    return "def f(x):\n" + "\n".join(lines) + "\n    return x\n"


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    chance = random.Random(1)
    made = [("prose", prose(chance, ENGLISH)) for _ in range(120)]
    made += [("french", prose(chance, FRENCH)) for _ in range(60)] + [("code", code(chance)) for _ in range(60)]
    made += [
        ("prose", "Buy now! " * 30),
        ("prose", "Short."),
        ("prose", prose(chance, ENGLISH) + "\nWe use cookies here."),
    ]
    chance.shuffle(made)
    return [{"id": f"d{i}", "domain": domain, "text": text} for i, (domain, text) in enumerate(made)]


def write(folder: Path, records: list[dict[str, Any]], files: int) -> Path:
    folder.mkdir(parents=True)
    share = -(-len(records) // files)
    for i in range(files):
        part = records[i * share : (i + 1) * share]
        (folder / f"{i:02}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in part))
    return folder


def read(folder: Path) -> list[dict[str, Any]]:
    content = b"".join(
        zstandard.ZstdDecompressor().stream_reader(path.read_bytes(), read_across_frames=True).read()
        for path in sorted(folder.glob("*.jsonl.zst"))
    )
    return [json.loads(line) for line in content.splitlines()]


def test_what_comes_out_does_not_depend_on_files_batches_or_workers(
    records: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for files, workers, batch in ((1, 1, 1 << 20), (2, 1, 3000), (7, 2, 9000)):
        monkeypatch.setattr(lines, "BATCH_BYTES", batch)
        monkeypatch.setattr("assay.corpus.filters.parsed.CHUNK", batch // 2)
        source = write(tmp_path / f"in{files}", records, files)
        account = run_bare(Clean(Cleaning()), source, tmp_path / f"out{files}", workers=workers)
        facts = account.model_dump(by_alias=True, exclude={"seconds", "cpu_seconds"})
        found.append((facts, read(tmp_path / f"out{files}" / "kept"), read(tmp_path / f"out{files}" / "removed")))
    assert found[0] == found[1] == found[2]


def test_learned_thresholds_spare_the_domains_that_web_rules_throw_away(
    records: list[dict[str, Any]], tmp_path: Path
) -> None:
    source = write(tmp_path / "in", records, 1)
    kept = {}
    for learn in (False, True):
        account = run_bare(Clean(Cleaning(learn=learn)), source, tmp_path / f"out{learn}")
        kept[learn] = {name: flow.out.documents / flow.into.documents for name, flow in account.domains.items()}
        removed = {row["id"]: row for row in read(tmp_path / f"out{learn}" / "removed")}
        for record in records:
            if record["text"] == "Short.":  # in either case unlike the rest of its domain
                assert removed[record["id"]]["removed_by"] == "gopher_quality.few_words"
                assert removed[record["id"]]["detail"] == "words 1, at least 50"
    assert kept[False]["french"] == kept[False]["code"] == 0
    assert kept[True]["french"] > 0.8
    assert kept[True]["code"] > 0.7
    assert kept[True]["prose"] > 0.8


def test_an_index_in_code_is_no_citation(tmp_path: Path) -> None:
    prose = "The first of these ships was lost in a storm[2]. Nobody knows where it went down, and few asked. " * 8
    code = [f"def f{number}(rows):\n    return rows[0] + rows[{number}]\n" * 30 for number in range(12)]
    records = [{"id": f"c{number}", "domain": "code", "text": text} for number, text in enumerate(code)]
    records += [
        {"id": f"p{number}", "domain": "prose", "text": prose.replace("[2]", "[2]" if number < 4 else "")}
        for number in range(12)
    ]
    run_bare(Clean(Cleaning(filters=("c4",), limit=0.5)), write(tmp_path / "in", records, 1), tmp_path / "out")
    kept = {row["id"]: row["text"] for row in read(tmp_path / "out" / "kept")}
    assert "rows[0]" in kept["c3"]
    assert "[2]" not in kept["p1"]


def test_the_account_adds_up(records: list[dict[str, Any]], tmp_path: Path) -> None:
    account = run_bare(Clean(Cleaning(learn=False)), write(tmp_path / "in", records, 1), tmp_path / "out")
    rows = read(tmp_path / "out" / "kept")
    assert account.into.bytes == sum(len(record["text"].encode()) for record in records)
    assert account.out.documents == len(rows)
    assert account.out.bytes == sum(len(row["text"].encode()) for row in rows)
    taken = [*account.removed.values(), *account.changed.values()]
    assert account.into.bytes - account.out.bytes == sum(amount.bytes for amount in taken)
    assert account.into.documents - account.out.documents == sum(each.documents for each in account.removed.values())
    assert account.changed["c4.policy"].documents == 1
    assert not any("cookies" in row["text"] for row in rows)


@pytest.mark.parametrize("limit", [0.05, 0.1, 0.3])
def test_all_rules_and_edits_together_stay_within_the_limit(
    records: list[dict[str, Any]], tmp_path: Path, limit: float
) -> None:
    """In documents and in bytes, lines that are taken out included; by far more than the limit is against some rule."""
    filters = ("gopher_quality", "gopher_repetition", "c4", "fineweb", "web_lines")
    source = write(tmp_path / "in", records, 1)
    account = run_bare(Clean(Cleaning(filters=filters, limit=limit)), source, tmp_path / "out")
    for name, flow in account.domains.items():
        assert flow.into.documents - flow.out.documents <= limit * flow.into.documents
        # The break between a line that stays and one that goes is not counted beforehand.
        assert flow.into.bytes - flow.out.bytes <= limit * flow.into.bytes + 2 * flow.into.documents
        said = next(each for each in account.report["domains"] if each["domain"] == name)
        assert said["removes"]["documents"] == flow.into.documents - flow.out.documents
        assert said["may_go"] == {
            "documents": int(limit * flow.into.documents), "bytes": int(limit * flow.into.bytes)
        }  # fmt: skip
    assert account.domains["prose"].out.documents < account.domains["prose"].into.documents
    assert {each["domain"]: each["published_would_remove"] for each in account.report["domains"]}["french"] == 1


def test_a_domain_of_few_documents_loses_as_many_as_the_limit_comes_to(
    records: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Of 19 manuals 5% is none, and 12% is two; of one long book neither documents nor many lines go."""
    chance = random.Random(2)
    few = [{**record, "domain": "few"} for record in records if record["domain"] == "code"][:19]
    lines = [f"{i}. {prose(chance, FRENCH, 3)[:-1]}" + ("" if i % 4 else ".") for i in range(2000)]
    book = {"id": "book", "domain": "book", "text": "\n".join(lines)}
    source = write(tmp_path / "in", [*few, book], 1)
    found = {limit: run_bare(Clean(Cleaning(limit=limit)), source, tmp_path / f"out{limit}") for limit in (0.05, 0.12)}
    assert found[0.05].report["too_few_to_remove_any"] == ["few", "book"]
    assert found[0.12].report["too_few_to_remove_any"] == ["book"]
    assert found[0.05].domains["few"].out.documents == 19
    assert 17 <= found[0.12].domains["few"].out.documents < 19
    for account in found.values():
        book_in, book_out = account.domains["book"].into, account.domains["book"].out
        assert book_out.documents == 1
        assert book_out.bytes > 0.9 * book_in.bytes


def test_a_document_longer_than_is_looked_at_is_judged_by_all_of_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are lost all over it, and the limit is held against all of them."""
    monkeypatch.setattr("assay.corpus.filters.chain.LONGEST", 2000)
    chance = random.Random(3)
    text = prose(chance, ENGLISH, 40) + "\n" + "\n".join("and so on without an end" for _ in range(400))
    source = write(tmp_path / "in", [{"id": "a", "domain": "a", "text": text}], 1)
    account = run_bare(Clean(Cleaning(filters=("c4",), limit=0.3)), source, tmp_path / "out")
    assert not account.changed
    edits = {each["rule"]: each for each in account.report["edits"]}
    assert not edits["c4.no_terminal_punctuation"]["on"]
    assert edits["c4.no_terminal_punctuation"]["would_take"] == pytest.approx(400 * 25 / len(text), abs=0.01)


def test_options_of_a_domain_hold_there(records: list[dict[str, Any]], tmp_path: Path) -> None:
    """A domain's own stop words: French text has French ones, and English text English ones."""
    options: dict[str, dict[str, Any]] = {"french:gopher_quality": {"stop_words": ["le", "la", "et", "de"]}}
    source = write(tmp_path / "in", records, 1)
    settings = Cleaning(filters=("gopher_quality",), learn=False, options=options)
    account = run_bare(Clean(settings), source, tmp_path / "out")
    common = run_bare(Clean(Cleaning(filters=("gopher_quality",), learn=False)), source, tmp_path / "common")
    assert account.domains["french"].out.documents == account.domains["french"].into.documents
    assert common.domains["french"].out.documents == 0
    assert account.domains["prose"] == common.domains["prose"]
    with pytest.raises(
        UserError, match="option 'latin:c4': no document is of a domain 'latin'; there are: code, french"
    ):
        run_bare(Clean(Cleaning(options={"latin:c4": {"fewest_words": 2}})), source, tmp_path / "none")


def test_thresholds_by_hand_hold_in_their_domain(records: list[dict[str, Any]], tmp_path: Path) -> None:
    source = write(tmp_path / "in", records, 1)
    by_hand = {"gopher_quality.few_words": 1.0, "french:gopher_quality.few_words": 10_000.0,
               "gopher_quality.few_stop_words": None, "gopher_quality.few_letters": 0.0}  # fmt: skip
    settings = Cleaning(filters=("gopher_quality",), learn=False, thresholds=by_hand)
    account = run_bare(Clean(settings), source, tmp_path / "out")
    kept = {name: flow.out.documents for name, flow in account.domains.items()}
    assert kept["french"] == 0
    assert kept["prose"] == account.domains["prose"].into.documents
    used = {(row["domain"], row["rule"]): (row["used"], row["origin"]) for row in account.report["rules"]}
    assert used["french", "gopher_quality.few_words"] == (10_000.0, "by hand")
    assert used["prose", "gopher_quality.few_stop_words"] == (None, "off")


@pytest.mark.parametrize(("settings", "sentence"), [
    ({"filters": ["gopher"]}, "no filter is called 'gopher'; there are: gopher_quality"),
    ({"filters": ["c4", "c4"]}, "a filter is named twice"),
    ({"options": {"web_lines": {}}}, "there are options for 'web_lines', which is not among the filters"),
    ({"options": {"code:web_lines": {}}}, "there are options for 'code:web_lines', which is not among the filters"),
    ({"options": {"code:c4": {"longest": 3}}}, "options of filter 'c4' in domain 'code': unknown key 'longest'"),
    ({"filters": ["personal_data"], "options": {"code:personal_data": {"redact": ["email"]}}},
     "options of filter 'personal_data' in domain 'code' change which rules it has"),
    ({"options": {"c4": {"longest": 3}}}, "options of filter 'c4': unknown key 'longest'"),
    ({"thresholds": {"c4.words": 3}}, "threshold 'c4.words': no rule is called 'c4.words'; there are: c4.citation"),
    ({"thresholds": {"code:c4.policy": 3}}, "'c4.policy' changes texts and has no threshold; it can only be off"),
])  # fmt: skip
def test_settings_that_name_what_there_is_not(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as raised:
        Clean(Cleaning.parse(settings, "clean"))
    assert sentence in str(raised.value)


def test_every_edit_answers_for_the_bytes_that_it_took(tmp_path: Path) -> None:
    text = (
        "Pay to GB82 WEST 1234 5698 7654 32 or write to jane.doe.example@company-mail.org soon. And more words follow."
    )
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"id": "a", "text": text}) + "\n")
    account = run_bare(Clean(Cleaning(filters=("personal_data",))), source, tmp_path / "out.jsonl")
    assert {rule: amount.bytes for rule, amount in account.changed.items()} == {
        "personal_data.email": len("jane.doe.example@company-mail.org") - len("email@example.com"),
        "personal_data.iban": len("GB82 WEST 1234 5698 7654 32") - len("[IBAN]"),
    }
    assert account.into.bytes - account.out.bytes == sum(amount.bytes for amount in account.changed.values())


@pytest.mark.parametrize(
    "name", ["p{}", "s{}", "0{}", "split-{}", "web-{}-of-3-0123456789abcdef", "web.part{}", "c4_{}"]
)
def test_files_that_are_numbered_parts_of_one_are_one_domain(name: str, tmp_path: Path) -> None:
    chance = random.Random(3)
    folder = tmp_path / "whole"
    folder.mkdir()
    for part in range(3):
        rows = [{"id": f"d{part}.{i}", "text": prose(chance, ENGLISH)} for i in range(20)]
        path = folder / (name.format(part) + ".jsonl")
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    account = run_bare(Clean(Cleaning()), folder, tmp_path / "out.jsonl")
    assert list(account.domains) == [{"web": "web", "c4_": "c4"}.get(name[:3], "whole")]


def test_other_names_with_digits_are_domains_of_their_own(tmp_path: Path) -> None:
    for name in ("c4", "mc4", "wiki2"):
        path = tmp_path / "in" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text('{"text": "The stone was light."}\n')
    assert set(run_bare(Clean(Cleaning()), tmp_path / "in", tmp_path / "out.jsonl").domains) == {"c4", "mc4", "wiki2"}
