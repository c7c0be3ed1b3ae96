"""The small network that comes with the package, from data anybody can have.

  for set in osie scene500; do
    python -m dave_jax.datasets.prepare $set --source=$set --data_dir=data \
        --frame_size=128x160
  done
  python -m dave_jax.datasets.prepare sounding_shapes --data_dir=data \
      --frame_size=128x160 --set train=64 --set val=16 --set test=36
  python -m dave_jax.main --config=configs/small.py --workdir=runs/small
  python -m dave_jax.convert --checkpoint=runs/small/best --to_half=small

Photographs with real fixations take turns with made-up clips whose viewers are
simulated: the recipe of configs/davos.py where it says nothing else. What it
scores is in dave_jax/weights/bundled/MODEL_CARD.md.
"""

from ml_collections import ConfigDict

from dave_jax.configs import davos


def get_config() -> ConfigDict:
  """Returns the config."""
  config = davos.get_config()
  model, start, data = config.model, config.start, config.data
  # Of three networks that train about as fast, the best after 200 steps of
  # photographs alone; see the model card.
  model.depth = 18
  model.width = 16
  model.frame_size = (128, 160)  # 4 x 5 at its deepest; less tells no places.
  start.video_encoder = ''
  start.audio_encoder = ''
  data.audio_visual = 'sounding_shapes:train'
  data.images = 'osie:train,scene500:train'
  data.validation = 'osie:val,sounding_shapes:val'
  data.test = 'osie:test,sounding_shapes:test'
  # Photographs are what real eyes looked at, and cost a third of a window.
  data.stride = 32
  # A thousand photographs are few.
  data.brightness = 0.1
  data.contrast = 0.2
  config.train.batch_size = 16
  config.train.steps = 900
  config.optimizer.learning_rate = 2e-3  # Fresh weights.
  config.evaluation.batch_size = 16
  config.evaluation.stride = 32
  config.evaluation.every = 150
  config.checkpoint.every = 100
  return config
