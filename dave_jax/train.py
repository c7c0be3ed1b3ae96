"""The training loop."""

import contextlib
import logging
import os
import pathlib
import time
from collections.abc import Callable

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dave_jax.training import sharding
from dave_jax.training import workdir as run_folder
from dave_jax.training.checkpoints import Checkpoints, ExportedWeights
from dave_jax.training.metrics import MetricBuffer, Progress, Writers
from dave_jax.training.preemption import Preemption
from dave_jax.training.profile import Profile
from dave_jax.training.task import Task

_LOG = logging.getLogger(__name__)

TASKS = ('saliency', 'sound_classification')


def train(
  config: ConfigDict,
  workdir: str | os.PathLike,
  *,
  after_save: Callable[[], None] | None = None,
) -> bool:
  """Trains what a config describes, resuming from the newest checkpoint.

  A resumed run takes the same steps, bit for bit, as one that was not stopped.

  Args:
    config: See configs/.
    workdir: Folder of the run, shared by all processes.
    after_save: Copies the folder, see `mirror.mirrored`; each process then has
      a folder of its own.

  Returns:
    True at the end of the run, False after a requested shutdown.

  Raises:
    NonFiniteError: A loss, gradient or parameter is NaN or infinite.
    ValueError, OSError: A setting is wrong, data is missing, or another run
      uses the workdir.
  """
  workdir = pathlib.Path(workdir)
  with contextlib.ExitStack() as stack:
    # Take the workdir and the devices.
    stack.enter_context(run_folder.lock(workdir))
    mesh = sharding.make_mesh(config.mesh.data)
    _log(sharding.describe_devices(mesh))
    checkpoints = Checkpoints(
      workdir, keep=config.checkpoint.keep, after_save=after_save
    )
    stack.enter_context(contextlib.closing(checkpoints))
    _log(checkpoints.problems, logging.WARNING)
    stack.enter_context(
      run_folder.nonfinite_guard(workdir, config, checkpoints)
    )

    # Initialize or resume.
    task = make_task(config, mesh)
    data = stack.enter_context(contextlib.closing(task.train_data()))
    if checkpoints.latest is None:
      state, about = task.initial_state()
      _log(about)
    else:
      _log(run_folder.check_config(workdir, config, steps=task.steps))
      state, position = checkpoints.restore(task.abstract_state())
      data.restore(position)
      _LOG.info('resuming after step %d', state.step)
    first = step = int(state.step)

    # Set up what the run records.
    writers = None
    if jax.process_index() == 0:
      writers = Writers(workdir, step=step)
      stack.enter_context(contextlib.closing(writers))
      writers.start(config, mesh, steps=task.steps)
    buffer = MetricBuffer(task, writers)
    weights = ExportedWeights(workdir, task)
    progress = Progress(
      first=step, last=task.steps, batch_size=config.train.batch_size
    )
    profile = Profile(
      workdir,
      first=first + config.profile.first_step,
      steps=config.profile.steps,
    )
    stack.enter_context(contextlib.closing(profile))
    preemption = stack.enter_context(Preemption())
    evaluate_every = config.evaluation.every or task.steps_per_epoch
    one_at_a_time = sharding.deadlocks_if_queued(mesh)

    in_flight = None
    while True:
      ends = step >= task.steps
      stops = ends or preemption.requested(step)
      evaluates = step > first and (ends or step % evaluate_every == 0)
      saves = step > first and (stops or step % config.checkpoint.every == 0)
      begin = time.perf_counter()
      if evaluates or saves:
        buffer.check(step, state)

      # Evaluate.
      if evaluates:
        scores = task.evaluate(state)
        # A copy of the folder may still be under way.
        checkpoints.wait()
        weights.update(step, state, scores)
        pictures = task.pictures(state)
        if writers and scores:
          writers.write('validation', {'step': step, **scores})
          writers.pictures(step, pictures)
          shown = '  '.join(f'{k} {v:.4f}' for k, v in scores.items())
          _LOG.info('step %d  validation  %s', step, shown)

      # Save.
      if saves:
        checkpoints.save(step, state, data.state())
      progress.paused(time.perf_counter() - begin)
      if stops:
        break

      # Get the next batch.
      begin = time.perf_counter()
      stream, batch = next(data)
      progress.waited(time.perf_counter() - begin)

      # Take a step; the host runs at most one step ahead of the devices.
      profile.before(step)
      state, metrics = task.train_step(state, stream, batch)
      step += 1
      buffer.add(step, stream, batch, metrics)
      begin = time.perf_counter()
      jax.block_until_ready(metrics if one_at_a_time else in_flight)
      progress.blocked(time.perf_counter() - begin)
      in_flight = metrics
      profile.after(step, metrics)

      # Report.
      if step % config.log.every == 0 or step == task.steps:
        loss = buffer.flush()
        _LOG.info('%s', progress.line(step, stream, loss))
        if writers:
          writers.write('progress', {'step': step, **progress.metrics})

    checkpoints.wait()
    if ends:
      weights.finish(step, state)
    else:
      _LOG.info('stopped after step %d; the same command continues', step)
    return ends


def compile_steps(config: ConfigDict) -> None:
  """Compiles the training steps of a config into the compilation cache.

  Raises:
    ValueError, OSError: A setting is wrong, or data is missing.
  """
  task = make_task(config, sharding.make_mesh(config.mesh.data))
  for program in task.lower().values():
    program.compile()


def make_task(config: ConfigDict, mesh: Mesh) -> Task:
  """Returns the task that a config names.

  Raises:
    ValueError, OSError: A setting is wrong, or data is missing.
  """
  if config.task == 'saliency':
    from dave_jax.training.saliency import SaliencyTask

    return SaliencyTask(config, mesh)
  if config.task == 'sound_classification':
    from dave_jax.training.sound_classification import SoundClassificationTask

    return SoundClassificationTask(config, mesh)
  raise ValueError(f'expected task in {TASKS}, got {config.task!r}')


def _log(lines, level=logging.INFO):
  for line in lines:
    _LOG.log(level, '%s', line)
