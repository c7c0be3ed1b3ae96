"""The training loop."""

import contextlib
import logging
import os
import pathlib
import time

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dave_jax.training.checkpoints import BestWeights, Checkpoints
from dave_jax.training.metrics import (
  MetricBuffer,
  Progress,
  Writers,
  describe_run,
)
from dave_jax.training.preemption import Preemption
from dave_jax.training.profile import Profile
from dave_jax.training.sharding import describe_devices, make_mesh
from dave_jax.training.task import Task

_LOG = logging.getLogger(__name__)

TASKS = ('saliency', 'sound_classification')


def train(config: ConfigDict, workdir: str | os.PathLike) -> bool:
  """Trains what a config says, going on where the workdir left off.

  Evaluate, save, next batch, step: a checkpoint is of one moment, and what
  comes after it depends on nothing else.

  Args:
    config: See configs/.
    workdir: Folder of the run, shared by all processes.

  Returns:
    Whether the run is at its end; False where it was asked to stop.

  Raises:
    NonFiniteError: The loss is no number any more.
    ValueError, OSError: A setting makes no sense, or data is not there.
  """
  workdir = pathlib.Path(workdir)
  mesh = make_mesh(config.mesh.data)
  for line in describe_devices(mesh):
    _LOG.info('%s', line)
  task = make_task(config, mesh)
  leads = jax.process_index() == 0

  # Where the run stands.
  checkpoints = Checkpoints(workdir, keep=config.checkpoint.keep)
  for problem in checkpoints.problems:
    _LOG.warning('%s', problem)
  state, data = task.initial_state(), task.train_data()
  for line in task.about:
    _LOG.info('%s', line)
  if checkpoints.latest is not None:
    state, position = checkpoints.restore(state)
    data.restore(position)
    _LOG.info('goes on after step %d of %s', state.step, workdir)
  first = step = int(state.step)

  # What it leaves to look at.
  writers = Writers(workdir, step=step) if leads else None
  if writers:
    writers.start(describe_run(config, mesh, step))
  buffer = MetricBuffer(task, writers)
  best = BestWeights(workdir, task)
  progress = Progress(
    first=step, last=task.steps, batch_size=config.train.batch_size
  )
  profile = Profile(
    workdir,
    first=first + config.profile.first_step,
    steps=config.profile.steps,
  )
  evaluate_every = config.evaluation.every or task.steps_per_epoch
  # Processes on CPUs hang where many steps are queued.
  one_by_one = jax.process_count() > 1 and jax.default_backend() == 'cpu'

  in_flight = None
  with (
    contextlib.closing(data),
    contextlib.closing(checkpoints),
    contextlib.closing(profile),
    Preemption() as preemption,
  ):
    while True:
      ends = step >= task.steps
      stops = ends or preemption.requested(step)

      # Evaluate.
      if step > first and (ends or step % evaluate_every == 0):
        begin = time.perf_counter()
        buffer.flush()
        scores = task.evaluate(state)
        best.update(step, state, scores)
        pictures = task.pictures(state)
        if writers and scores:
          writers.validation({'step': step, **scores})
          writers.pictures(step, pictures)
          shown = '  '.join(f'{k} {v:.4f}' for k, v in scores.items())
          _LOG.info('step %d  validation  %s', step, shown)
        progress.paused(time.perf_counter() - begin)

      # Save.
      if step > first and (stops or step % config.checkpoint.every == 0):
        begin = time.perf_counter()
        buffer.flush()
        checkpoints.save(step, state, data.state())
        progress.paused(time.perf_counter() - begin)
      if stops:
        break

      # Next batch.
      begin = time.perf_counter()
      stream, batch = next(data)
      progress.waited(time.perf_counter() - begin)

      # Step.
      profile.before(step)
      state, metrics = task.train_step(state, stream, batch)
      step += 1
      buffer.add(step, stream, batch, metrics)
      # The host is never more than a step ahead.
      begin = time.perf_counter()
      jax.block_until_ready(metrics if one_by_one else in_flight)
      progress.blocked(time.perf_counter() - begin)
      in_flight = metrics
      profile.after(step, metrics)
      if step % config.log.every == 0 or step == task.steps:
        loss = buffer.flush()
        _LOG.info('%s', progress.line(step, stream, loss))
        if writers:
          writers.progress({'step': step, **progress.figures})
  if writers:
    writers.close()
  if step < task.steps:
    _LOG.info('stopped after step %d; the same command goes on', step)
  return step >= task.steps


def make_task(config: ConfigDict, mesh: Mesh) -> Task:
  """Returns what a config trains.

  Raises:
    ValueError, OSError: A setting makes no sense, or data is not there.
  """
  if config.task == 'saliency':
    from dave_jax.training.saliency import SaliencyTask

    return SaliencyTask(config, mesh)
  if config.task == 'sound_classification':
    from dave_jax.training.sound_classification import SoundClassification

    return SoundClassification(config, mesh)
  raise ValueError(f'task {config.task!r} is none of {TASKS}')
