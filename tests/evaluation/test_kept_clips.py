"""Maps and videos that an evaluation keeps for the report."""

import av
import numpy as np
import pytest

from dave_jax.evaluation.evaluator import evaluate_videos, score_maps
from dave_jax.evaluation.kept_clips import ClipKeeper, read_clip
from dave_jax.evaluation.run_folder import RunFolder, clip_path


def _maps(clip, frames):
  """A peak that moves by a cell with each frame; frame 2 has no map."""
  for frame in frames.tolist():
    saliency = np.zeros((9, 12), np.float32)
    saliency[1, frame] = 3
    yield None if frame == 2 else saliency


@pytest.fixture
def evaluated(scorer, truth, tmp_path):
  """A function that evaluates with maps kept; returns the number scored."""

  def run(heading):
    folder = RunFolder(tmp_path / 'run', heading, overwrite=True)
    keeper = ClipKeeper(folder, truth)
    scored = []

    def maps(jobs):
      for clip, frames in jobs:
        scored.append(clip.name)
        yield from _maps(clip, frames)

    evaluate_videos(
      score_maps(maps, scorer, keeper),
      scorer,
      folder=folder,
      process_index=0,
      process_count=1,
      keeper=keeper,
    )
    return scored

  return run


def test_maps_fixations_and_video_are_kept(evaluated, truth, tmp_path):
  heading = {'name': 'a'}
  names = [clip.name for clip in truth.clips]
  assert evaluated(heading) == names
  clip = truth.clips[names.index('talk')]
  kept = read_clip(tmp_path / 'run', 'talk', heading)
  rows = truth.rows(names.index('talk')).tolist()
  assert kept.maps.shape == kept.density.shape == (len(rows), 72, 96)
  # Of 12 columns, each is 8 wide in the kept map, whose middle is brightest.
  for place in (0, 1, 3):
    y, x = np.unravel_index(kept.maps[place].argmax(), (72, 96))
    assert (x // 8, y // 8) == (place, 1)
    assert kept.maps[place].max() == 255
  assert not kept.maps[2].any()
  for place, row in enumerate(rows):
    np.testing.assert_array_equal(
      kept.fixation_xy[kept.fixation_place == place], truth.gaze(row).xy
    )
  with av.open(str(clip_path(tmp_path / 'run', 'talk', 'mp4'))) as video:
    assert {stream.type for stream in video.streams} == {'video', 'audio'}
    times = [frame.time for frame in video.decode(video=0)]
  assert len(times) == clip.frames
  assert np.array(times) + kept.start == pytest.approx(
    truth.gaze(rows[0]).time + np.arange(clip.frames) / 25, abs=1e-3
  )


def test_clips_are_scored_again_only_if_they_are_not_kept(
  evaluated, truth, tmp_path
):
  evaluated({'name': 'a'})
  clip_path(tmp_path / 'run', 'chat', 'npz').unlink()
  assert evaluated({'name': 'a'}) == ['chat']
  # Maps of another run are not taken for those of this one.
  assert read_clip(tmp_path / 'run', 'chat', {'name': 'b'}) is None
  assert len(evaluated({'name': 'b'})) == len(truth.clips)


def test_damaged_files_are_named(evaluated, tmp_path):
  evaluated({'name': 'a'})
  path = clip_path(tmp_path / 'run', 'chat', 'npz')
  path.write_bytes(path.read_bytes()[:100])
  with pytest.raises(ValueError, match=r'chat\.npz: expected the maps'):
    read_clip(tmp_path / 'run', 'chat', {'name': 'a'})
