"""Audio pre-training, and a saliency network that starts from it."""

import json

import jax
import numpy as np
import pytest

from dave_jax.configs import davos, speech_commands
from dave_jax.models.dave import DAVE
from dave_jax.train import train
from dave_jax.training.sharding import make_mesh
from dave_jax.training.sound_classification import SoundClassificationTask
from dave_jax.training.start import starting_variables
from dave_jax.weights import model_folder as store
from tests.media import clips
from tests.runs import TINY as TINY_DAVOS

pytestmark = pytest.mark.usefixtures('quick_to_compile')
TINY = {
  'model.depth': 10,
  'model.width': 2,
  'start.audio_encoder': '',
  'data.held_out': 'bob',
  'train.batch_size': 6,
  'evaluation.batch_size': 4,
  'log.every': 1,
}


@pytest.fixture(scope='module')
def tones(tmp_path_factory):
  """Low and high tones of two speakers, three takes each."""
  folder = tmp_path_factory.mktemp('tones')
  for label, hertz in (('low', 300), ('high', 3000)):
    for speaker, factor in (('ann', 1.0), ('bob', 1.1)):
      for take in range(3):
        clips.write_clip(
          folder / f'{label}_{speaker}_{take}.wav',
          sound=clips.tone(0.3 + 0.1 * take, hertz=hertz * factor),
          sound_codec='pcm_s16le',
        )
  return folder


def _config(folder, **overrides):
  config = speech_commands.get_config()
  config.update_from_flattened_dict(
    TINY | {'data.folder': str(folder)} | overrides
  )
  return config


@pytest.fixture(scope='module')
def run(tones, tmp_path_factory):
  """Folder of a finished run."""
  workdir = tmp_path_factory.mktemp('run')
  overrides = {
    'train.steps': 16,
    'evaluation.every': 8,
    'optimizer.learning_rate': 1e-2,
    'optimizer.schedule': 'constant',
  }
  assert train(_config(tones, **overrides), workdir)
  return workdir


def _rows(workdir, name):
  lines = (workdir / f'{name}.jsonl').read_text().splitlines()
  return [json.loads(line) for line in lines]


def test_sounds_of_an_unseen_speaker_are_classified(run):
  rows = _rows(run, 'validation')
  assert [row['step'] for row in rows] == [8, 16]
  assert max(row['held_out/accuracy'] for row in rows) == 1.0
  assert _rows(run, 'train')[-1]['loss'] < 0.3


def test_saliency_starts_from_the_best_encoder(run, tmp_path):
  stored = store.load(run / 'best')
  assert stored.contents == 'encoders'
  assert stored.origin['labels'] == ['high', 'low']
  assert stored.variables['params'].keys() == {'audio_encoder'}
  config = davos.get_config('audio')
  known = {k: v for k, v in TINY_DAVOS.items() if k != 'fake_data'}
  config.update_from_flattened_dict(known)
  config.start.audio_encoder = str(run / 'best')
  network = DAVE(modality='audio', depth=10, width=2)
  found, about = starting_variables(network, config.start, seed=5)
  assert about == [f'audio_encoder: {run / "best"}']
  for collection, tree in stored.variables.items():
    jax.tree.map(
      np.testing.assert_array_equal,
      found[collection]['audio_encoder'],
      tree['audio_encoder'],
    )


@pytest.mark.slow
def test_resumed_run_ends_like_one_that_was_not_stopped(tones, tmp_path):
  """Stopped after two of four steps, all rows of the log are the same."""
  rows = {}
  for name, stops in (('whole', (4,)), ('broken', (2, 4))):
    for steps in stops:
      config = _config(
        tones,
        **{
          'train.steps': steps,
          'evaluation.every': 4,  # Scores are not compared.
          # Other schedules depend on the number of steps.
          'optimizer.schedule': 'constant',
          'optimizer.warmup': 0.0,
        },
      )
      train(config, tmp_path / name)
    rows[name] = _rows(tmp_path / name, 'train')
  assert len(rows['whole']) == 4
  assert rows['broken'] == rows['whole']


def test_each_sound_is_scored_once(tones):
  """Six held-out sounds in batches of four: two rows are padding."""
  scores = []
  for batch_size in (4, 6):
    config = _config(tones, **{'evaluation.batch_size': batch_size})
    task = SoundClassificationTask(config, make_mesh(-1))
    state, _ = task.initial_state()
    scores.append(task.evaluate(state))
  assert scores[0] == pytest.approx(scores[1], rel=1e-4)
  assert scores[0]['held_out/cross_entropy'] > 0
  correct = 6 * scores[0]['held_out/accuracy']
  assert correct == pytest.approx(round(correct))


def test_encoder_of_another_width_is_refused(run, tones, tmp_path):
  config = _config(
    tones, **{'start.audio_encoder': str(run / 'best'), 'model.width': 4}
  )
  with pytest.raises(ValueError, match='holds another network'):
    train(config, tmp_path)
