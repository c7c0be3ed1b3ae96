"""Training steps of `benchmarks.accelerator`: routed ones and a short run."""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dave_jax.media import clock
from dave_jax.models.dave import DAVE
from dave_jax.models.inputs import predict_batch
from dave_jax.training import steps
from dave_jax.training.losses import Objective
from dave_jax.training.optimizer import make_optimizer
from dave_jax.training.steps import ROUTES, VISUAL
from dave_jax.training.task import TrainState

# Red and green in the frames of the short run, and the mel bands in which a
# disc of that colour sounds.
_COLOURS = ((230, 40, 40), (40, 200, 60))
_BANDS = (slice(4, 20), slice(40, 56))


def routed(bench) -> None:
  """Measures Adam steps of both routes, apart and chosen by `lax.cond`."""
  model = DAVE(**bench.model_fields)
  branches = routed_steps(model, learning_rate=1e-3)
  rng = np.random.default_rng(0)
  batches = {}
  for route in ROUTES:
    batch = discs(rng, bench.args.batch, bench.size)
    if route == VISUAL:
      batch = {
        'frames': batch['frames'][:, :1],
        'density': batch['density'],
      }
    batches[route] = jax.device_put(batch)
  for route in ROUTES:
    bench.measure(
      getattr(branches, route),
      first_state(model, branches),
      batches[route],
      precision='default',
      donate=True,
      section='training step',
      name=f'{route}, program of its own',
      batch=bench.args.batch,
    )
  for route in ROUTES:
    bench.measure(
      branches.routed,
      first_state(model, branches),
      batches | {'route': np.int32(ROUTES.index(route))},
      precision='default',
      donate=True,
      section='training step',
      name=f'{route}, by lax.cond',
      batch=bench.args.batch,
    )


def training(bench) -> None:
  """Trains the demonstration's network on drawn clips that need the sound.

  Of two discs, red and green, the one whose sound is heard is looked at. Shows
  in which share of new clips the map's maximum is nearer to that one: half by
  guessing, all at best.
  """
  # As in configs/demo.py, but no larger than the rest of the benchmark.
  size, b = min((128, 160), bench.size), min(8, bench.args.batch)
  width = min(8, bench.args.width)
  row = {'section': 'short training', 'precision': 'default', 'batch': b}
  row['name'] = f'depth 10, width {width}, {bench.args.steps} steps'
  if bench.left() < 40 * (jax.default_backend() != 'cpu'):
    bench.add(**row, note=f'skipped: {bench.left():.0f} s left')
    return
  fields = {'depth': 10, 'width': width, 'frame_size': size}
  model = DAVE(**bench.model_fields | fields)
  branches = routed_steps(model, learning_rate=4e-3)
  step = jax.jit(branches.audio_visual, donate_argnums=0)
  state = first_state(model, branches)
  rng = np.random.default_rng(0)
  batches = [discs(rng, b, size) for _ in range(min(40, bench.args.steps))]
  losses, begin = [], time.perf_counter()
  for number in range(bench.args.steps):
    state, metrics = step(state, batches[number % len(batches)])
    losses.append(metrics['loss'])
    if number == 0:
      row['compile_s'] = _now(losses) - begin
      begin = time.perf_counter()
  seconds = _now(losses) - begin
  row['ms'] = 1e3 * seconds / max(1, bench.args.steps - 1)
  variables = {'params': state.params, 'batch_stats': state.batch_stats}
  predict = jax.jit(
    lambda variables, batch: predict_batch(
      model, variables, batch, visual_only=False
    )
  )
  right = []
  for _ in range(8):
    batch = discs(rng, b, size)
    truth = batch.pop('centres')
    right += _nearer(np.asarray(predict(variables, batch)), truth)
  row['note'] = (
    f'loss {losses[0]:.2f} to {np.mean(jax.device_get(losses[-20:])):.2f}; '
    f'maximum at the disc that sounds in {np.mean(right):.0%} of {len(right)}'
  )
  bench.add(**row)


def discs(rng: np.random.Generator, b: int, size: tuple[int, int]) -> dict:
  """Draws windows of a red and a green disc, one of which sounds.

  Returns:
    A batch as `data.batches` describes it, without fixations; and 'centres'
    [b, 2, 2], row and column in the map of the disc that sounds, then of the
    other.
  """
  h, w = size
  rows, columns = np.mgrid[:h, :w]
  frames = rng.integers(90, 130, (b, 1, h, w, 3), np.uint8)
  frames = frames.repeat(16, axis=1)
  log_mel = rng.normal(
    clock.SILENCE, 0.1, (b, clock.CHUNK_FRAMES, clock.MEL_BANDS)
  ).astype(np.float32)
  density = np.zeros((b, h // 8, w // 8), np.float32)
  centres = np.zeros((b, 2, 2), np.float32)
  radius = h / 10
  for i in range(b):
    sounding = rng.integers(2)
    log_mel[i, :, _BANDS[sounding]] += 4.0
    left = rng.integers(2)
    for disc, colour in enumerate(_COLOURS):
      side = (disc + left) % 2
      y = rng.uniform(0.2, 0.8) * h
      x = (rng.uniform(0.15, 0.35) + 0.5 * side) * w
      inside = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
      frames[i, :, inside] = colour
      # A point of the map lies at the middle of 8 x 8 pixels.
      centres[i, int(disc != sounding)] = y / 8 - 0.5, x / 8 - 0.5
    y, x = centres[i, 0]
    grid_y, grid_x = np.mgrid[: h // 8, : w // 8]
    blob = np.exp(-((grid_y - y) ** 2 + (grid_x - x) ** 2) / 4)
    density[i] = blob / blob.sum()
  offsets = np.tile(4 * np.arange(16, dtype=np.int32), (b, 1))
  return {
    'frames': frames,
    'log_mel': log_mel,
    'offsets': offsets,
    'density': density,
    'centres': centres,
  }


def _nearer(maps, centres):
  """Returns whether each map's maximum is nearer to the disc that sounds."""
  flat = maps.reshape(len(maps), -1).argmax(axis=1)
  places = np.stack(np.divmod(flat, maps.shape[2]), axis=1)
  distances = np.linalg.norm(centres - places[:, None], axis=2)
  return list(distances[:, 0] < distances[:, 1])


def _now(losses):
  jax.block_until_ready(losses)
  return time.perf_counter()


def routed_steps(model: DAVE, *, learning_rate: float) -> steps.RoutedSteps:
  """Returns the training steps of a network with Adam."""
  optimizer = make_optimizer(
    steps.groups(model),
    name='adam',
    learning_rate=learning_rate,
    schedule='constant',
    warmup=0.0,
    steps=1000,
    b1=0.9,
    b2=0.999,
    epsilon=1e-8,
    momentum=0.0,
    update_rms=0.0,
    weight_decay=0.0,
    clip_norm=1.0,
    rates={},
  )
  objective = Objective(1.0, 0.0, 0.0, 0.0, epsilon=1e-3)
  return steps.RoutedSteps(model, optimizer, objective, 1)


def first_state(model: DAVE, branches: steps.RoutedSteps) -> TrainState:
  """Returns the state before the first step, from random weights."""
  variables = model.initialise(0)
  head = variables['params']['saliency']
  # Nearly even maps, as configs/davos.py starts: zeros would have no gradient.
  head['kernel'] *= 0.1
  head['bias'] += 1.0
  state = TrainState.create(variables, branches.optimizer)
  return jax.tree.map(jnp.asarray, state)


def inputs(b: int, h: int, w: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns video [b, 16, h, w, 3], audio [b, 16, 64, 64] and targets."""
  rng = np.random.default_rng(0)
  return (
    rng.standard_normal((b, 16, h, w, 3), dtype=np.float32),
    rng.standard_normal((b, 16, 64, 64), dtype=np.float32),
    rng.random((b, h // 8, w // 8), dtype=np.float32),
  )


def training_loss(model: DAVE) -> Callable:
  """Returns the mean squared error in training as a function.

  It takes parameters, batch statistics and `inputs`, and returns the error and
  the new statistics.
  """

  def loss(params, statistics, video, audio, targets):
    maps, state = model.apply(
      {'params': params, 'batch_stats': statistics},
      video,
      audio,
      train=True,
      mutable=['batch_stats'],
    )
    return ((maps - targets) ** 2).mean(), state['batch_stats']

  return loss
