"""Tests of the record format."""

import numpy as np
import pytest

from dave_jax.datasets import schema


def _clip(**fields):
  settings = {
    'name': 'a',
    'source': 'diem',
    'split': 'train',
    'category': '',
    'gaze_kind': 'mouse',
    'first_record': 5,
    'frames': 33,
    'rate': 25.0,
    'height': 48,
    'width': 80,
    'has_sound': True,
    'viewers': 2,
    'fixations': 0,
    'fixated': (),
  }
  return schema.Clip(**settings | fields)


@pytest.mark.parametrize(
  'frames, runs',
  [
    ([], ()),
    ([4], ((4, 5),)),
    ([7, 0, 1, 2, 2, 6], ((0, 3), (6, 8))),
  ],
)
def test_runs_cover_exactly_the_given_frames(frames, runs):
  assert schema.runs(frames) == runs
  np.testing.assert_array_equal(
    _clip(fixated=runs).fixated_frames(), sorted(set(frames))
  )


def test_a_frame_is_found_in_its_record():
  clip = _clip()
  assert clip.records == 3
  assert clip.record_of(0) == (5, 0)
  assert clip.record_of(15) == (5, 15)
  assert clip.record_of(32) == (7, 0)


def test_record_survives_serialization():
  features = schema.features()
  record = {
    'clip': 'Blühen',
    'source': 'diem',
    'category': '',
    'gaze_kind': 'mouse',
    'first_frame': 16,
    'clip_frames': 18,
    'rate': 29.97,
    'height': 48,
    'width': 80,
    'frames': [b'\xff\xd8\x00', b''],
    # A third at 24 a second: float32 would move it across a log-mel frame.
    'times': np.array([1 / 24, 0.125]),
    'has_sound': False,
    'waveform': np.zeros(0, np.float32),
    'waveform_start': 2**40,
    'fixation_xy': np.array([[0.25, 47.5]], np.float32),
    'fixation_frame': np.array([1], np.int32),
    'fixation_viewer': np.array([schema.POOLED], np.int32),
    'density': [],
    'sigma': 0.0,
    'sounding_box': np.zeros((0, 4), np.float32),
    'sounding_frame': np.zeros(0, np.int32),
  }
  back = features.deserialize_example_np(features.serialize_example(record))
  assert set(back) == set(record)
  assert back['clip'].decode() == 'Blühen'
  assert back['rate'] == pytest.approx(29.97)
  for key, value in record.items():
    if isinstance(value, np.ndarray):
      np.testing.assert_array_equal(back[key], value)
      assert back[key].dtype == value.dtype
    elif key not in ('clip', 'rate', 'source', 'category', 'gaze_kind'):
      assert back[key] == value


@pytest.mark.parametrize(
  'xy, pixel',
  [
    ((0, 0), (0, 0)),
    ((8, 6), (1, 1)),
    ((7.99, 5.99), (0, 0)),
    # float32 rounds this to 800, 600: the edge is in the last pixel.
    ((799.99998, 599.99999), (99, 99)),
    # Display pixels that a source's own rounding puts just outside.
    ((-1e-6, 300), (50, 0)),
  ],
)
def test_fixation_pixels_are_inside_the_map(xy, pixel):
  """800 x 600 pixels in a map of 100 x 100: 8 x 6 pixels a cell."""
  stored = np.array([xy], np.float32)
  rows, columns = schema.fixation_pixels(stored, (600, 800), (100, 100))
  assert (rows.tolist(), columns.tolist()) == ([pixel[0]], [pixel[1]])
