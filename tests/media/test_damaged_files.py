"""Damaged files: no traceback, no hang, nothing that spoils the next file."""

import numpy as np
import pytest

from dave_jax.media.audio import load_log_mel
from dave_jax.media.overlay import OverlayWriter
from dave_jax.media.source import open_source
from tests.media import clips

_CONTAINERS = {
  'a.mp4': {'codec': 'libx264', 'sound_codec': 'aac'},
  'a.mkv': {'codec': 'libx264', 'sound_codec': 'pcm_s16le'},
  'a.ts': {'codec': 'mpeg2video', 'sound_codec': 'aac', 'sound_rate': 48000},
  'a.avi': {'codec': 'mpeg4', 'sound_codec': 'pcm_s16le'},
}
_DAMAGES = ('flipped', 'cut', 'inserted', 'removed')
_FILES = 100


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
  """The bytes of a clip in each container."""
  folder = tmp_path_factory.mktemp('whole')
  return {
    name: clips.write_clip(
      folder / name,
      frames=range(25),
      sound=clips.tone(1, options.get('sound_rate', 16000)),
      **options,
    ).read_bytes()
    for name, options in _CONTAINERS.items()
  }


def damaged(content, damage, rng):
  """Returns the bytes of a file, damaged at random."""
  data = bytearray(content)
  if damage == 'flipped':
    for at in rng.integers(len(data), size=rng.integers(1, 60)):
      data[at] ^= 1 << rng.integers(8)
  elif damage == 'cut':
    del data[rng.integers(len(data)) :]
  else:
    at, size = rng.integers(len(data)), rng.integers(1, 3000)
    data[at : at if damage == 'inserted' else at + size] = (
      rng.bytes(size) if damage == 'inserted' else b''
    )
  return bytes(data)


def use(path, out):
  """Does with a file what `predict` does; returns how many frames it has."""
  try:
    with open_source(path, size=(32, 48)) as reader:
      times = [frame.time for frame in reader]
      assert times == sorted(set(times))
      sound = reader.sound()
      if sound is not None:
        assert np.isfinite(sound.log_mel).all()
    with (
      open_source(path) as reader,
      OverlayWriter(out, reader.info) as writer,
    ):
      for frame in reader:
        writer.write(frame.image, frame.time)
  # What `predict` reports before it goes on with the next file.
  except (ValueError, OSError) as error:
    assert str(error)
    return 0
  return len(times)


def _check(numbers, whole, tmp_path):
  readable = 0
  for number in numbers:
    rng = np.random.default_rng(number)
    name = list(whole)[number % len(whole)]
    damage = _DAMAGES[number // len(whole) % len(_DAMAGES)]
    path = tmp_path / f'{number}-{name}'
    path.write_bytes(damaged(whole[name], damage, rng))
    readable += use(path, tmp_path / 'o.mp4') > 0
  good = tmp_path / 'good.mp4'
  good.write_bytes(whole['a.mp4'])
  assert use(good, tmp_path / 'o.mp4') == 25
  assert load_log_mel(good).problems == ()
  return readable


@pytest.mark.timeout(120)
def test_some_damaged_files(whole, tmp_path):
  assert _check(range(0, _FILES, 7), whole, tmp_path) >= 8


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_damaged_files(whole, tmp_path):
  assert _check(range(_FILES), whole, tmp_path) >= 60
