"""A study from nothing to its report."""

import csv
import json

import pytest

from dave_jax.configs import demo
from dave_jax.study import Study
from tests.runs import TINY

_NETWORK = {
  k: v for k, v in TINY.items() if k not in ('fake_data', 'log.every')
}
_STEPS = {
  'train.steps': 2,
  'checkpoint.every': 1,
  'evaluation.stride': 64,
  'evaluation.scoring.scores': 'NSS',
}


@pytest.fixture(scope='module')
def config():
  """configs/demo.py with tiny sets and networks."""
  config = demo.get_config()
  config.seeds = (0,)
  config.processes = 1
  config.frame_size = (64, 64)
  config.voices = 2
  for name, counts in (
    ('sounding_shapes', {'train': 4, 'val': 2, 'test': 4}),
    ('sounding_images', {'train': 4, 'val': 2}),
  ):
    config.sets[name].update(counts)
  known = ('model.depth', 'model.width', 'train.batch_size')
  config.pretrain_audio.update_from_flattened_dict(
    {key: TINY[key] for key in known} | {'train.steps': 2}
  )
  del config.networks['audio']  # Takes as long to compile, and shows no more.
  config.networks.deaf = config.networks.video.copy_and_resolve_references()
  config.networks.deaf.model.modality = 'audio_visual'
  config.networks.deaf.data.sound = 'none'
  for network in (config.pretrain_video, *config.networks.values()):
    network.update_from_flattened_dict(_NETWORK | _STEPS)
  options = config.test.options
  options.stride, options.size = 64, '16x16'
  options.scoring.scores = 'NSS,CC'
  return config


@pytest.mark.slow
@pytest.mark.usefixtures('quick_to_compile')
def test_study_goes_from_nothing_to_the_report(config, tmp_path, caplog):
  """And again from its end, where nothing is left to do."""
  Study(config, tmp_path).run()
  report = tmp_path / 'report'
  assert 'Human Infinite' in (report / 'report.md').read_text()
  for name in ('time.png', 'mean_maps.png', 'by_category.png', 'seeds.csv'):
    assert (report / name).stat().st_size > 0, name
  with (report / 'sound_gain.csv').open() as file:
    rows = list(csv.DictReader(file))
  assert [row['category'] for row in rows] == [
    'Misc',
    'Nature',
    'Social',
    'all',
  ]
  for row in rows:
    gain = float(row['audio-visual']) - float(row['video only'])
    assert float(row['gain']) == pytest.approx(gain, abs=1e-9)
  with (report / 'sound_differences.csv').open() as file:
    rows = list(csv.DictReader(file))
  assert {row['shows'] for row in rows} == {
    'any difference',
    'network with sound',
    'sound, net of its layers',
    'the right sound',
    'layers without sound',
  }
  deaf = tmp_path / 'networks' / 'deaf_0' / 'best' / 'model.json'
  assert json.loads(deaf.read_text())['origin']['sound'] == 'none'
  metrics = json.loads(
    (tmp_path / 'scores' / 'trained_deaf' / 'metrics.json').read_text()
  )
  assert metrics['run']['maps']['sound'] == 'none'

  times = {p: p.stat().st_mtime_ns for p in tmp_path.glob('networks/*/best/*')}
  assert len(times) > 0
  caplog.set_level('INFO', logger='dave_jax')
  Study(config, tmp_path).run()
  assert {p: p.stat().st_mtime_ns for p in times} == times
