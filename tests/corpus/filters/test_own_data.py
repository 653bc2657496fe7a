"""Filters about language, personal data, listed words and quality, as `clean` uses them."""

import json
import random
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.filters.filter import Filter
from assay.corpus.filters.listed_words import ListedWords
from assay.corpus.filters.parsed import Parsed
from assay.corpus.personal.presidio import Presidio
from assay.corpus.quality.classifier import best_share, write_classifier
from assay.corpus.quality.make import from_good
from assay.corpus.quality.sample import Drawn
from assay.corpus.steps.bare import run_bare
from assay.corpus.steps.clean import Clean
from assay.corpus.texts import Texts
from assay.spec.cleaning import Cleaning
from assay.spec.errors import UserError

PERSONAL = "Write to maria@posta.it or call +44 20 7946 0958, card 4111 1111 1111 1111."


def cleaned(tmp_path: Path, records: list[dict[str, Any]], name: str, **options: Any) -> tuple[Any, list[str]]:
    """The account, and the texts that stay."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"id": f"d{i}", **record}) + "\n" for i, record in enumerate(records)))
    step = Clean(Cleaning(filters=(name,), options={name: options} if options else {}))
    account = run_bare(step, source, target)
    texts = [json.loads(line)["text"] for line in target.read_text().splitlines()]
    target.unlink()
    return account, texts


# ------------------------------------------------------------------------------------------------ personal data


def test_personal_data_is_replaced_and_counted_by_kind(tmp_path: Path) -> None:
    records = [{"text": PERSONAL}, {"text": "Nothing to see, version 10.0.19041.3570."}, {"text": "ana@correo.es " * 3}]
    account, texts = cleaned(tmp_path, records, "personal_data")
    assert texts[0] == "Write to email@example.com or call 202-555-0100, card [CARD]."
    assert texts[1:] == [records[1]["text"], "email@example.com " * 3]
    assert {rule: amount.documents for rule, amount in account.changed.items()} == {
        "personal_data.email": 2, "personal_data.phone": 1, "personal_data.card": 1,
    }  # fmt: skip
    before, after = (sum(len(text.encode()) for text in each) for each in ([r["text"] for r in records], texts))
    assert sum(amount.bytes for amount in account.changed.values()) == before - after


def test_documents_with_some_kinds_can_be_removed(tmp_path: Path) -> None:
    records = [{"text": PERSONAL}, {"text": "ana@correo.es"}, {"text": "Nothing."}]
    account, texts = cleaned(tmp_path, records, "personal_data", remove=["card"])
    assert texts == ["email@example.com", "Nothing."]
    assert account.removed["personal_data.with_card"].documents == 1


def test_a_kind_is_either_replaced_or_removes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="both replaced and a reason"):
        cleaned(tmp_path, [{"text": "x"}], "personal_data", redact=["card"], remove=["card"])
    with pytest.raises(UserError, match="nothing to do"):
        cleaned(tmp_path, [{"text": "x"}], "personal_data", redact=[])


class FakeEngine:
    """Presidio's interface: results with start, end, type and score in characters, overlaps included."""

    def __init__(self, *, nlp_engine: Any, supported_languages: list[str]) -> None:
        assert nlp_engine == {"lang_code": "en", "model_name": "en_core_web_lg"}
        assert supported_languages == ["en"]

    def analyze(self, *, text: str, entities: list[str], language: str, score_threshold: float) -> list[Any]:
        assert language == "en"
        found = [("PERSON", each.span(), 0.85) for each in re.finditer("Zoë Müller|Zoë", text)]
        found += [("PERSON", each.span(), 0.3) for each in re.finditer("Write", text)]
        return [
            SimpleNamespace(entity_type=kind, start=start, end=end, score=score)
            for kind, (start, end), score in found
            if kind in entities and score >= score_threshold
        ]


def fake_provider(nlp_configuration: dict[str, Any]) -> Any:
    return SimpleNamespace(create_engine=lambda: nlp_configuration["models"][0])


@pytest.fixture
def fake_presidio(monkeypatch: pytest.MonkeyPatch) -> None:
    modules: dict[str, Any] = {
        "spacy": SimpleNamespace(util=SimpleNamespace(is_package=lambda name: name == "en_core_web_lg")),
        "presidio_analyzer": SimpleNamespace(AnalyzerEngine=FakeEngine),
        "presidio_analyzer.nlp_engine": SimpleNamespace(NlpEngineProvider=fake_provider),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.usefixtures("fake_presidio")
def test_what_presidio_finds_is_replaced_beside_the_rest(tmp_path: Path) -> None:
    records = [{"text": "Écrivez à Zoë Müller, zoë@posta.it: maria@posta.it"}]
    account, texts = cleaned(tmp_path, records, "personal_data", redact=["email", "presidio"])
    assert texts == ["Écrivez à [PERSON], zoë@posta.it: email@example.com"]
    assert set(account.changed) == {"personal_data.email", "personal_data.presidio"}
    with pytest.raises(UserError, match="spacy download fr_core_news_lg"):
        Presidio("fr", "fr_core_news_lg", ("PERSON",))


def test_presidio_itself(tmp_path: Path) -> None:
    """With a model made here, since none can be downloaded: a rule that knows one name."""
    pytest.importorskip("presidio_analyzer", reason="the extra presidio is not installed")
    import spacy

    language: Any = spacy.blank("en")
    language.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Zoë Müller"}])
    language.to_disk(tmp_path / "model")
    records = [{"text": "Écrivez à Zoë Müller: maria@posta.it"}]
    options = {"redact": ["email", "presidio"], "model": str(tmp_path / "model")}
    assert cleaned(tmp_path, records, "personal_data", **options)[1] == ["Écrivez à [PERSON]: email@example.com"]


def test_without_presidio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"pip install 'assay\[presidio\]'"):
        Presidio("en", "en_core_web_lg", ("PERSON",))


# ----------------------------------------------------------------------------------------------------- language

FRENCH = "Le garçon est allé à l'école ce matin, puis il a lu son livre avant de rentrer à la maison. " * 3
ENGLISH = "The boy went to school this morning, then he read his book before he came home again. " * 3


def test_languages_that_are_wanted(tmp_path: Path) -> None:
    pytest.importorskip("py3langid", reason="py3langid is not installed here yet; run make")
    records = [{"text": text, "domain": domain} for text, domain in
               ((ENGLISH, "web"), (FRENCH, "web"), ("12 34 56\n" * 50, "web"), (FRENCH, "french"))]  # fmt: skip
    assert cleaned(tmp_path, records, "language", languages=["en"])[1] == [ENGLISH]
    assert cleaned(tmp_path, records, "language", languages=["en", "fr"])[1] == [ENGLISH, FRENCH, FRENCH]
    assert cleaned(tmp_path, records, "language")[1] == [ENGLISH, FRENCH, FRENCH]  # numbers are no language
    with pytest.raises(UserError, match="no language has the code 'english'"):
        cleaned(tmp_path, records, "language", languages=["english"])


def test_a_domain_in_another_language(tmp_path: Path) -> None:
    pytest.importorskip("py3langid", reason="py3langid is not installed here yet; run make")
    languages = {"language": {"languages": "en"}, "french:language": {"languages": "fr,de"}}
    step = Clean(Cleaning(filters=("language",), options=languages))
    records = [("web", ENGLISH), ("web", FRENCH), ("french", ENGLISH), ("french", FRENCH)]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(
        json.dumps({"id": f"{i}", "domain": domain, "text": text}) + "\n" for i, (domain, text) in enumerate(records)
    ))  # fmt: skip
    account = run_bare(step, source, tmp_path / "out.jsonl")
    assert account.report["limit"] is None  # nothing is learned
    left = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["domain"], row["text"]) for row in left] == [("web", ENGLISH), ("french", FRENCH)]


# ------------------------------------------------------------------------------------------------- listed words


def share(text: str, phrases: list[str]) -> float:
    """Of words that belong to a phrase, by plain Python."""
    words = re.findall(r"\w+|[^\w\s]", text.lower())
    inside = set()
    for phrase in phrases:
        parts = re.findall(r"\w+|[^\w\s]", phrase.lower())
        for i in range(len(words)):
            if parts and words[i : i + len(parts)] == parts:
                inside.update(range(i, i + len(parts)))
    return len(inside) / max(len(words), 1)


some_words = st.lists(st.sampled_from(["bad", "Éric", "élan", "foo", "-", "bar"]), max_size=12).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(some_words, max_size=6), phrases=st.lists(some_words, min_size=1, max_size=4))
def test_listed_words_against_plain_python(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], phrases: list[str]
) -> None:
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("\n".join([*phrases, "BAD foo"]), encoding="utf-8")
    one: Filter = ListedWords(lists={"any": str(path)})
    found = one.measure(Parsed(Texts.of(texts)))["listed_words"]
    assert found.tolist() == pytest.approx([share(text, [*phrases, "bad foo"]) for text in texts])


def test_a_list_by_language(tmp_path: Path) -> None:
    pytest.importorskip("py3langid", reason="py3langid is not installed here yet; run make")
    (tmp_path / "fr.txt").write_text("école\nschool\n")
    records = [{"text": ENGLISH}, {"text": FRENCH}]
    account, texts = cleaned(tmp_path, records, "listed_words", lists={"fr": str(tmp_path / "fr.txt")})
    assert texts == [ENGLISH]
    assert account.removed["listed_words.listed_words"].documents == 1


@pytest.mark.parametrize(("content", "named"), [
    (None, "cannot be read"), (b"\n \n", "no words in it"), (b"\xff\xfe", "not UTF-8"),
])  # fmt: skip
def test_bad_lists(tmp_path: Path, content: bytes | None, named: str) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=named):
        cleaned(tmp_path, [{"text": "x"}], "listed_words", lists={"any": str(path)})
    with pytest.raises(UserError, match="none comes with assay"):
        cleaned(tmp_path, [{"text": "x"}], "listed_words")


# ------------------------------------------------------------------------------------------------------ quality


def test_the_best_share_of_each_domain_stays(tmp_path: Path) -> None:
    draw = random.Random(0)

    def text(good: int) -> str:
        return " ".join(draw.choices([f"w{i}" for i in range(50)], k=20) + ["lemma"] * good + ["casino"] * (9 - good))

    good, rest = ([Drawn(i, f"{k}{i}", "d", text(k)) for i in range(40)] for k in (9, 0))
    classifier, _ = from_good(good, rest)
    write_classifier(classifier, tmp_path / "quality")
    # The second domain's best is worse than the first one's worst.
    records = [{"text": text(5 + i % 5), "domain": "books"} for i in range(40)]
    records += [{"text": text(i % 5), "domain": "web"} for i in range(60)]
    options = {"classifier": str(tmp_path / "quality"), "share": 0.3}
    account, texts = cleaned(tmp_path, records, "quality", **options)
    expected = []
    for domain in ("books", "web"):
        mine = [record["text"] for record in records if record["domain"] == domain]
        batch = Texts.of(mine)
        kept = best_share(classifier.scores(batch), batch.sizes, 0.3)
        expected += [each for each, stays in zip(mine, kept.tolist(), strict=True) if stays]
    assert texts == expected
    for flow in account.domains.values():
        assert 0.3 <= flow.out.bytes / flow.into.bytes < 0.4
    step = Clean(Cleaning(filters=("quality",), options={"quality": options}))
    assert step.parameters()["read"] == {"quality": classifier.hash}
    with pytest.raises(UserError, match="needs a classifier"):
        cleaned(tmp_path, records, "quality")


def test_what_is_read_is_a_part_of_what_was_done(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("one\n")
    step = Clean(
        Cleaning(filters=("listed_words",), options={"listed_words": {"lists": {"any": str(tmp_path / "words.txt")}}})
    )
    before = step.parameters()
    (tmp_path / "words.txt").write_text("two\n")
    again = Clean(step.settings).parameters()
    assert before["read"] != again["read"]
    assert "read" not in Clean(Cleaning()).parameters()
