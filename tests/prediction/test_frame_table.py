"""The numbers of each frame, against hand computation."""

import csv

import numpy as np
import pytest

from dave_jax.media.areas import Area
from dave_jax.prediction.frame_table import (
  Screen,
  area_columns,
  loudness,
  measure,
  write_numbers,
)

# Four cells across and two down, each of 10 x 10 pixels.
_SCREEN = Screen(width=40, height=20, pixels_per_degree=5.0)


def _maps(*maps):
  return np.array(maps, np.float32).reshape(len(maps), 2, 4)


def test_a_single_cell_has_no_entropy_and_no_spread():
  table = measure(_maps([0, 0, 3, 0, 0, 0, 0, 0]), _SCREEN, [], None)
  for name, expected in (
    ('entropy', 0),
    ('spread', 0),
    # The middle of the third cell of the first row.
    ('peak_x', 25),
    ('peak_y', 5),
    ('centroid_x', 25),
    ('centroid_y', 5),
  ):
    assert table[name] == pytest.approx([expected], abs=1e-9), name


def test_even_map_and_its_spread_in_degrees():
  table = measure(_maps(np.ones(8)), _SCREEN, [], None)
  assert table['entropy'] == pytest.approx([3])  # log2 of 8 cells.
  assert table['centroid_x'] == pytest.approx([20])
  assert table['centroid_y'] == pytest.approx([10])
  # x is off by 5 or 15, y by 5: (5^2 + 15^2) / 2 + 5^2 = 150.
  assert table['spread'] == pytest.approx([150**0.5])
  assert table['spread_degrees'] == pytest.approx([150**0.5 / 5])


def test_peak_lies_between_cells_and_moves():
  table = measure(
    # A parabola 4 - (x - 1.25)^2 at x = 0, 1, 2, 3, which is highest at 1.25;
    # a tie lies in the middle of the two.
    _maps(
      [*(4 - (np.arange(4) - 1.25) ** 2), 0, 0, 0, 0], [0, 5, 5, 0, 0, 0, 0, 0]
    ),
    _SCREEN,
    [],
    None,
  )
  assert table['peak_x'] == pytest.approx([17.5, 20])
  assert table['peak_shift'][1] == pytest.approx(2.5)
  assert np.isnan(table['peak_shift'][0])


def test_effect_of_sound():
  own = _maps([1, 0, 0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0, 0])
  silent = _maps([2, 0, 0, 0, 0, 0, 0, 0], [0, 0, 3, 0, 0, 0, 0, 0])
  table = measure(own, _SCREEN, [], silent)
  # Half of the attention moves, then all of it.
  assert table['sound_effect'] == pytest.approx([0.5, 1])
  assert table['entropy_change'] == pytest.approx([1, 0])


def test_map_of_zeros_has_no_numbers():
  areas = [Area('', None, 'left', (0, 0, 20, 20))]
  table = measure(_maps(np.zeros(8)), _SCREEN, areas, None)
  assert all(np.isnan(values).all() for values in table.values())


def test_loudness_of_steps():
  # 1 s of 100 steps: half a second at full scale, then silence.
  power = np.repeat([1.0, 0.0], 50)
  times = np.array([2.0, 2.2, 2.4, 2.6, 2.8, 3.0])
  found = loudness(power, 100, 2.0, times)
  # The third frame, 0.4 to 0.6 s, is half full, half silent.
  expected = [0, 0, 10 * np.log10(0.5), -100, -100, -100]
  np.testing.assert_allclose(found, expected, atol=1e-9)


def test_names_of_areas_are_distinct():
  areas = [
    Area('', None, name, (0, 0, 1, 1)) for name in ('', 'a b', 'a b', 'a_b')
  ]
  assert area_columns(areas) == [
    'share_1',
    'share_a_b',
    'share_a_b_3',
    'share_a_b_4',
  ]


def test_table_is_read_back(tmp_path):
  rows = [{'frame': 1, 'time': 0.0}, {'frame': 6, 'time': 0.2}]
  areas = [Area('', None, 'a|<b>', (0, 0, 20, 20))]
  write_numbers(
    tmp_path,
    rows,
    _maps(np.ones(8), np.zeros(8)),
    screen=_SCREEN,
    areas=areas,
    sound=None,
    silent=None,
  )
  with (tmp_path / 'frames.csv').open(newline='') as file:
    first, second = csv.DictReader(file)
  assert (first['frame'], second['time']) == ('1', '0.2')
  assert first['share_a|<b>'] == '0.5'
  assert second['entropy'] == second['share_a|<b>'] == ''
  assert 'loudness' not in first
  assert '| share_a\\|&lt;b> |' in (tmp_path / 'frames.md').read_text()
