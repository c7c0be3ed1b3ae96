"""Takes steps on meshes of one and of eight CPU devices.

  python -m tests.training.on_meshes FOLDER

Writes, for each of MESHES, FOLDER/NAME.npz, the state after five steps on both
routes, and FOLDER/NAME.ROUTE.txt, the compiled programs. Runs in a process of
its own, since the number of devices is fixed when JAX starts.
"""

import os
import pathlib
import sys

BATCH_SIZE = 8
# {name: (number of devices, whether to shard the optimizer state)}.
MESHES = {'one': (1, False), 'eight': (8, False), 'sharded': (8, True)}


def _take_steps(name, folder):
  devices, shard_optimizer = MESHES[name]
  config = tiny_config(
    **{
      'train.batch_size': BATCH_SIZE,
      'train.steps': 5,
      'mesh.shard_optimizer': shard_optimizer,
    }
  )
  mesh = make_mesh(devices)
  task = SaliencyTask(config, mesh)
  state, _ = task.initial_state()
  batches = task.train_data()
  programs = {}
  for _ in range(task.steps):
    stream, batch = next(batches)
    route, batch = ROUTE_OF_STREAM[stream], place_batch(mesh, batch)
    if route not in programs:
      step = compile_step(
        getattr(task.branches, route), mesh, shard_optimizer=shard_optimizer
      )
      programs[route] = step.lower(state, batch).compile()
    state, _ = programs[route](state, batch)
  batches.close()
  leaves = jax.tree_util.tree_leaves_with_path(state)
  np.savez(
    folder / f'{name}.npz',
    **{jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves},
  )
  for route, program in programs.items():
    (folder / f'{name}.{route}.txt').write_text(program.as_text())


if __name__ == '__main__':
  devices = '--xla_force_host_platform_device_count=8'
  os.environ['XLA_FLAGS'] = f'{os.environ.get("XLA_FLAGS", "")} {devices}'
  import jax
  import numpy as np

  from dave_jax.training.saliency import SaliencyTask
  from dave_jax.training.saliency_data import ROUTE_OF_STREAM
  from dave_jax.training.sharding import compile_step, make_mesh, place_batch
  from tests.runs import tiny_config

  for each in MESHES:
    _take_steps(each, pathlib.Path(sys.argv[1]))
