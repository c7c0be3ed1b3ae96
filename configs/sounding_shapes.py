"""What sound adds on the simulated sounding_shapes, over three seeds.

  python -m dave_jax.main --config=configs/sounding_shapes.py

The study of configs/demo.py with three seeds and longer training.
"""

from ml_collections import ConfigDict

from dave_jax.configs import demo


def get_config() -> ConfigDict:
  """Returns the config."""
  config = demo.get_config()
  config.seeds = (0, 1, 2)
  for network in (config.networks.audio_visual, config.networks.video):
    network.train.steps = 1000
  return config
