"""From nothing to a report on what sound adds, on a laptop's CPU.

  python -m dave_jax.main --config=configs/demo.py

builds the simulated data sets sounding_shapes (clips of objects that make a
sound in turn) and sounding_images (still images of them), both with SIMULATED
gaze; trains an audio-visual, a video-only and an audio-only network; evaluates
them, half of the viewers against the others, and the mean eye position; and
writes a report with tables and figures to runs/demo/report. Run the same
command to resume. On two shared cores it took 10 minutes; the NSS of the
audio-visual network was 4.61, with the sound of another clip 4.15, that of the
video-only network 4.32.

The recipe is that of configs/davos.py, with the differences explained here.
"""

from ml_collections import ConfigDict

from dave_jax.configs import davos, speech_commands
from dave_jax.evaluation.options import options_section


def get_config() -> ConfigDict:
  """Returns the config."""
  config = ConfigDict()
  config.task = 'study'
  config.seed = 0  # Of the voices.
  config.seeds = (0,)  # Each trains all networks, in another order of examples.
  # Networks trained or evaluated at once on a CPU, each with its share of the
  # cores: one alone leaves cores idle.
  config.processes = 2
  # The deepest features are 4 x 5, the coarsest that can tell objects apart.
  config.frame_size = (128, 160)
  # Settings of each data set. With three kinds of objects, the least that there
  # may be, a network learns soonest which voice belongs to which look.
  config.sets = ConfigDict(
    {
      'sounding_shapes': {'kinds': 3, 'train': 160, 'val': 18, 'test': 36},
      'sounding_images': {'kinds': 3, 'train': 800, 'val': 40, 'test': 0},
    }
  )
  config.voices = 60  # Number of sound files of each kind.
  # As in the paper, both encoders are trained separately first: the audio
  # encoder classifies voices, and a video-only network learns from still images
  # (in place of the Kinetics weights).
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
  options.stride = 16
  options.size = '128x160'  # The size of the frames.
  # As in validation, whose compiled program serves again.
  options.batch_size = 8
  options.repeats = 2
  options.mean_eye_position_stride = 20
  options.scoring.splits = 10
  # Intervals of differences between networks, see dave_jax/report/bootstrap.py.
  config.bootstrap = ConfigDict({'resamples': 10000, 'level': 0.95, 'seed': 0})
  return config


def _pretrain_audio():
  config = speech_commands.get_config()
  config.model.depth = 10
  config.model.width = 8
  config.start.audio_encoder = ''
  config.train.batch_size = 32
  config.train.steps = 24  # All held-out voices are classified correctly.
  config.optimizer.learning_rate = 4e-3  # From random weights.
  config.evaluation.every = config.train.steps
  return config


def _pretrain_video():
  config = _network('video')
  config.data.audio_visual = ''
  config.data.validation = 'sounding_images:val'
  # Still images take a third of the time of windows, and what is learned from
  # them lasts: after half as many steps, audio-visual networks ended at an NSS
  # of 4.1. From random weights the parameters that Adam updates (scales, biases
  # and the last layer) learn best at eight times the rate of the networks
  # below; that of kernels, the product of both values, is twice theirs.
  config.train.steps = 300
  config.optimizer.learning_rate = 3.2e-2
  config.optimizer.update_rms = 0.075
  # The map does not change with the scale of its last layer. This one is small
  # compared with the learning rate, so that it soon has peaks.
  config.start.head_scale = 0.03
  config.start.head_bias = 0.2
  config.evaluation.every = config.train.steps
  return config


def _network(variant):
  config = davos.get_config(variant)
  model, start, data = config.model, config.start, config.data
  model.depth = 10
  model.width = 8
  model.frame_size = (128, 160)
  start.video_encoder = ''
  start.mix = 'identity'  # The decoder was trained without sound.
  data.audio_visual = 'sounding_shapes:train'
  data.images = '' if variant == 'audio' else 'sounding_images:train'
  # Simulated viewers look at what sounded 0.3 to 0.6 s before. With 'exact'
  # alignment, half of the 1.3 s of sound in a window comes after the frame.
  data.alignment = 'causal'
  data.validation = 'sounding_shapes:val'
  data.test = ''
  config.train.batch_size = 8
  # With the divergence alone, the NSS after 300 steps is 4.41 and not 4.56, and
  # less is lost with the sound of another clip. With NSS in the loss, networks
  # learn sooner what objects look like, but not to listen.
  config.loss.cc = 1.0
  config.train.steps = 400
  # In alternate epochs a small network forgets in one what it learns in the
  # other, first of all what objects look like.
  config.train.schedule = 'steps'
  # Adam needs about twice as many steps, see docs/speed.md.
  config.optimizer.name = 'muon'
  config.optimizer.learning_rate = 4e-3
  config.optimizer.momentum = 0.8
  config.optimizer.update_rms = 0.3
  if variant == 'audio':
    # From sound alone there is little to learn. With the values above, the NSS
    # is .89 and not 1.00.
    config.train.steps = 100
    config.loss.cc = 2.0
    config.optimizer.update_rms = 0.6
  config.evaluation.batch_size = 8
  # Once, at the end: scoring takes as long as 50 steps.
  config.evaluation.stride = 32
  config.evaluation.every = config.train.steps
  config.evaluation.scoring.scores = 'NSS,CC'
  config.checkpoint.every = 100
  return config
