"""Every layout of a video set, from its files to a trained network's scores."""

import json

import pytest

from dave_jax import evaluate
from dave_jax.configs import crowdsal
from dave_jax.datasets import prepare, show, store
from dave_jax.datasets.build import build
from dave_jax.datasets.records import Storage
from dave_jax.train import train
from tests.datasets import video_layouts as layouts
from tests.runs import TINY

CHALLENGE = {'train': ['a'], 'public_test': ['b'], 'private_test': ['c']}
# {set: (writes its files, training split, test split, kind of gaze)}.
SETS = {
  'crowdsal': (
    lambda root: layouts.write_crowdsal(root, [1, 10, 3001]),
    *('train', 'test', 'mouse'),
  ),
  'ntire2026': (
    lambda root: layouts.write_challenge(root, CHALLENGE),
    *('train', 'public_test+private_test', 'mouse'),
  ),
  'avimos': (
    lambda root: layouts.write_challenge(root, CHALLENGE),
    *('train', 'private_test', 'mouse'),
  ),
  'mvva': (layouts.write_mvva, 'test2_train13', 'test1_train23', 'eye'),
  'ledov': (layouts.write_ledov, 'train', 'test', 'eye'),
  'hollywood2': (layouts.write_hollywood2, 'train', 'test', 'eye'),
  'ucf_sports': (layouts.write_ucf_sports, 'train', 'test', 'eye'),
}
SOUND = ('crowdsal', 'ntire2026', 'avimos', 'mvva')


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
  folder = tmp_path_factory.mktemp('video_sets')
  for name, (write, *_) in SETS.items():
    builder = prepare.make_builder(
      name, folder / 'data', storage=Storage((64, 64))
    )
    build(builder, write(folder / name), partial=name == 'crowdsal')
  return folder / 'data'


@pytest.fixture(scope='module')
def network(data_dir, tmp_path_factory):
  """Two steps of configs/crowdsal.py, on windows of all sets."""
  config = crowdsal.get_config()
  config.update_from_flattened_dict(
    {k: v for k, v in TINY.items() if k != 'fake_data'}
    | {
      'data.data_dir': str(data_dir),
      'data.audio_visual': _named(SOUND),
      'data.silent_video': _named(set(SETS) - set(SOUND)),
      'data.images': '',
      'data.validation': '',
      'start.video_encoder': '',
      'start.audio_encoder': '',
      'train.steps': 2,
    }
  )
  workdir = tmp_path_factory.mktemp('run')
  assert train(config, workdir)
  return workdir


def _named(names):
  return ','.join(f'{name}:{SETS[name][1]}' for name in names)


@pytest.mark.usefixtures('quick_to_compile')
@pytest.mark.parametrize('name', SETS)
def test_files_to_scores(name, data_dir, network, tmp_path, capsys):
  _, _, tested, kind = SETS[name]
  protocol = 'msu' if kind == 'mouse' else 'videosal'
  metrics = _scores(
    name, tested, data_dir, network, tmp_path, f'--protocol={protocol}'
  )
  assert metrics['run']['data']['gaze_kinds'] == [kind]
  assert set(metrics['scores']) == {'NSS', 'CC', 'SIM'}
  assert -1 <= metrics['overall']['CC'] <= 1
  assert metrics['run']['maps']['trained_on'] == []
  captured = capsys.readouterr()
  assert ('mouse tracking' in captured.out) == (kind == 'mouse')


@pytest.mark.usefixtures('quick_to_compile')
def test_clips_that_the_network_was_trained_on_are_named(
  data_dir, network, tmp_path, capsys
):
  metrics = _scores('crowdsal', 'train', data_dir, network, tmp_path)
  assert metrics['run']['maps']['trained_on'] == ['0001']
  error = capsys.readouterr().err
  assert '1 of 1 clips (0001): the network was trained on them' in error


def _scores(name, split, data_dir, network, out, *more):
  """Returns the content of metrics.json."""
  arguments = [
    *(f'--dataset={name}', f'--data_dir={data_dir}', f'--split={split}'),
    *(f'--checkpoint={network}', f'--out={out}', '--scores=NSS,CC,SIM'),
    *('--stride=10', '--mean_eye_position=none', *more),
  ]
  assert evaluate.main(arguments) == evaluate.DONE
  return json.loads((out / 'metrics.json').read_text())


def test_set_is_shown(data_dir, tmp_path):
  show.show(
    store.open_dataset(data_dir, 'ntire2026'),
    tmp_path,
    show.Choice(clips=1, seconds=0.3, rows=2, columns=2, records=2),
  )
  page = (tmp_path / 'README.md').read_text()
  assert '| gaze | mouse tracking |' in page
  assert (tmp_path / 'train.png').exists()
