"""Data sets that the tests of the pipeline read."""

import numpy as np
import pytest

from tests.data import sets


@pytest.fixture(scope='session')
def data_dir(tmp_path_factory):
  return tmp_path_factory.mktemp('sets')


@pytest.fixture(scope='session')
def videos(data_dir):
  """Three clips: with sound, silent, and with sound that ends before it."""
  return sets.write_set(
    data_dir,
    'videos',
    [
      sets.make_clip('loud', frames=50, waveform=sets.noise(2.1)),
      sets.make_clip('silent', frames=17, rate=30.0, fixated=range(3, 17)),
      sets.make_clip(
        'short',
        frames=40,
        times=0.013 + np.arange(40) / 24,
        rate=24.0,
        waveform=sets.noise(0.9, 1),
        fixated=[0, 5, *range(20, 38)],
      ),
      sets.make_clip('other', frames=20, split='test', fixated=[4, 9]),
    ],
  )


@pytest.fixture(scope='session')
def stills(data_dir):
  return sets.write_set(
    data_dir,
    'stills',
    [sets.make_clip(f'still{i}', rate=0.0) for i in range(7)],
  )


@pytest.fixture(scope='session')
def few_stills(data_dir):
  return sets.write_set(
    data_dir, 'few', [sets.make_clip(f'few{i}', rate=0.0) for i in range(3)]
  )
