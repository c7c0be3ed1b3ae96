"""Maps that are kept while a video is predicted."""

import numpy as np
import pytest

from dave_jax import predict
from dave_jax.prediction.map_log import MapLog
from dave_jax.prediction.saliency_model import SaliencyModel


def test_maps_that_no_row_names_are_dropped(tmp_path):
  maps = np.random.default_rng(0).random((3, 2, 4), np.float32)
  log = MapLog(tmp_path / 'maps', (2, 4))
  log.open(0)
  for saliency in maps:
    log.append(saliency)
  with pytest.raises(ValueError, match=r'size \(2, 4\), got \(4, 2\)'):
    log.append(maps[0].T)
  log.close()
  again = MapLog(tmp_path / 'maps', (2, 4))
  assert len(again) == 3
  with pytest.raises(ValueError, match='expected 4 maps, got 3'):
    again.open(4)
  again.open(1)
  again.append(maps[2])
  np.testing.assert_array_equal(again.read(), maps[[0, 2]])
  again.remove()
  assert not list(tmp_path.iterdir())


def test_numbers_do_not_depend_on_an_interruption(
  checkpoint, clip, tmp_path, monkeypatch
):
  arguments = [
    *(f'--checkpoint={checkpoint}', str(clip), '--format=npz'),
    *('--compare_sound', '--stride=4', '--batch_size=1'),
  ]
  assert predict.main([*arguments, f'--out={tmp_path}/whole']) == 0
  predict_frames = SaliencyModel.predict_frames
  # Of 10 frames, the third with sound; then the fifth without.
  for passes, stop in ((1, 3), (2, 5)):
    calls = 0

    def interrupted(self, *args, passes=passes, stop=stop, **kwargs):
      nonlocal calls
      calls += 1
      for i, prediction in enumerate(predict_frames(self, *args, **kwargs)):
        if (calls, i) == (passes, stop):
          raise KeyboardInterrupt
        yield prediction

    with monkeypatch.context() as patch:
      patch.setattr(SaliencyModel, 'predict_frames', interrupted)
      found = predict.main([*arguments, f'--out={tmp_path}/parts', '--resume'])
      assert found == predict.INTERRUPTED
  assert predict.main([*arguments, f'--out={tmp_path}/parts', '--resume']) == 0
  whole, parts = (
    (tmp_path / out / 'noise' / 'frames.csv').read_text()
    for out in ('whole', 'parts')
  )
  assert whole == parts
