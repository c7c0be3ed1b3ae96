"""Videos of maps, and the zip that a challenge takes."""

import zipfile

import av
import numpy as np
import pytest

from dave_jax import predict
from dave_jax.evaluation.map_folder import MapFolder
from dave_jax.media import map_video
from dave_jax.prediction import submission
from tests.data.sets import make_clip
from tests.media import clips

SIZE = (64, 96)


def _maps(n=5, seed=0):
  return np.random.default_rng(seed).random((n, *SIZE), np.float32) / 1000


def _decoded(path, format):
  """Returns the frames [n, h, w] that FFmpeg decodes."""
  with av.open(str(path)) as container:
    frames = container.decode(video=0)
    return np.stack([f.reformat(format=format).to_ndarray() for f in frames])


@pytest.mark.parametrize(('bits', 'format'), [(8, 'gray'), (10, 'gray10le')])
@pytest.mark.parametrize('size', [(64, 96), (63, 95)])
def test_maps_are_scaled_and_stored_without_loss(tmp_path, bits, format, size):
  path = tmp_path / 'maps.mp4'
  maps = _maps()[:, : size[0], : size[1]] + 3
  maps[2] = 7  # Constant.
  map_video.write_maps(path, maps, rate=29.97, bits=bits)
  low, high = (f(maps, axis=(1, 2), keepdims=True) for f in (np.min, np.max))
  span = np.where(high > low, high - low, 1)
  expected = (maps - low) / span * (2**bits - 1)
  found = _decoded(path, format)
  np.testing.assert_allclose(found, expected, atol=0.51)
  assert found[0].max() == 2**bits - 1
  with av.open(str(path)) as container:
    rate = container.streams.video[0].average_rate
  assert float(rate) == pytest.approx(29.97)


@pytest.mark.usefixtures('quick_to_compile')
def test_submission_has_the_names_frames_and_sizes_of_the_videos(
  checkpoint, clip, tmp_path
):
  """The frames of each video are counted by decoding it with FFmpeg."""
  short = clips.write_clip(tmp_path / 'a b.mp4', frames=range(6), size=(48, 80))
  out = tmp_path / 'out'
  arguments = [f'--checkpoint={checkpoint}', f'--out={out}', str(clip)]
  arguments += [str(short), '--submission=ntire2026']
  assert predict.main(arguments) == predict.DONE
  with zipfile.ZipFile(out / 'ntire2026.zip') as archive:
    assert archive.namelist() == ['a b.mp4', 'noise.mp4']
    archive.extractall(tmp_path / 'submitted')
  assert _decoded(tmp_path / 'submitted/noise.mp4', 'gray').shape == (40, *SIZE)
  frames = _decoded(tmp_path / 'submitted/a b.mp4', 'gray')
  assert frames.shape == (6, 48, 80)
  assert (frames.min(axis=(1, 2)) == 0).all()
  assert (frames.max(axis=(1, 2)) == 255).all()
  # The same folder is scored as predictions.
  folder = MapFolder(out, 1)
  entry = make_clip('a b', frames=6).entry
  assert folder.check([entry], [np.arange(6)]) == ({}, {})
  found = list(folder([(entry, np.arange(6))]))
  np.testing.assert_allclose(found, frames, atol=1e-9)


def test_video_of_maps_needs_every_frame(checkpoint, clip, tmp_path, capsys):
  arguments = [f'--checkpoint={checkpoint}', f'--out={tmp_path}', str(clip)]
  for more in (['--format=mp4', '--stride=2'], ['--format=mp4', '--end=1']):
    assert predict.main([*arguments, *more]) == predict.FAILED
    assert 'expected every frame' in capsys.readouterr().err
  more = ['--submission=ntire2026', '--format=png']
  assert predict.main([*arguments, *more]) == predict.FAILED
  assert 'expected a --format of mp4' in capsys.readouterr().err


def test_video_of_maps_replaces_no_other_result(checkpoint, tmp_path, capsys):
  video = clips.write_clip(tmp_path / 'overlay.mp4', frames=range(3), size=SIZE)
  arguments = [f'--checkpoint={checkpoint}', f'--out={tmp_path / "out"}']
  assert predict.main([*arguments, str(video), '--format=mp4']) == (
    predict.FAILED
  )
  assert 'the name of another result' in capsys.readouterr().err


@pytest.fixture
def videos(tmp_path):
  """Two videos of 5 frames, and maps of the second with a frame too few."""
  found, maps = {}, {}
  for name, count in (('whole', 5), ('short', 4)):
    found[name] = clips.write_clip(
      tmp_path / f'{name}.mp4', frames=range(5), size=SIZE
    )
    maps[name] = tmp_path / f'{name}_maps.mp4'
    map_video.write_maps(maps[name], _maps(count), rate=25.0, bits=8)
  return found, maps


def test_one_frame_too_few_is_refused_with_the_name_of_its_clip(
  videos, tmp_path
):
  found, maps = videos
  path = tmp_path / 'out.zip'
  with pytest.raises(ValueError, match='short: expected 5 frames, got 4'):
    submission.write_submission(path, maps, submission.describe_videos(found))
  assert not path.exists()


def test_all_faults_are_listed(videos, tmp_path):
  found, maps = videos
  expected = submission.describe_videos(found)
  expected['missing'] = (3, SIZE)
  expected['whole'] = (5, (64, 64))
  maps['extra'] = maps['whole']
  with pytest.raises(ValueError) as error:
    submission.write_submission(tmp_path / 'out.zip', maps, expected)
  text = str(error.value)
  assert '4 problems' in text
  assert 'missing: no maps' in text
  assert 'extra: not among the 3 clips expected' in text
  assert 'whole: expected 64 x 64 pixels, got 96 x 64' in text


@pytest.mark.parametrize('as_zip', [False, True])
def test_sample_submission_may_be_a_folder_or_a_zip(tmp_path, as_zip):
  folder = tmp_path / 'sample' / 'CenterPrior'
  folder.mkdir(parents=True)
  map_video.write_maps(folder / 'clip.mp4', _maps(3), rate=30.0, bits=10)
  sample = tmp_path / 'sample'
  if as_zip:
    sample = tmp_path / 'sample.zip'
    with zipfile.ZipFile(sample, 'w') as archive:
      archive.write(folder / 'clip.mp4', 'CenterPrior/clip.mp4')
  assert submission.describe_sample(sample) == {'clip': (3, SIZE)}


def test_what_is_no_sample_is_refused(tmp_path):
  with pytest.raises(ValueError, match='got no videos'):
    submission.describe_sample(tmp_path)
  (tmp_path / 'a.zip').write_bytes(b'no zip')
  with pytest.raises(ValueError, match='expected a folder or a zip'):
    submission.describe_sample(tmp_path / 'a.zip')
