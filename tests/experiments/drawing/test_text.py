"""Text in figures: whatever a name has in it."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterstorm.experiments.drawing import text

anything = st.text(st.characters(), max_size=80)


@given(anything)
def test_a_label_is_one_text_whatever_it_says(words):
    (only,) = ElementTree.fromstring(f"<svg>{text.label(1.0, 2.0, words)}</svg>")
    assert only.tag == "text" and len(only) == 0
    kept = text.NOT_XML.sub("\ufffd", words).replace("\r\n", "\n").replace("\r", "\n")
    assert (only.text or "") == kept


@given(anything, st.floats(20, 400))
def test_what_is_cut_fits(words, room):
    assert text.width(text.cut(words, room)) <= room


def test_what_fits_is_not_cut():
    assert text.cut("as  shipped\n", 200.0) == "as shipped"
    assert text.cut("wide" * 75, 200.0).endswith("…")


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.12345, "0.123"), (999, "999"), (1234.4, "1,234"), (9999.6, "10,000"), (12_345, "12.3k"),
     (4_000_000, "4M"), (7.25e9, "7.25G"), (-1500, "-1,500")],
)  # fmt: skip
def test_numbers_as_a_reader_takes_them_in(value, words):
    assert text.number(value) == words


def test_a_text_is_capitalized_and_otherwise_left_alone():
    assert text.capitalized("wait of KB users") == "Wait of KB users"
    assert text.capitalized("") == ""
