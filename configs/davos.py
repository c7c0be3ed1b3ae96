"""DAVE on DAVoS: the paper's recipe (Tavakoli et al., arXiv 1905.10693).

  python -m dave_jax.main --config=configs/davos.py --workdir=runs/davos
  python -m dave_jax.main --config=configs/davos.py:video --workdir=runs/video
  python -m dave_jax.main --config=configs/davos.py:audio --workdir=runs/audio

The three networks of the paper's Table 3; every field can be set on the command
line, as --config.train.batch_size=20. What the paper says: two 3D ResNet-18
with Kinetics weights, the audio one trained to classify sounds; 16 frames of
256x320; KL divergence; Adam from 1e-3; batch 10; 10 epochs, alternately one of
audio-visual windows and one of still images. All else is chosen here, and says
why.
"""

import dataclasses

from ml_collections import ConfigDict, config_dict

from dave_jax.evaluation.options import options_section
from dave_jax.scoring.settings import ScoreSettings

_MODALITIES = {'': 'audio_visual', 'video': 'video', 'audio': 'audio'}


def get_config(variant: str = '') -> ConfigDict:
  """Returns the config of a variant: '', 'video' or 'audio'."""
  if variant not in _MODALITIES:
    raise ValueError(
      f'got variant {variant!r} of configs/davos.py, wanted none, or one of '
      "'video' and 'audio'"
    )
  config = ConfigDict()
  config.task = 'saliency'
  config.seed = 0  # Of fresh weights, order of examples and augmentation.
  # Made-up batches and fresh weights in place of data and `start`, to try a
  # config or a machine with nothing on disk; nothing is evaluated.
  config.fake_data = False

  model = config.model = ConfigDict()
  model.modality = _MODALITIES[variant]
  model.depth = 18  # Of the encoders: 10, 18, 34 or 50.
  model.width = 64  # Channels of their stems.
  model.shortcut = 'A'  # As the Kinetics weights of 2018 have it.
  model.detach_shortcut = False  # True: gradients as the original code's.
  model.decoder_batch_norm = (
    True  # As in the paper; the published code has none.
  )
  model.frame_size = (256, 320)  # Height, width; as the data sets were built.
  model.dtype = 'float32'  # Of the computation; or 'bfloat16', on accelerators.
  # True: the backward pass recomputes activations inside blocks, a third more
  # work for less memory.
  model.rematerialise = False
  # True: convolution and pooling by jax.lax on CPUs too, which compiles in a
  # quarter of the time and runs several times slower.
  model.lax_kernels = False

  # Checkpoint folders to start from, '' for fresh weights. `convert` makes them
  # of PyTorch files, training those of sounds (configs/speech_commands.py).
  start = config.start = ConfigDict()
  start.network = ''  # A whole network; the encoders' come after it.
  start.video_encoder = 'weights/kinetics'
  start.audio_encoder = 'runs/speech_commands/best'
  # A fresh network ends in a ReLU and may give maps of zeros alone, which have
  # no gradient. These start it from nearly even maps instead.
  start.head_scale = 0.1  # Times the last layer's fresh kernel.
  start.head_bias = 1.0
  # 'identity' starts the layer that mixes sound in from the visual features
  # alone, as images take past it, and faint sound: for a `network` that has
  # learnt without sound.
  start.mix = 'fresh'

  # Sets are NAME:SPLIT, several with commas between them, '' for none.
  data = config.data = ConfigDict()
  data.data_dir = 'data'  # Where `datasets.prepare` put them.
  data.audio_visual = 'davos:train'  # Windows of video with sound.
  # The paper does not name its images. SALICON is the largest set there is.
  data.images = '' if variant == 'audio' else 'salicon:train'
  data.silent_video = ''  # Windows without sound, such as 'dhf1k:train'.
  data.validation = 'davos:val'
  data.test = 'davos:test'  # For --mode=evaluate.
  # How often examples of several sets come, as '2,1'; '': each once an epoch.
  data.audio_visual_weights = ''
  data.images_weights = ''
  data.silent_video_weights = ''
  # An epoch has a window of every 16 frames, anywhere in them: neighbours share
  # nearly all they show, and other epochs draw other frames.
  data.stride = 16
  data.random_frames = True
  data.alignment = 'exact'  # Or 'causal', 'reference'; see media/clock.py.
  # Blur of fixations in pixels of the original; None: one degree, as recorded.
  data.sigma = config_dict.placeholder(float)
  # Mirroring moves what sounds with what is seen, for sound is mono here.
  data.flip = 0.5  # Probability.
  # Mild: weights of Kinetics were trained without; 0 leaves colours alone.
  data.brightness = 0.0  # Share of the range, up and down.
  data.contrast = 0.0
  data.workers = 0  # Processes that read; 0: threads of this one.
  data.prefetch = 4  # Batches ready for each worker, or this process without.

  # Weights of the terms; the paper has the divergence alone.
  loss = config.loss = ConfigDict()
  loss.kl = 1.0
  loss.cc = 0.0
  loss.nss = 0.0
  loss.sim = 0.0
  # Share of the probability spread evenly: the ReLU gives zeros, where the
  # divergence would be infinite. Costs 0.001 nats at most in the loss.
  loss.epsilon = 1e-3

  optimizer = config.optimizer = ConfigDict()
  optimizer.learning_rate = 1e-3
  # The paper says "from 1e-3" and not how it falls.
  optimizer.schedule = 'cosine'  # Or 'constant', 'linear'.
  # Adam's first steps are of full size whatever the gradient, too much for
  # weights that were trained elsewhere.
  optimizer.warmup = 0.01  # Share of the steps.
  optimizer.b1 = 0.9
  optimizer.b2 = 0.999
  optimizer.epsilon = 1e-8
  optimizer.weight_decay = 0.0
  optimizer.clip_norm = 0.0  # Of the whole gradient; 0 does not clip.

  train = config.train = ConfigDict()
  train.batch_size = 10  # Of all devices together.
  train.epochs = 10  # Of windows and of images together.
  train.steps = 0  # 0: what the epochs take.
  # 'epochs': one of windows, one of images, as in the paper. Or 'steps'.
  train.schedule = 'epochs'
  # 'cond': one program that routes on the device. 'static': a program for each
  # route, chosen on the host. 'auto' is static on CPUs, where the heavy branch
  # of a cond is slower, and cond elsewhere.
  train.routing = 'auto'
  train.accumulate = 1  # Parts that a batch is computed in, to save memory.

  evaluation = config.evaluation = ConfigDict()
  evaluation.every = 0  # Steps; 0: as often as there are epochs.
  evaluation.stride = 16  # Frames from one window to the next.
  evaluation.batch_size = 10
  # Validation scores maps at the size of the network's frames.
  # dave_jax/scoring/settings.py documents the fields and holds their defaults.
  scoring = ScoreSettings(scores='NSS,AUC_Judd,sAUC,CC,SIM')
  evaluation.scoring = ConfigDict(dataclasses.asdict(scoring))
  # --mode=evaluate scores data.test as `python -m dave_jax.evaluate` does: all
  # scores, at the size of the recordings. dave_jax/evaluation/options.py
  # documents the fields and holds their defaults.
  evaluation.test = options_section()

  checkpoint = config.checkpoint = ConfigDict()
  checkpoint.every = 500  # Steps; evaluations and the end make one too.
  checkpoint.keep = 2  # The newest; the best weights stay besides.

  log = config.log = ConfigDict()
  log.every = 20  # Steps between lines.
  log.pictures = 4  # Validation examples drawn at each evaluation.

  mesh = config.mesh = ConfigDict()
  mesh.data = -1  # Number of devices that share a batch; -1: all.
  # True: each device keeps a part of Adam's two moments, updates its part of
  # the parameters, and the devices exchange the results.
  mesh.shard_optimizer = False

  profile = config.profile = ConfigDict()
  profile.first_step = 10
  profile.steps = 0  # How many are recorded, for TensorBoard or Perfetto.
  return config
