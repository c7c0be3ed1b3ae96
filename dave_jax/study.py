"""A study: data made, networks trained, all of them scored, one report."""

import logging
import os
import pathlib
import re
from collections.abc import Callable

from ml_collections import ConfigDict

from dave_jax import evaluate
from dave_jax.datasets import boxes, prepare
from dave_jax.datasets.build import build
from dave_jax.datasets.records import Storage
from dave_jax.datasets.simulation import voice_files
from dave_jax.report.runs import Run, read_runs
from dave_jax.report.sound_gain import gain_table, seeds_table
from dave_jax.report.write import write_report, write_tables
from dave_jax.train import train

_LOG = logging.getLogger(__name__)

_NAMES = {
  'audio_visual': 'Audio-visual',
  'video': 'Video only',
  'audio': 'Audio only',
}
_SWAPPED = 'Sound swapped'  # The audio-visual network, another clip's sound.
_BASELINES = {
  'human_infinite': 'Human Infinite',
  'mean_eye_position': 'Mean eye position',
}


class Study:
  """What configs/demo.py says, in a folder.

      WORKDIR/data      the data sets
      WORKDIR/voices    sounds to learn voices from
      WORKDIR/pretrain_audio  the audio encoder trained on them
      WORKDIR/pretrain_video  a video-only network trained on still images
      WORKDIR/networks  a run of each network and seed
      WORKDIR/scores    an evaluation of each, and of the baselines
      WORKDIR/report    tables and figures; sound.md says what sound adds

  Every stage goes on where it stopped.
  """

  def __init__(self, config: ConfigDict, workdir: str | os.PathLike):
    """Takes what to do, and where."""
    self._config = config
    self._workdir = pathlib.Path(workdir)
    self._data_dir = self._workdir / 'data'
    self._boxes = self._workdir / 'boxes.csv'
    self._scores = self._workdir / 'scores'
    self._kinds = [kind for kind in _NAMES if kind in config.networks]

  def run(self) -> None:
    """Does all stages, or those before it is asked to stop.

    Raises:
      ValueError, OSError, NonFiniteError: See `train`.
      SystemExit: Building or scoring failed, and has said why.
    """
    stages = list(self._stages())
    for number, (title, stage) in enumerate(stages, 1):
      _LOG.info('[%d/%d] %s', number, len(stages), title)
      if not stage():
        return

  def _stages(self):
    """Yields (title, function) of each stage; False says to stop."""
    config = self._config
    for name in config.sets:
      yield f'builds {name}', lambda name=name: self._build(name)
    yield 'writes voices', self._write_voices
    yield (
      'learns to tell voices apart',
      lambda: train(self._pretrain_audio(), self._workdir / 'pretrain_audio'),
    )
    yield (
      'learns to see still images',
      lambda: train(self._pretrain_video(), self._workdir / 'pretrain_video'),
    )
    for seed in config.seeds:
      for kind in self._kinds:
        yield (
          f'trains {_NAMES[kind]}, seed {seed}',
          lambda kind=kind, seed=seed: train(
            self._network(kind, seed), self._run_folder(kind, seed)
          ),
        )
    yield 'finds what sounds', self._write_boxes
    for name, flags in self._evaluations():
      yield (
        f'scores {name}',
        lambda name=name, flags=flags: self._evaluate(name, flags),
      )
    yield 'reports', self._report

  def _build(self, name):
    storage = Storage(frame_size=tuple(self._config.frame_size))
    settings = {k: str(v) for k, v in self._config.sets[name].items()}
    builder = prepare.make_builder(
      name, self._data_dir, storage=storage, settings=settings
    )
    # It appears under its name once it is whole.
    if not pathlib.Path(builder.data_dir).exists():
      build(builder, None, processes=os.cpu_count(), partial=False)
    return True

  def _write_voices(self):
    folder = self._workdir / 'voices'
    voice_files.write_voices(folder, self._config.voices, self._config.seed)
    return True

  def _pretrain_audio(self):
    config = self._config.pretrain_audio.copy_and_resolve_references()
    config.data.folder = str(self._workdir / 'voices')
    return config

  def _pretrain_video(self):
    config = self._config.pretrain_video.copy_and_resolve_references()
    config.data.data_dir = str(self._data_dir)
    return config

  def _network(self, kind, seed):
    config = self._config.networks[kind].copy_and_resolve_references()
    config.seed = seed
    config.data.data_dir = str(self._data_dir)
    if kind != 'audio':
      config.start.network = str(self._workdir / 'pretrain_video' / 'best')
    if kind != 'video':
      config.start.audio_encoder = str(
        self._workdir / 'pretrain_audio' / 'best'
      )
    return config

  def _run_folder(self, kind, seed):
    return self._workdir / 'networks' / f'{kind}_{seed}'

  def _evaluations(self):
    """Yields (name, flags) of each."""
    for kind, name in _BASELINES.items():
      yield name, [f'--baseline={kind}']
    for seed in self._config.seeds:
      for kind in self._kinds:
        best = self._run_folder(kind, seed) / 'best'
        yield self._named(_NAMES[kind], seed), [f'--checkpoint={best}']
        if kind == 'audio_visual':
          yield (
            self._named(_SWAPPED, seed),
            [f'--checkpoint={best}', '--sound=other'],
          )

  def _named(self, name, seed):
    return name if len(self._config.seeds) == 1 else f'{name}, seed {seed}'

  def _write_boxes(self):
    return _run(
      boxes.main,
      self._config.test.set,
      f'--data_dir={self._data_dir}',
      f'--out={self._boxes}',
    )

  def _evaluate(self, name, flags):
    test = self._config.test
    return _run(
      evaluate.main,
      f'--data_dir={self._data_dir}',
      f'--dataset={test.set}',
      f'--split={test.split}',
      f'--out={self._scores_folder(name)}',
      f'--name={name}',
      f'--boxes={self._boxes}',
      *test.flags.split(),
      *flags,
    )

  def _scores_folder(self, name):
    return self._scores / re.sub('[^a-z0-9]+', '_', name.lower())

  def _read(self, names) -> list[Run]:
    return read_runs([self._scores_folder(name) for name in names])

  def _report(self):
    """Reports the first seed in full, and all seeds in `sound.md`."""
    out = self._workdir / 'report'
    seeds = self._config.seeds
    networks = [_NAMES[kind] for kind in self._kinds]
    people, mean = _BASELINES.values()
    by_name = {
      name: [self._named(name, seed) for seed in seeds]
      for name in (networks[0], _SWAPPED, *networks[1:])
    }
    first = [names[0] for names in by_name.values()]
    path = write_report(
      self._read([people, *first, mean]), out, score='NSS', design='repeated'
    )
    models = {
      name: self._read(names)
      for name, names in {people: [people], **by_name, mean: [mean]}.items()
    }
    gain = gain_table(
      models[_NAMES['audio_visual']], models[_NAMES['video']], models[_SWAPPED]
    )
    write_tables(
      out / 'sound.md', 'What sound adds', [gain, seeds_table(models)]
    )
    _LOG.info('%s\n%s\n%s', gain.markdown(), out / 'sound.md', path)
    return True


def _run(command: Callable[[list[str]], int], *arguments: str) -> bool:
  status = command(list(arguments))
  if status:
    raise SystemExit(status)
  return True
