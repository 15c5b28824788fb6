"""Axes and marks of the charts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.page.charts import HEIGHT, WIDTH, Bar, Dot, bars, dots, lines
from reports.page.scales import scale, spans_factors

NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
POSITIVE = st.floats(1e-7, 1e3)


@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_scale_has_room_for_every_value_and_few_ticks(values: list[float]) -> None:
    made = scale(values, 40, 350)
    assert all(40 <= made.at(value) <= 350 for value in values)
    assert 1 <= len(made.ticks()) <= 6 and all(40 <= made.at(tick) <= 350 for tick in made.ticks())


@given(st.lists(POSITIVE, min_size=1, max_size=20))
def test_scale_by_factors_has_room_for_every_value_and_few_ticks(values: list[float]) -> None:
    made = scale(values, 40, 350, log=True)
    assert all(40 <= made.at(value) <= 350 for value in values)
    assert 1 <= len(made.ticks()) <= 6 and all(40 <= made.at(tick) <= 350 for tick in made.ticks())


@pytest.mark.parametrize(("values", "says"), [((1e-5, 1e-4), True), ((1, 2, 3), False), ((0.0, 100.0), False), ((), False)])
def test_axis_goes_by_factors_where_values_differ_by_them(values: tuple[float, ...], says: bool) -> None:
    assert spans_factors(values) is says


def test_words_of_a_chart_are_text() -> None:
    hostile = "<script>&\"'"
    for made in (
        lines([[(0, 1), (1, 2)]], says=hostile, x=hostile, y=hostile),
        dots([Dot(x=1, y=2, says=hostile)], says=hostile, x=hostile, y=hostile),
        bars([Bar(name=hostile, value=1.0)], says=hostile),
    ):
        assert "<script>" not in made and "&lt;script&gt;&amp;&#34;&#39;" in made


def test_dots_without_a_tooltip_are_one_path_and_crosses_another() -> None:
    made = dots([Dot(x=x, y=x) for x in range(50)] + [Dot(x=1, y=1, look="cross")], says="", x="", y="")
    assert len(re.findall(r'<path class="marks ', made)) == 2
    assert made.count("h0") == 50


def test_bars_lie_on_the_side_of_their_sign_with_their_interval() -> None:
    made = bars([Bar(name="de", value=2.0, low=1.0, high=3.0), Bar(name="sw", value=-2.0), Bar(name="ar", value=None)], says="")
    (plus,) = re.findall(r'class="bar-p" x="([\d.]+)"', made)
    (minus,) = re.findall(r'class="bar-n" x="([\d.]+)"', made)
    assert float(minus) < float(plus) and made.count("whisker") == 1 and "…" in made


def test_marks_stay_inside_the_drawing() -> None:
    made = lines([[(step, 1000.0 / (step + 1)) for step in range(100)]], says="", x="", y="")
    (path,) = re.findall(r'class="line l0" d="M([^"]+)"', made)
    places = [tuple(map(float, place.split())) for place in path.split("L")]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
