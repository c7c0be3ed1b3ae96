"""Profiling of some steps."""

import jax
import jax.numpy as jnp
import pytest

from dave_jax.training.profile import Profile


@pytest.fixture
def calls(monkeypatch):
  """The calls of the profiler, in order."""
  calls = []
  monkeypatch.setattr(jax.profiler, 'start_trace', calls.append)
  monkeypatch.setattr(jax.profiler, 'stop_trace', lambda: calls.append('stop'))
  return calls


def _run(profile, calls, steps, first=0):
  """Takes steps like the training loop."""
  for step in range(first, first + steps):
    profile.before(step)
    calls.append(step)
    profile.after(step + 1, jnp.zeros(()))
  profile.close()


def test_only_the_given_steps_are_recorded(calls, tmp_path):
  _run(Profile(tmp_path, first=2, steps=3), calls, 8)
  folder = str(tmp_path / 'profile')
  assert calls == [0, 1, folder, 2, 3, 4, 'stop', 5, 6, 7]


def test_end_of_the_run_stops_the_recording(calls, tmp_path):
  _run(Profile(tmp_path, first=2, steps=3), calls, 3)
  assert calls == [0, 1, str(tmp_path / 'profile'), 2, 'stop']


def test_zero_steps_record_nothing(calls, tmp_path):
  _run(Profile(tmp_path, first=0, steps=0), calls, 2)
  assert calls == [0, 1]


def test_recording_is_written(tmp_path):
  profile = Profile(tmp_path, first=0, steps=1)
  profile.before(0)
  profile.after(1, jnp.ones(3) + 1)
  assert list((tmp_path / 'profile').rglob('*.xplane.pb'))
