"""Fixtures that more than one folder of tests needs."""

import pathlib

import pytest

_ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def shared() -> pathlib.Path:
  """Folder of goldens and real data beside the checkout; skips without it."""
  folder = _ROOT.parent / 'shared'
  if not folder.is_dir():
    pytest.skip(f'needs the goldens and data folder {folder}')
  return folder


@pytest.fixture(scope='session')
def goldens(shared) -> pathlib.Path:
  """Folder of figures that the original software computed."""
  return shared / 'goldens'


@pytest.fixture(scope='session')
def data(shared) -> pathlib.Path:
  """Folder of real photographs, gaze and clips."""
  return shared / 'data'
