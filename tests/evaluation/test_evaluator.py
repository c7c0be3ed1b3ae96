"""Scores of videos, and the folder that keeps them."""

import dataclasses

import numpy as np
import pytest

from dave_jax.evaluation import run_folder
from dave_jax.evaluation.evaluator import evaluate_videos, score_maps
from dave_jax.evaluation.ground_truth import read_ground_truth
from dave_jax.evaluation.run_folder import RunFolder
from dave_jax.evaluation.scorer import FrameScorer
from dave_jax.evaluation.summary import mean_scores, summarise
from dave_jax.scoring import metrics
from tests.data import sets
from tests.evaluation.conftest import settings_of
from tests.evaluation.gaze_clips import crowd, watched_clip


def _noise(clip, frames):
  """Maps that depend on clip and frame alone."""
  for frame in frames:
    yield np.random.default_rng((len(clip.name), frame)).random((9, 13))


def _evaluate(maps, scorer, folder=None, index=0, count=1):
  def source(jobs):
    return (saliency for job in jobs for saliency in maps(*job))

  return evaluate_videos(
    score_maps(source, scorer),
    scorer,
    folder=folder,
    process_index=index,
    process_count=count,
  )


def _overall(videos):
  return summarise(videos, average='videos', frames=True)['overall']


def test_where_people_looked_scores_best(scorer):
  truth = scorer.truth

  def densities(clip, frames):
    number = truth.clips.index(clip)
    return (truth.density(truth.row(number, frame)) for frame in frames)

  overall = _overall(_evaluate(densities, scorer))
  # Of a map with itself, by definition.
  assert overall['CC'] == pytest.approx(1)
  assert overall['SIM'] == pytest.approx(1)
  assert overall['KLD'] == pytest.approx(0, abs=1e-6)
  noise = _overall(_evaluate(_noise, scorer))
  for name in ('NSS', 'AUC_Judd', 'sAUC', 'IG', 'AUC_Borji'):
    assert overall[name] > noise[name]


def test_frames_score_the_same_in_any_order(scorer):
  rows = np.random.default_rng(0).permutation(len(scorer.truth))
  maps = np.random.default_rng(1).random((len(rows), 9, 13))
  together = scorer(rows, maps[rows])
  for place, row in enumerate(rows):
    np.testing.assert_array_equal(
      together[place], scorer([row], maps[[row]])[0]
    )


def test_batches_give_the_means_of_videos(scorer):
  """What the evaluator's docstring tells training to do."""
  truth = scorer.truth
  videos = _evaluate(_noise, scorer)
  order = np.random.default_rng(0).permutation(len(truth))
  values = []
  for batch in np.array_split(order, 4):
    pairs = [(truth.clips[truth.clip[r]], truth.frame[r]) for r in batch]
    rows = [truth.row(truth.clip[r], truth.frame[r]) for r in batch]
    maps = [next(_noise(clip, [frame])) for clip, frame in pairs]
    values.append(scorer(rows, maps))
  means = mean_scores(
    truth.clip[order], np.concatenate(values), average='videos'
  )
  overall = _overall(videos)
  np.testing.assert_allclose(means, [overall[n] for n in scorer.names])


def test_nss_is_that_of_the_map_resized(scorer):
  (video, *_) = _evaluate(_noise, scorer)
  saliency = next(_noise(scorer.truth.clips[0], [0])).astype(np.float32)
  import cv2

  larger = cv2.resize(saliency, (60, 40), interpolation=cv2.INTER_CUBIC)
  larger = np.clip(larger, saliency.min(), saliency.max())
  expected = metrics.nss(larger, scorer.truth.fixation_map(0))
  assert video.score('NSS')[0] == expected


def test_processes_share_the_videos(scorer, tmp_path):
  alone = _evaluate(_noise, scorer)
  folder = RunFolder(tmp_path / 'run', {'a': 1}, overwrite=False)
  first = _evaluate(_noise, scorer, folder, 0, 2)
  second = _evaluate(_noise, scorer, folder, 1, 2)
  assert [v.clip for v in first + second] == ['bear', 'chat', 'talk']
  for video in alone:
    other = folder.done(video.clip)
    np.testing.assert_array_equal(video.values, other.values)
    np.testing.assert_array_equal(video.prediction, other.prediction)
    assert video.examples[0].picture == other.examples[0].picture


def test_interrupted_run_resumes(scorer, tmp_path):
  asked = []

  def failing(clip, frames):
    asked.append(clip.name)
    if asked == ['bear', 'talk']:
      raise KeyboardInterrupt
    return _noise(clip, frames)

  folder = RunFolder(tmp_path / 'run', {'a': 1}, overwrite=False)
  with pytest.raises(KeyboardInterrupt):
    _evaluate(failing, scorer, folder)
  again = RunFolder(tmp_path / 'run', {'a': 1}, overwrite=False)
  videos = _evaluate(failing, scorer, again)
  assert asked == ['bear', 'talk', 'talk', 'chat']
  assert _overall(videos) == _overall(_evaluate(_noise, scorer))


def test_overwriting_late_keeps_what_another_process_has_scored(
  scorer, tmp_path, monkeypatch
):
  (video, *_) = _evaluate(_noise, scorer)
  RunFolder(tmp_path / 'run', {'seed': 1}, overwrite=False).add(video)
  read = run_folder._read_json

  def slow(path):
    """While this process reads the old run, another replaces and scores it."""
    earlier = read(path)
    monkeypatch.setattr(run_folder, '_read_json', read)
    RunFolder(tmp_path / 'run', {'seed': 2}, overwrite=True).add(video)
    return earlier

  monkeypatch.setattr(run_folder, '_read_json', slow)
  folder = RunFolder(tmp_path / 'run', {'seed': 2}, overwrite=True)
  np.testing.assert_array_equal(folder.done(video.clip).values, video.values)


def test_overwriting_ignores_the_scores_of_the_earlier_run(scorer, tmp_path):
  (video, *_) = _evaluate(_noise, scorer)
  first = RunFolder(tmp_path / 'run', {'seed': 1}, overwrite=False)
  first.add(video)
  first.finish({'run': {'seed': 1}})
  assert run_folder.read_metrics(tmp_path / 'run')
  folder = RunFolder(tmp_path / 'run', {'seed': 2}, overwrite=True)
  assert folder.done(video.clip) is None
  with pytest.raises(FileNotFoundError, match='of an earlier run'):
    run_folder.read_metrics(tmp_path / 'run')


def test_run_that_scored_nothing_blocks_no_other(tmp_path):
  RunFolder(tmp_path / 'run', {'seed': 1}, overwrite=False)
  RunFolder(tmp_path / 'run', {'seed': 3}, overwrite=False)


def test_folder_of_another_run_is_refused(scorer, tmp_path):
  (video, *_) = _evaluate(_noise, scorer)
  folder = RunFolder(tmp_path / 'run', {'seed': 1, 'b': 2}, overwrite=False)
  folder.add(video)
  with pytest.raises(ValueError, match='seed: 1 then, 3 now'):
    RunFolder(tmp_path / 'run', {'seed': 3, 'b': 2}, overwrite=False)
  RunFolder(tmp_path / 'run', {'seed': 3, 'b': 2}, overwrite=True)
  (tmp_path / 'other').mkdir()
  (tmp_path / 'other' / 'thesis.tex').write_text('')
  with pytest.raises(FileExistsError, match=r'thesis\.tex'):
    RunFolder(tmp_path / 'other', {}, overwrite=True)


def test_times_are_those_of_the_file(tmp_path):
  """A recording with a pause, whose stated rate says otherwise."""
  times = np.array([0.0, 0.04, 1.5])
  clip = watched_clip('a', crowd(3, 2, seed=0), frames=3, rate=1000.0)
  dataset = sets.write_set(
    tmp_path, 'pause', [dataclasses.replace(clip, _times=times)]
  )
  truth = read_ground_truth(dataset, 'test', stride=1, size=None, sigma=None)
  scorer = FrameScorer(
    truth, settings_of(scores='NSS'), baseline=None, boxes=None
  )
  (video,) = _evaluate(_noise, scorer)
  np.testing.assert_array_equal(video.times, times)


def test_process_reads_only_the_records_of_its_share(watched):
  truth = read_ground_truth(
    watched, 'test', stride=1, size=(40, 60), sigma=None
  )
  assert truth._records._gaze == {}
  scorer = FrameScorer(
    truth, settings_of(scores='NSS'), baseline=None, boxes=None
  )
  _evaluate(_noise, scorer, index=1, count=3)
  # Each clip has one record; `talk` is not this process's.
  assert set(truth._records._gaze) == {truth.clips[1].first_record}


def test_bad_maps_are_counted(scorer):
  def maps(clip, frames):
    saliency = list(_noise(clip, frames))
    if clip.name == 'bear':
      saliency[1][2, 2] = np.nan
      saliency[2] = np.full((5, 5), 0.3)
      saliency[3] = None
    return saliency

  videos = _evaluate(maps, scorer)
  found = summarise(videos, average='videos', frames=True)
  counts = found['counts']
  assert found['missing'] == {'bear': [3]}
  assert found['broken'] == {'bear': [1]}
  # 5 of 6 maps are there, 4 of them finite, one constant; and 5 + 4 frames.
  assert counts['frames'] == 13
  assert counts['undefined']['NSS'] == 1
  assert counts['undefined']['KLD'] == 0
  listed = found['frames']['bear']['NSS']
  assert [k for k, value in enumerate(listed) if value is None] == [1, 2, 3]
  assert found['videos']['bear']['NSS'] == pytest.approx(
    np.mean([listed[0], listed[4], listed[5]])
  )


def test_frames_without_fixations_are_left_out(scorer):
  found = summarise(_evaluate(_noise, scorer), average='videos', frames=True)
  # 'talk' has 8 frames of which people looked at 5.
  assert found['counts']['empty'] == 3
  assert found['frames']['talk']['frame'] == [0, 1, 2, 3, 4]


def test_video_without_fixations_has_no_score(tmp_path):
  dataset = sets.write_set(
    tmp_path,
    'lonely',
    [
      watched_clip('seen', crowd(3, 2, seed=0), frames=3, rate=25.0),
      watched_clip('unseen', [], frames=3, rate=25.0),
    ],
  )
  truth = read_ground_truth(dataset, 'test', stride=1, size=None, sigma=None)
  settings = settings_of(scores='NSS,CC')
  scorer = FrameScorer(truth, settings, baseline=None, boxes=None)
  found = summarise(_evaluate(_noise, scorer), average='videos', frames=False)
  assert found['videos']['unseen']['NSS'] is None
  assert found['overall']['NSS'] == found['videos']['seen']['NSS']
  assert found['counts']['empty'] == 3


@pytest.mark.parametrize(
  ('maps', 'message'),
  [
    (lambda clip, frames: [np.ones((4, 4, 3))] * len(frames), r'\(4, 4, 3\)'),
    (
      lambda clip, frames: [np.eye(4)] * (len(frames) + 2),
      'expected 15 maps, one for each frame, got more',
    ),
    (lambda clip, frames: [np.eye(4)], 'bear: expected 6 maps, .* got 3'),
  ],
)
def test_misshapen_or_wrongly_many_maps_raise(scorer, maps, message):
  with pytest.raises(ValueError, match=message):
    _evaluate(maps, scorer)


def test_negative_maps_say_so(scorer):
  with pytest.raises(ValueError, match=r'bear, frame 0: .* -1.*remove KLD'):
    _evaluate(lambda clip, frames: [-np.eye(4)] * len(frames), scorer)


def test_renamed_and_reordered_videos_score_the_same(tmp_path):
  clips = [
    watched_clip(name, crowd(4, 3, seed=seed), frames=4, rate=25.0)
    for name, seed in (('a', 0), ('bb', 1), ('ccc', 2))
  ]
  # Without what is drawn by place in the list.
  settings = settings_of(scores='NSS,CC,SIM,KLD')
  found = []
  for name, order in (('one', clips), ('two', clips[::-1])):
    dataset = sets.write_set(tmp_path, name, order)
    truth = read_ground_truth(
      dataset, 'test', stride=1, size=(40, 60), sigma=None
    )
    scorer = FrameScorer(truth, settings, baseline=None, boxes=None)
    found.append(_overall(_evaluate(_noise, scorer)))
  assert found[0] == pytest.approx(found[1])
