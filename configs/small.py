"""A small network with 3D ResNets, trained on data that anybody can download.

  for set in osie scene500; do
    python -m dave_jax.datasets.prepare $set --source=$set --data_dir=data \
        --frame_size=128x160
  done
  python -m dave_jax.datasets.prepare sounding_shapes --data_dir=data \
      --frame_size=128x160 --set train=64 --set val=16 --set test=36
  python -m dave_jax.main --config=configs/small.py
  python -m dave_jax.convert --checkpoint=runs/small/best --to_half=small

Batches of photographs with real fixations alternate with simulated clips. The
recipe is that of configs/davos.py, with the differences explained here.
The bundled network is another one: its model card,
dave_jax/weights/bundled/MODEL_CARD.md, says how it was trained.
"""

from ml_collections import ConfigDict

from dave_jax.configs import davos


def get_config() -> ConfigDict:
  """Returns the config."""
  config = davos.get_config()
  model, start, data = config.model, config.start, config.data
  # The best of three networks of about the same cost, after 200 steps on
  # photographs; see the model card.
  model.depth = 18
  model.width = 16
  model.frame_size = (128, 160)  # The deepest features are 4 x 5.
  start.video_encoder = ''
  start.audio_encoder = ''
  data.audio_visual = 'sounding_shapes:train'
  data.images = 'osie:train,scene500:train'
  data.validation = 'osie:val,sounding_shapes:val'
  data.test = 'osie:test,sounding_shapes:test'
  # Half as many windows as configs/davos.py: photographs have the real
  # fixations, and cost a third of a window.
  data.stride = 32
  # Augmentation, for there are only a thousand photographs.
  data.brightness = 0.1
  data.contrast = 0.2
  config.train.batch_size = 16
  config.train.steps = 900
  config.optimizer.learning_rate = 2e-3  # From random weights.
  config.evaluation.batch_size = 16
  config.evaluation.stride = 32
  config.evaluation.every = 150
  config.checkpoint.every = 100
  return config
