"""Lines of menus, notices and counters go, each for its reason; sentences stay."""

import numpy as np

from assay.corpus.filters.chain import edit
from assay.corpus.filters.web_lines import WebLines
from assay.corpus.texts import Texts

GOES = {
    "Sign in": "navigation", "Skip to content": "navigation", "Click here to continue reading": "navigation",
    "3 items in your cart": "navigation", "© 2019 Example Ltd": "notice", "All rights reserved.": "notice",
    "1,204 likes": "counter", "3.5k views": "counter", "OUR BEST OFFERS THIS WEEK": "capitals",
    "12/07/2019": "number", "Menu": "one_word",
}  # fmt: skip
STAYS = [
    "He read more books than anyone I know, and liked most of them.", "She signed in and went home at 3.",
    "Le roi était là.", "On 3 May, NATO met.", "", "    return x", "今天天气很好。",
]  # fmt: skip


def test_each_line_goes_for_its_reason() -> None:
    one = WebLines()
    for line, reason in GOES.items():
        changes = edit([one], Texts.of([f"A sentence that stays.\n{line}\nAnother one."]), on(1))
        assert changes.texts == {0: "A sentence that stays.\nAnother one."}, line
        assert changes.rules == {0: (f"web_lines.{reason}",)}, line


def test_sentences_stay() -> None:
    assert not edit([WebLines()], Texts.of(STAYS), on(len(STAYS))).texts


def on(count: int) -> dict[str, np.ndarray]:
    return {"web_lines": np.ones((count, len(WebLines.edits)), bool)}
