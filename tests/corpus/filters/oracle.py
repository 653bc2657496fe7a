"""datatrove's filters with words by a regular expression, and what they decided about a few texts.

    python -m tests.corpus.filters.oracle > tests/corpus/filters/golden/datatrove.json     (needs datatrove 0.10)

datatrove splits words with spaCy and sentences with its sentencizer. Here words are the matches of `WORD`, and
sentences end where `assay.corpus.filters.sentences` says; everything else is datatrove's own code.
"""

import json
import random
import re
import unicodedata
from typing import Any

MARKS = "".join(
    c for c in map(chr, range(0x110000)) if unicodedata.category(c)[0] == "M" or c in "\u200c\u200d"
)  # fmt: skip
WORD = re.compile(rf"[\w{MARKS}]+|[^\w\s{MARKS}]")
CLOSERS = "\"'”’)\\]»"

#: Our names of datatrove's reasons.
NAMES = {
    "gopher_short_doc": "few_words", "gopher_long_doc": "many_words", "gopher_below_avg_threshold": "short_words",
    "gopher_above_avg_threshold": "long_words", "gopher_too_many_hashes": "hashes",
    "gopher_too_many_ellipsis": "ellipses", "gopher_too_many_bullets": "bullet_lines",
    "gopher_too_many_end_ellipsis": "ellipsis_lines", "gopher_below_alpha_threshold": "few_letters",
    "gopher_enough_stop_words": "few_stop_words",
    "dup_para_frac": "duplicate_paragraphs", "dup_para_char_frac": "duplicate_paragraph_characters",
    "dup_line_frac": "duplicate_lines", "dup_line_char_frac": "duplicate_line_characters",
    **{f"top_{n}_gram": f"top_{n}_gram" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"duplicate_{n}_grams" for n in range(5, 11)},
    "lorem_ipsum": "lorem_ipsum", "curly_bracket": "curly_bracket", "too_few_sentences": "few_sentences",
    "line_punct_ratio": "unfinished_lines", "short_line_ratio": "short_lines",
    "char_dup_ratio": "duplicate_line_characters", "list_ratio": "newlines", "empty": "unfinished_lines",
}  # fmt: skip


class Oracle:
    """datatrove's four filters. Raises `ImportError` where it is not installed."""

    def __init__(self) -> None:
        import datatrove.utils.text as text
        from datatrove.data import Document
        from datatrove.pipeline import filters
        from datatrove.utils import word_tokenizers

        terminal = re.escape("".join(text.TERMINAL_PUNCTUATION))
        end = re.compile(
            rf"[{terminal}][{CLOSERS}]{{0,2}}(?=\s|$)"
            rf"|[。！？．｡][{CLOSERS}]{{0,2}}(?![{terminal}{CLOSERS}])|\Z"
        )

        class Words:
            """A tokenizer of words and sentences in the place of spaCy's."""

            def word_tokenize(self, text: str) -> list[str]:
                return WORD.findall(text)

            def span_tokenize(self, text: str) -> list[tuple[int, int]]:
                spans, start = [], 0
                for match in end.finditer(text):
                    if text[start : match.end()].strip():
                        spans.append((start, match.end()))
                        start = match.end()
                return spans

        word_tokenizers.load_word_tokenizer = lambda _language: Words()  # looked up at every call
        self._text, self._document = text, Document
        self._filters: dict[str, Any] = {
            "gopher_quality": filters.GopherQualityFilter(),
            "gopher_repetition": filters.GopherRepetitionFilter(),
            "c4": filters.C4QualityFilter(),
            "fineweb": filters.FineWebQualityFilter(),
        }

    def judge(self, text: str) -> tuple[dict[str, str | None], str]:
        """The rule by which each filter, on its own, removes a text, or None; and the text as C4 leaves it."""
        self._text.split_into_parts.cache_clear()
        found: dict[str, str | None] = {}
        left = text
        for name, each in self._filters.items():
            document = self._document(text=text, id="")
            kept = each.filter(document)
            found[name] = None if kept is True else NAMES[kept[1]]
            if name == "c4":
                left = document.text
        return found, left


def varied(texts: list[str], seed: int) -> list[str]:
    """Texts changed so that every filter has something to say about some of them."""
    chance = random.Random(seed)
    return [_change(text, chance) for text in texts]


def _change(text: str, chance: random.Random) -> str:
    lines, kind = text.split("\n"), chance.randrange(10)
    if kind == 0:
        return "\n".join(line for line in lines for _ in range(chance.choice((1, 1, 2))))
    if kind == 1:
        return text[: chance.randrange(1, max(2, min(len(text), 900)))]
    if kind == 2:
        return "\n".join("- " + line if chance.random() < 0.95 else line for line in lines)
    if kind == 3:
        return "\n".join(line + "..." if chance.random() < 0.35 else line for line in lines)
    if kind == 4:
        return " ".join(word + ("#" if chance.random() < 0.12 else "") for word in text.split(" "))
    if kind == 5:
        more = (" We use cookies.", " JavaScript must be on.", "[12]", "\u2028and more", "\r", " {x}", " Lorem ipsum.")
        return "\n".join(line + chance.choice(more) if chance.random() < 0.2 else line for line in lines)
    if kind == 6:
        words = text.split(" ")
        at = chance.randrange(len(words))
        again = words[at : at + chance.randrange(3, 40)]
        return " ".join(words[:at] + again * chance.randrange(2, 9) + words[at : at + 200])
    if kind == 7:
        return "\n\n\n".join(chance.sample(lines, len(lines)) + lines[: len(lines) // 3])
    if kind == 8:
        return re.sub(r"(?<=[a-z]{2}) (?=[a-z]{2})", lambda _: chance.choice(" -" + "a" * 6), text)
    odd = "中のक。 \n._1\u0301😀A…"
    return "".join(chance.choice(odd) if chance.random() < 0.3 else c for c in text[:2000])


def main() -> None:
    import sys
    from pathlib import Path

    root = Path(__file__).parents[3]
    pages = [path.read_text(encoding="utf-8") for path in sorted((root / "docs" / "explanation").glob("*.md"))]
    pieces = [page[start : start + 1200] for page in pages for start in range(0, len(page), 2500)]
    odd = [
        "L'été était chaud, et l'on dormait mal. « Où vas-tu ? » dit-il.\n" * 9,
        "今天天气很好。我们去公园吧！你想一起去吗？\n" * 12,
        "ذهب الولد إلى المدرسة في الصباح. قرأ الكتاب ثم عاد إلى البيت.\n" * 6,
        "def f(x):\n    return {'a': x}\n" * 10, "word " * 80, "\n\n\n", "x", "one, two.\n\none, two.\n\n\nthree.",
        "It is a day. The sun is up! Is it? We have time, and that is good to know. It is. The end.\n" * 4,
    ]  # fmt: skip
    texts = [text for text in pieces + odd for text in (text, *varied([text] * 2, len(text)))]
    oracle = Oracle()
    rows = []
    for text in dict.fromkeys(texts):
        try:
            rows.append({"text": text, "removed_by": oracle.judge(text)[0]})
        except ZeroDivisionError:  # a text without words
            continue
    json.dump({"made_with": "datatrove 0.10.1, words by a regular expression", "rows": rows}, sys.stdout,
              ensure_ascii=False, indent=0)  # fmt: skip


if __name__ == "__main__":
    main()
