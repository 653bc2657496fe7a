"""Words and lines of a chunk are those of a regular expression, `split` and `splitlines`, in any script."""

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.corpus.filters.parsed import Parsed, Spans, chunks
from assay.corpus.filters.sentences import sentences
from assay.corpus.texts import Texts

from .oracle import WORD

CHARACTERS = st.one_of(
    st.sampled_from("ab_1 .\n\r\t…“é中。ذनि\u0301\u200d\u2028\x85\x1c\x00😀½"), st.characters(codec="utf-8")
)
DOCUMENTS = st.lists(st.text(CHARACTERS, max_size=40), max_size=6)


def pieces(parsed: Parsed, spans: Spans) -> list[list[str]]:
    places = list(zip(spans.start.tolist(), spans.end.tolist(), strict=True))
    return [
        [parsed.raw[start:end].decode() for start, end in places[spans.first[i] : spans.first[i + 1]]]
        for i in range(len(parsed))
    ]


@given(DOCUMENTS)
@settings(max_examples=50)
def test_words_and_lines(texts: list[str]) -> None:
    parsed = Parsed(Texts.of(texts))
    assert pieces(parsed, parsed.words) == [WORD.findall(text) for text in texts]
    assert pieces(parsed, parsed.lines) == [text.split("\n") for text in texts]
    assert pieces(parsed, parsed.screen_lines) == [text.splitlines() for text in texts]
    words = [word for text in texts for word in WORD.findall(text)]
    assert parsed.word_lengths.tolist() == [len(word) for word in words]
    assert parsed.characters.tolist() == [len(text) for text in texts]
    by_hash = dict(zip(parsed.word_hashes.tolist(), words, strict=True))
    assert len(by_hash) == len(set(words))
    assert parsed.glued.tolist() == [
        match.start() > 0 and not text[match.start() - 1].isspace() for text in texts for match in WORD.finditer(text)
    ]


@given(st.lists(st.text("ab", min_size=1, max_size=90), min_size=1, max_size=8))
def test_long_words_are_told_apart_by_any_of_their_characters(words: list[str]) -> None:
    parsed = Parsed(Texts.of(words))
    assert len(set(parsed.word_hashes.tolist())) == len(set(words))
    assert Parsed(Texts.of(words[::-1])).word_hashes.tolist() == parsed.word_hashes.tolist()[::-1]


def test_sentences() -> None:
    counted = {
        "One. Two! Three?": 3, 'He said "No." Then he left.': 2, "See 3.14 and e.g. this": 2, "no end": 1, "": 0,
        "One\nTwo\n\nThree.": 3, "今天很好。我们走吧！好吗？": 3, "مرحبا. كيف حالك؟ بخير": 3, "«Oui.» Et puis ?": 2,
        "。。。": 1, "Wait...  What?!": 2,
    }  # fmt: skip
    assert sentences(Parsed(Texts.of(list(counted)))).tolist() == list(counted.values())


def test_chunks_hold_all_documents_in_order_and_cut_long_ones_between_characters() -> None:
    texts = ["é" * 700_000, "a" * 10, "", "b" * 2_000_000, "c"]
    found = [text for _, parsed in chunks(Texts.of(texts), longest=1_000_001) for text in parsed.texts]
    assert found == ["é" * 500_000, "a" * 10, "", "b" * 1_000_001, "c"]
    assert [text for _, parsed in chunks(Texts.of(texts), longest=None) for text in parsed.texts] == texts
