"""Escaping, wording and axes, each against something independent."""

import math
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.interfaces.report import plot, wording
from assay.interfaces.report.html import element

#: What HTML can hold: no controls, no surrogates, and a carriage return reads back as a line feed.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


class Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.values: list[str | None] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.values += [value for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.said += data


@given(TEXT, TEXT)
def test_any_text_comes_back_from_a_parser_as_it_went_in(content: str, attribute: str) -> None:
    read = Reader(element("p", content, title=attribute))
    assert (read.tags, read.said, read.values) == (["p"], content, [attribute])


def test_elements_inside_elements_are_not_escaped_and_attributes_can_be_left_out() -> None:
    text = element("p", element("b", "1 < 2"), [" and ", None, 3], class_="a", hidden=True, title=None, open=False)
    assert text == '<p class="a" hidden><b>1 &lt; 2</b> and 3</p>'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1, "1.00"), (-1.5, "−1.50"), (12.34, "12.3"), (999.6, "1,000"), (1234, "1,230"), (0.01234, "0.0123"),
        (0.00001234, "1.23×10⁻⁵"), (1.5e12, "1.50×10¹²"), (-2e-9, "−2.00×10⁻⁹"),
    ],
)  # fmt: skip
def test_three_significant_digits(value: float, text: str) -> None:
    assert wording.significant(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00%"), (1.0, "+1.00%"), (-0.456, "−0.46%"), (0.0012, "+0.001%"), (12.34, "+12.3%"), (-250, "−250%")],
)
def test_per_cent_with_a_sign(value: float, text: str) -> None:
    assert wording.percent(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (None, None, "not bounded yet"),
        (0.1, 0.25, "+0.10% to +0.25%"),
        (0.1, None, "from +0.10%, above not bounded yet"),
        (None, 0.25, "up to +0.25%, below not bounded yet"),
    ],
)
def test_intervals_say_which_end_is_not_bounded(low: float | None, high: float | None, text: str) -> None:
    assert wording.percent_range(low, high) == text


@given(st.floats(1e-4, 1e12), st.floats(1.02, 1e6), st.integers(2, 8), st.booleans())
def test_ticks_are_round_numbers_inside_the_axis(low: float, ratio: float, count: int, log: bool) -> None:
    axis = plot.Axis(low, low * ratio, log)
    ticks = axis.ticks(count)
    assert len(ticks) <= 3 * count
    for tick in ticks:
        assert axis.low * (1 - 1e-9) <= tick <= axis.high * (1 + 1e-9)
        if tick:
            assert math.isclose(float(f"{tick:.6g}"), tick, rel_tol=1e-9)
    assert (axis.at(axis.low), axis.at(axis.high)) == pytest.approx((0, 100))


def test_a_log_axis_gives_equal_ratios_equal_lengths() -> None:
    axis = plot.Axis(1e10, 1e14, log=True)
    assert [round(axis.at(10.0**power), 6) for power in range(10, 15)] == [0, 25, 50, 75, 100]


def test_points_outside_an_axis_are_put_on_its_ends() -> None:
    axis = plot.Axis(-1.0, 3.0)
    assert [axis.at(-9), axis.at(0), axis.at(9)] == [0, 25, 100]
