"""Areas of interest: their files, and the share of a map in them."""

import json

import numpy as np
import pytest

from dave_jax.media.areas import Area, areas_of, read_areas, shares

_HEAD = 'clip,frame,x0,y0,x1,y1,area\n'


def _area(*box, name=''):
  return Area('', None, name, box)


def test_csv_and_json_hold_the_same(tmp_path):
  (tmp_path / 'a.csv').write_text(_HEAD + '"a, b",,1,2,3.5,4,face\n')
  (tmp_path / 'a.json').write_text(
    json.dumps(
      {
        'format': 'dave-jax areas 1',
        'clip': 'a, b',
        'width': 10,
        'height': 10,
        'areas': [{'name': 'face', 'x0': 1, 'y0': 2, 'x1': 3.5, 'y1': 4}],
      }
    )
  )
  expected = [Area('a, b', None, 'face', (1.0, 2.0, 3.5, 4.0))]
  assert read_areas(tmp_path / 'a.csv') == expected
  assert read_areas(tmp_path / 'a.json') == expected


@pytest.mark.parametrize(
  'name, text, message',
  [
    ('a.csv', 'clip,frame\n', 'missing: x0, y0, x1, y1'),
    ('a.csv', _HEAD, 'one or more areas, got none'),
    ('a.csv', _HEAD + 'a,,1,2,x,4,\n', 'line 2: expected numbers'),
    ('a.csv', _HEAD + 'a,,3,2,1,4,\n', 'expected x0 < x1'),
    ('a.json', '{', 'expected JSON'),
    ('a.json', '[]', "the format 'dave-jax areas 1'"),
    ('a.json', '{"format": "dave-jax areas 1"}', 'got none'),
    (
      'a.json',
      '{"format": "dave-jax areas 1", "areas": [{"x0": 1}]}',
      'area 1: expected numbers',
    ),
  ],
)
def test_damaged_files_are_refused(tmp_path, name, text, message):
  (tmp_path / name).write_text(text)
  with pytest.raises(ValueError, match=message):
    read_areas(tmp_path / name)


def test_areas_of_a_video_have_its_name_or_none(tmp_path):
  path = tmp_path / 'a.csv'
  rows = ('street,,0,0,1,1,one', 'park.mp4,,0,0,1,1,two', ',,0,0,1,1,three')
  path.write_text(_HEAD + '\n'.join(rows) + '\n')
  for video, names in (
    ('x/street.mp4', ['one', 'three']),
    ('x/park.mp4', ['two', 'three']),
    ('x/sea.mp4', ['three']),
  ):
    areas, notes = areas_of(video, path)
    assert [area.name for area in areas] == names
    assert notes == []
  assert areas_of('x/street.mp4', None) == ([], [])
  path.write_text(_HEAD + rows[0] + '\n')
  areas, (note,) = areas_of('x/sea.mp4', path)
  assert areas == []
  assert 'areas of other videos only, such as street' in note


def test_areas_of_single_frames_are_refused(tmp_path):
  path = tmp_path / 'a.csv'
  path.write_text(_HEAD + 'street,12,0,0,1,1,one\n')
  with pytest.raises(ValueError, match='got one of frame 12'):
    areas_of('street.mp4', path)


def test_shares_by_hand():
  # Two rows of three cells, each of 10 x 10 pixels.
  maps = np.array([[[1, 2, 3], [4, 0, 0]], [[0, 0, 0], [0, 0, 0]]], np.float32)
  areas = [
    _area(0, 0, 30, 20),
    _area(0, 0, 10, 10),
    # Half of the cell of 2 and a quarter of the cell of 3.
    _area(15, 0, 20, 10),
    _area(20, 5, 25, 20),
    _area(-5, -5, 5, 40),
    _area(50, 50, 60, 60),
  ]
  found = shares(areas, maps, (20, 30))
  expected = np.array([10, 1, 1, 0.75, 2.5, 0]) / 10
  np.testing.assert_allclose(found[0], expected, atol=1e-12)
  assert np.isnan(found[1]).all()
