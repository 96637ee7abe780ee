"""The colors: seen on their paper, and told apart by the color-blind."""

import itertools

import numpy as np
import pytest
from meterstorm.experiments.drawing import palette

THEMES = [palette.LIGHT, palette.DARK]
# Machado, Oliveira and Fernandes (2009), severity 1, on linear light.
BLINDNESS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(color: str) -> np.ndarray:
    parts = np.array([int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(color: str) -> float:
    return float(linear(color) @ [0.2126, 0.7152, 0.0722])


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def lab(light: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(light, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
def test_every_line_is_seen_on_its_paper(theme):
    """WCAG 2.2, 1.4.11: 3 for graphics; 1.4.3: 4.5 for words."""
    assert all(contrast(color, theme.paper) >= 3 for color in theme.series)
    for back in (theme.paper, theme.panel):
        assert contrast(theme.ink, back) >= 4.5
        assert contrast(theme.soft, back) >= 4.5
    assert contrast(theme.ink, theme.shade) >= 4.5


@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_first_four_colors_are_told_apart_by_the_color_blind(theme, kind):
    """By a CIE76 difference of 10 at least; lines have dashes, too."""
    seen = [lab(np.array(BLINDNESS[kind]) @ linear(color)) for color in theme.series[:4]]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 10


def test_every_line_has_dashes_of_its_own():
    assert len(set(palette.DASHES)) == len(palette.DASHES) == len(palette.LIGHT.series) == len(palette.DARK.series)


@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
def test_shades_go_one_way(theme):
    steps = np.diff([luminance(shade) for shade in theme.shades])
    assert (steps < 0).all() or (steps > 0).all()


def test_a_file_has_colors_and_a_page_has_properties():
    assert "var(" not in palette.style() and "$" not in palette.style()
    assert "$" not in palette.page_style() and "#" not in palette.page_style()
