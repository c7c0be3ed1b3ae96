"""A small network, from data that anybody can have.

  for set in osie scene500; do
    python -m dave_jax.datasets.prepare $set --source=$set --data_dir=data \
        --frame_size=128x160
  done
  python -m dave_jax.datasets.prepare sounding_shapes --data_dir=data \
      --frame_size=128x160
  python -m dave_jax.main --config=configs/small.py --workdir=runs/small

Photographs with real fixations take turns with made-up clips whose viewers are
simulated: the recipe of configs/davos.py where it says nothing else.
"""

from ml_collections import ConfigDict

from configs import davos


def get_config() -> ConfigDict:
  """Returns the config."""
  config = davos.get_config()
  model, start, data = config.model, config.start, config.data
  model.depth = 10
  model.width = 16
  model.frame_size = (128, 160)  # 4 x 5 at its deepest; less tells no places.
  start.video_encoder = ''
  start.audio_encoder = ''
  data.audio_visual = 'sounding_shapes:train'
  data.images = 'osie:train,scene500:train'
  data.validation = 'osie:val,sounding_shapes:val'
  data.test = 'osie:test,sounding_shapes:test'
  # A thousand photographs are few.
  data.brightness = 0.1
  data.contrast = 0.2
  # In turns of whole epochs a small network may forget the other kind.
  config.train.turns = 'steps'
  config.train.batch_size = 16
  config.train.steps = 1500
  config.optimizer.learning_rate = 2e-3  # Fresh weights.
  config.evaluation.batch_size = 16
  config.evaluation.stride = 32
  config.evaluation.every = 300
  config.checkpoint.every = 100
  return config
