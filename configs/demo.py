"""From nothing to a report on what sound adds, on a laptop's CPU.

  python -m dave_jax.main --config=configs/demo.py --workdir=runs/demo

builds sounding_shapes and sounding_images (a SIMULATION, gaze included: things
that sound in turn, and still images of them), trains the three networks on
them, scores all beside people and mean eye position, and reports: tables and
figures in WORKDIR/report. Interrupted, the same command goes on.

The recipe is that of configs/davos.py; what departs from it says why.
"""

from ml_collections import ConfigDict

from dave_jax.configs import davos, speech_commands
from dave_jax.evaluation.options import options_section


def get_config() -> ConfigDict:
  """Returns the config."""
  config = ConfigDict()
  config.task = 'study'
  config.seed = 0  # Of the voices.
  config.seeds = (0,)  # Of the networks, and of the order of their examples.
  config.frame_size = (128, 160)  # 4 x 5 at its deepest; less tells no places.
  # Fields of each set's source. Which voice goes with which look is the slowest
  # to learn, and three kinds are the fewest there can be.
  config.sets = ConfigDict(
    {
      'sounding_shapes': {'kinds': 3, 'train': 160, 'val': 18, 'test': 36},
      'sounding_images': {'kinds': 3, 'train': 800, 'val': 40, 'test': 0},
    }
  )
  config.voices = 60  # Files of each.
  # Both encoders learn apart before they meet, as in the paper: the audio
  # encoder to tell voices apart, a video-only network where images are looked
  # at (the paper has Kinetics weights).
  config.pretrain_audio = _pretrain_audio()
  config.pretrain_video = _pretrain_video()
  config.networks = ConfigDict(
    {
      modality: _network(variant)
      for modality, variant in (
        ('audio_visual', ''),
        ('video', 'video'),
        ('audio', 'audio'),
      )
    }
  )
  test = config.test = ConfigDict()
  test.set = 'sounding_shapes'
  test.split = 'test'
  options = test.options = options_section()
  options.stride = 8
  options.size = '128x160'  # The size of the frames.
  options.batch_size = 8
  options.scoring.splits = 10
  return config


def _pretrain_audio():
  config = speech_commands.get_config()
  config.model.depth = 10
  config.model.width = 8
  config.start.audio_encoder = ''
  config.train.batch_size = 32
  config.train.steps = 40
  config.optimizer.learning_rate = 4e-3  # Fresh weights.
  return config


def _pretrain_video():
  config = _network('video')
  config.data.audio_visual = ''
  config.data.validation = 'sounding_images:val'
  config.train.batch_size = 16
  config.train.steps = 300
  config.evaluation.every = 150
  return config


def _network(variant):
  config = davos.get_config(variant)
  model, start, data = config.model, config.start, config.data
  model.depth = 10
  model.width = 8
  model.frame_size = (128, 160)
  start.video_encoder = ''
  start.mix = 'identity'  # The decoder has learnt from images.
  data.audio_visual = 'sounding_shapes:train'
  data.images = '' if variant == 'audio' else 'sounding_images:train'
  # Simulated viewers look where they heard something 0.3 to 0.6 s ago. Of the
  # 1.3 s of sound that a window has by the paper's way, half comes later.
  data.alignment = 'causal'
  data.validation = 'sounding_shapes:val'
  data.test = ''
  config.train.batch_size = 8
  # Without a picture there is little to learn.
  config.train.steps = 200 if variant == 'audio' else 600
  # In turns of epochs a small network forgets, and what it forgets first is
  # what things look like, which images alone ask for.
  config.train.schedule = 'steps'
  config.optimizer.learning_rate = 4e-3
  config.evaluation.batch_size = 16
  config.evaluation.every = 200
  config.evaluation.scoring.scores = 'NSS,CC'
  config.checkpoint.every = 100
  return config
