"""The network that comes with the package."""

import numpy as np
import pytest

import dave_jax
from dave_jax import predict
from dave_jax.weights.bundled import BUNDLED


def test_bundled_network_is_small_and_described():
  files = [path for path in BUNDLED.rglob('*') if path.is_file()]
  assert sum(path.stat().st_size for path in files) <= 10e6
  assert (
    dave_jax.load().fingerprint
    in (BUNDLED.parent / 'MODEL_CARD.md').read_text()
  )


def test_predict_takes_the_bundled_network(clip, tmp_path, capsys):
  arguments = [str(clip), f'--out={tmp_path}', '--format=npz', '--stride=20']
  assert predict.main([*arguments, '--size=network']) == 0
  assert 'using the bundled small network' in capsys.readouterr().err
  with np.load(tmp_path / 'noise' / 'maps.npz') as arrays:
    assert arrays['saliency'].shape[1:] == (36, 48)


@pytest.mark.parametrize(
  ('photograph', 'face'),
  [
    # Left, top, right and bottom in pixels, drawn by hand: a woman among four
    # people, and a small face behind a camera.
    ('414.jpg', (210, 60, 325, 225)),
    ('352.jpg', (375, 185, 455, 250)),
  ],
)
def test_the_maximum_lies_in_a_face(photograph, face, data):
  path = data / 'eyecrowd' / 'stimuli' / photograph
  ((_, saliency),) = dave_jax.load().predict(path)
  y, x = np.unravel_index(saliency.argmax(), saliency.shape)
  left, top, right, bottom = face
  assert left <= x <= right and top <= y <= bottom
