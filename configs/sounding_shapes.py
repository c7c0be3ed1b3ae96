"""What sound adds on the simulated sounding_shapes: three seeds and controls.

  python -m dave_jax.main --config=configs/sounding_shapes.py

The study of configs/demo.py with three seeds, longer training by Adam with the
loss of the paper, and two controls that have the layers of the audio-visual
network and no sound to learn from: what they gain over the video-only network
is not due to sound.
"""

from ml_collections import ConfigDict

from dave_jax.configs import demo


def get_config() -> ConfigDict:
  """Returns the config."""
  config = demo.get_config()
  config.seeds = (0, 1, 2)
  options = config.test.options
  options.stride = 8
  options.repeats = 5
  options.mean_eye_position_stride = 5
  networks = config.networks
  # The results in docs/results.md are of Adam and the divergence alone.
  sounds, images = config.pretrain_audio, config.pretrain_video
  sounds.train.steps = 40
  sounds.evaluation.every = 0
  for part in (images, *networks.values()):
    part.optimizer.name = 'adam'
    part.optimizer.learning_rate = 4e-3
    part.loss.cc = 0.0
    part.evaluation.stride = 16
  images.train.batch_size = 16
  images.start.head_scale = 0.1
  images.start.head_bias = 1.0
  # After 600 steps, a network still looks much the same with the sound of
  # another clip.
  for network, steps in (
    (networks.audio_visual, 1000),
    (networks.video, 1000),
    (networks.audio, 200),
  ):
    network.train.steps = network.evaluation.every = steps
  # Each is validated and scored with the sound that it is trained with: deaf
  # with silence, shuffled with the sound of other clips.
  for name, sound in (('deaf', 'none'), ('shuffled', 'other')):
    networks[name] = networks.audio_visual.copy_and_resolve_references()
    networks[name].data.sound = sound
  return config
