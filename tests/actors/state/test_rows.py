"""Rows: every field of the control row says how shards merge it, and a world's row is merged accordingly."""

import numpy as np
import pytest
from meterstorm.actors.shards.tally import _merge_control
from meterstorm.actors.state import control

WAYS = {control.SUM: 11, control.MAX: 8, control.LOCAL: 0}


@pytest.mark.parametrize("field", control.FIELDS, ids=lambda field: field.name)
def test_every_field_is_merged_as_it_says(field: control.Field):
    rows = [np.zeros(1, control.CONTROL) for _ in range(2)]
    rows[0][field.name], rows[1][field.name] = 3, 8
    assert _merge_control(rows)[field.name][0] == WAYS[field.merge]
