"""The record of a prediction: resumed, refused, overwritten."""

import json

import pytest

from dave_jax.prediction.journal import Journal

HEADING = {'source': {'file': 'a.mp4'}, 'settings': {'stride': 2}}


def _unfinished(folder, frames=3):
  journal = Journal(folder, HEADING)
  assert journal.open(overwrite=False, resume=False)
  for frame in range(1, frames + 1):
    journal.add({'frame': frame, 'time': frame / 25})
  journal.close()
  return journal


def test_finished_manifest_lists_the_frames_in_order(tmp_path):
  journal = Journal(tmp_path / 'a', HEADING)
  journal.open(overwrite=False, resume=False)
  for frame in (2, 1):
    journal.add({'frame': frame})
  journal.finish(problems=['none'])
  manifest = json.loads((tmp_path / 'a' / 'manifest.json').read_text())
  expected = {'problems': ['none'], 'frames': [{'frame': 1}, {'frame': 2}]}
  assert manifest == HEADING | expected
  assert [p.name for p in (tmp_path / 'a').iterdir()] == ['manifest.json']


def test_resumes_with_the_frames_that_are_done(tmp_path):
  _unfinished(tmp_path / 'a')
  journal = Journal(tmp_path / 'a', HEADING)
  assert journal.open(overwrite=False, resume=True)
  assert sorted(journal.rows) == [1, 2, 3]


def test_truncated_line_is_predicted_again(tmp_path):
  _unfinished(tmp_path / 'a')
  path = tmp_path / 'a' / 'unfinished.jsonl'
  path.write_text(path.read_text()[:-8])
  journal = Journal(tmp_path / 'a', HEADING)
  journal.open(overwrite=False, resume=True)
  assert sorted(journal.rows) == [1, 2]


def test_finished_prediction_is_left_alone(tmp_path):
  _unfinished(tmp_path / 'a').finish()
  assert not Journal(tmp_path / 'a', HEADING).open(overwrite=False, resume=True)


@pytest.mark.parametrize('finished', [False, True])
def test_results_are_not_overwritten_unasked(tmp_path, finished):
  journal = _unfinished(tmp_path / 'a')
  if finished:
    journal.finish()
  again = Journal(tmp_path / 'a', HEADING)
  with pytest.raises(FileExistsError, match='use --resume to continue'):
    again.open(overwrite=False, resume=False)
  assert again.open(overwrite=True, resume=False)
  assert again.rows == {}


@pytest.mark.parametrize('finished', [False, True])
def test_another_run_is_not_resumed(tmp_path, finished):
  journal = _unfinished(tmp_path / 'a')
  if finished:
    journal.finish()
  other = Journal(tmp_path / 'a', HEADING | {'settings': {'stride': 1}})
  with pytest.raises(ValueError, match='stride was 2, is 1'):
    other.open(overwrite=False, resume=True)


def test_foreign_files_are_never_removed(tmp_path):
  (tmp_path / 'thesis.tex').write_text('dear')
  journal = Journal(tmp_path, HEADING)
  with pytest.raises(FileExistsError, match=r'thesis\.tex'):
    journal.open(overwrite=True, resume=False)
  assert (tmp_path / 'thesis.tex').exists()
