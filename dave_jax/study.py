"""A study: data sets, trained networks, their scores and a report in one go."""

import itertools
import logging
import os
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from dave_jax.datasets import boxes
from dave_jax.datasets.build import build
from dave_jax.datasets.contact_sheets import contact_sheet
from dave_jax.datasets.prepare import make_builder
from dave_jax.datasets.records import Storage
from dave_jax.datasets.simulation.voices import write_voices
from dave_jax.datasets.store import open_dataset
from dave_jax.evaluation.options import BASELINES, options_from
from dave_jax.evaluation.run import evaluate
from dave_jax.media.image_file import write_image
from dave_jax.report.bootstrap import Bootstrap
from dave_jax.report.runs import Run, read_runs
from dave_jax.report.sound_gain import (
  differences_table,
  gain_table,
  seeds_table,
)
from dave_jax.report.write import write_report, write_tables
from dave_jax.train import compile_steps, train
from dave_jax.worker_processes import Call, run_at_once

_LOG = logging.getLogger(__name__)

_NAMES = {
  'audio_visual': 'Audio-visual',
  'video': 'Video only',
  'audio': 'Audio only',
  'deaf': 'Trained deaf',
  'shuffled': 'Trained on shuffled sound',
}
# The audio-visual network with the sound of another clip.
_SWAPPED = 'Sound swapped'
# What a difference shows, and the models that it is between.
_DIFFERENCES = (
  ('network with sound', 'Audio-visual', 'Video only'),
  ('sound, net of its layers', 'Audio-visual', 'Trained deaf'),
  ('the right sound', 'Audio-visual', _SWAPPED),
  (
    'the right sound in training',
    'Audio-visual',
    'Trained on shuffled sound',
  ),
  ('layers without sound', 'Trained deaf', 'Video only'),
  ('layers with unrelated sound', 'Trained on shuffled sound', 'Video only'),
)
_BASELINES = ('human_infinite', 'mean_eye_position')
_PRETRAIN_VIDEO = 'Pre-train on still images'
_PRETRAIN_AUDIO = 'Pre-train the audio encoder'
# Stages that networks of each modality start from.
_PRETRAINING = {
  'audio_visual': (_PRETRAIN_VIDEO, _PRETRAIN_AUDIO),
  'video': (_PRETRAIN_VIDEO,),
  'audio': (_PRETRAIN_AUDIO,),
}


def _training(network: str, seed: int) -> str:
  """Returns the title of the stage that trains a network."""
  return f'Train {_NAMES[network]}, seed {seed}'


class _Stage(NamedTuple):
  """A part of a study.

  Attributes:
    title: What it does.
    run: Does it; returns False if it was asked to stop.
    needs: Titles of the stages that it waits for, so that it may run at once
      with others; None if it runs alone, after all before it.
  """

  title: str
  run: Callable[[], bool | None]
  needs: tuple[str, ...] | None = None


class Study:
  """Runs the study of a config such as configs/demo.py.

  It writes

      WORKDIR/data            data sets
      WORKDIR/sheets          examples of each data set, to look at first
      WORKDIR/voices          sound files to pre-train the audio encoder on
      WORKDIR/boxes.csv       where the sound sources are
      WORKDIR/pretrain_audio  the audio encoder trained to classify them
      WORKDIR/pretrain_video  a video-only network trained on still images
      WORKDIR/networks        a run of each network and seed
      WORKDIR/scores          an evaluation of each, and of the baselines
      WORKDIR/report          tables and figures

  An interrupted study resumes in the stage that it stopped in.
  """

  def __init__(self, config: ConfigDict, workdir: str | os.PathLike):
    """Takes the config and the folder of the study."""
    self._config = config
    self._workdir = pathlib.Path(workdir)
    self._data_dir = self._workdir / 'data'
    self._boxes = self._workdir / 'boxes.csv'
    self._networks = [name for name in _NAMES if name in config.networks]

  def run(self) -> bool:
    """Runs the stages in order.

    Returns:
      Whether all are finished; False if the study was asked to stop.

    Raises:
      ValueError, OSError, NonFiniteError: See `train`.
    """
    stages = list(self._stages())
    numbers = {stage.title: i for i, stage in enumerate(stages, 1)}

    def announce(title):
      _LOG.info('[%d/%d] %s', numbers[title], len(stages), title)

    for at_once, group in itertools.groupby(
      stages, lambda stage: self._processes > 1 and stage.needs is not None
    ):
      if at_once:
        calls = [Call(stage.title, stage.needs) for stage in group]
        if not run_at_once(self.run_stage, calls, self._processes, announce):
          return False
        continue
      for stage in group:
        announce(stage.title)
        # Only training can be interrupted; it then returns False.
        if stage.run() is False:
          return False
    return True

  @property
  def _processes(self) -> int:
    # On an accelerator one process takes all memory.
    return self._config.processes if jax.default_backend() == 'cpu' else 1

  def run_stage(self, title: str) -> bool | None:
    """Runs the stage of a title, as its function does."""
    (stage,) = (stage for stage in self._stages() if stage.title == title)
    return stage.run()

  def _stages(self) -> Iterator[_Stage]:
    """Yields the stages in order."""
    for name in self._config.sets:
      yield _Stage(f'Build {name}', lambda name=name: self._build(name))
    yield _Stage('Write voices', self._write_voices)
    yield _Stage('Locate sound sources', self._write_boxes)
    yield _Stage(_PRETRAIN_VIDEO, self._pretrain_video, ())
    yield _Stage(_PRETRAIN_AUDIO, self._pretrain_audio, ())
    first = self._networks[0]
    compiled = f'Compile {_NAMES[first]}'
    if self._processes > 1:
      # In the time that a core would be idle beside the pre-training.
      yield _Stage(compiled, self._compile_first, ())
    for seed in self._config.seeds:
      for network in self._networks:
        needs = _PRETRAINING[self._config.networks[network].model.modality]
        if network == first and self._processes > 1:
          needs += (compiled,)
        yield _Stage(
          _training(network, seed),
          lambda network=network, seed=seed: self._train(network, seed),
          needs,
        )
    for name, needs, fields in self._evaluations():
      yield _Stage(
        f'Evaluate {name}',
        lambda name=name, fields=fields: self._evaluate(name, fields),
        needs,
      )
    yield _Stage('Write the report', self._report)

  def _build(self, name):
    builder = make_builder(
      name,
      self._data_dir,
      storage=Storage(frame_size=tuple(self._config.frame_size)),
      settings={k: str(v) for k, v in self._config.sets[name].items()},
    )
    # A data set has its name only when it is complete.
    if not pathlib.Path(builder.data_dir).exists():
      build(builder, None, processes=os.cpu_count(), partial=False)
    sheet = self._workdir / 'sheets' / f'{name}.png'
    if not sheet.exists():
      dataset = open_dataset(self._data_dir, name)
      picture = contact_sheet(
        dataset, 'train', rows=4, columns=6, seed=self._config.seed
      )
      write_image(sheet, picture)
    _LOG.info('frames with the gaze of simulated viewers: %s', sheet)

  def _write_voices(self):
    write_voices(
      self._workdir / 'voices', self._config.voices, self._config.seed
    )

  def _pretrain_audio(self):
    config = self._config.pretrain_audio.copy_and_resolve_references()
    config.data.folder = str(self._workdir / 'voices')
    return train(config, self._workdir / 'pretrain_audio')

  def _pretrain_video(self):
    config = self._config.pretrain_video.copy_and_resolve_references()
    config.data.data_dir = str(self._data_dir)
    return train(config, self._workdir / 'pretrain_video')

  def _compile_first(self):
    network = self._networks[0]
    trained = self._run_folder(network, self._config.seeds[0])
    if trained.exists() or not jax.config.jax_compilation_cache_dir:
      return
    config = self._config.networks[network].copy_and_resolve_references()
    config.data.data_dir = str(self._data_dir)
    config.start.audio_encoder = ''  # Not trained yet.
    compile_steps(config)

  def _train(self, network, seed):
    config = self._config.networks[network].copy_and_resolve_references()
    config.seed = seed
    config.data.data_dir = str(self._data_dir)
    if config.model.modality != 'audio':
      config.start.network = str(self._workdir / 'pretrain_video' / 'best')
    if config.model.modality != 'video':
      config.start.audio_encoder = str(
        self._workdir / 'pretrain_audio' / 'best'
      )
    return train(config, self._run_folder(network, seed))

  def _run_folder(self, network, seed):
    return self._workdir / 'networks' / f'{network}_{seed}'

  def _write_boxes(self):
    dataset = open_dataset(self._data_dir, self._config.test.set)
    boxes.write_boxes(self._boxes, boxes.dataset_boxes(dataset))

  def _evaluations(self):
    """Yields the name of each evaluation, its needs, and what it scores."""
    for baseline in _BASELINES:
      yield BASELINES[baseline], (), {'baseline': baseline}
    for seed in self._config.seeds:
      for network in self._networks:
        # Each gets the sound that it was trained with.
        fields = {
          'checkpoint': str(self._run_folder(network, seed) / 'best'),
          'sound': self._config.networks[network].data.sound,
        }
        needs = (_training(network, seed),)
        yield self._with_seed(_NAMES[network], seed), needs, fields
        if network == 'audio_visual':
          swapped = fields | {'sound': 'other'}
          yield self._with_seed(_SWAPPED, seed), needs, swapped

  def _with_seed(self, name, seed):
    return name if len(self._config.seeds) == 1 else f'{name}, seed {seed}'

  def _evaluate(self, name, fields):
    test = self._config.test
    network = self._config.networks[self._networks[0]]
    evaluate(
      options_from(
        test.options,
        dataset=test.set,
        split=test.split,
        data_dir=str(self._data_dir),
        out=str(self._scores_folder(name)),
        name=name,
        boxes=str(self._boxes),
        alignment=network.data.alignment,
        **fields,
      )
    )

  def _scores_folder(self, name):
    return self._workdir / 'scores' / re.sub('[^a-z0-9]+', '_', name.lower())

  def _read(self, names) -> list[Run]:
    return read_runs([self._scores_folder(name) for name in names])

  def _report(self):
    """Reports the first seed in full, and all seeds in `sound.md`."""
    out = self._workdir / 'report'
    networks = [_NAMES[network] for network in self._networks]
    people, mean = (BASELINES[baseline] for baseline in _BASELINES)
    by_name = {
      name: [self._with_seed(name, seed) for seed in self._config.seeds]
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
    differences = differences_table(
      models,
      [pair for pair in _DIFFERENCES if set(pair[1:]) <= models.keys()],
      Bootstrap(**self._config.bootstrap),
    )
    sound = out / 'sound.md'
    write_tables(
      sound, 'What sound adds', [gain, differences, seeds_table(models)]
    )
    _LOG.info('%s\nDone: %s and %s', gain.markdown(), path, sound)
