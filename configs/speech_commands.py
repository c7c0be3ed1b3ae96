"""Audio pre-training: the audio encoder as a classifier (paper, section 3.1).

  python -m dave_jax.main --config=configs/speech_commands.py \
      --workdir=runs/sounds --config.data.folder=speech_commands_v0.02

of Speech Commands as it is unpacked, or of any folder of LABEL/*.wav or
LABEL_*.wav; with --config.data.tfds=speech_commands, of what TFDS prepared as
array_record, the folder then being its data_dir. `runs/sounds/best` is what
--config.start.audio_encoder of configs/davos.py takes.

Measured on the Free Spoken Digit Dataset (ten digits, six speakers), two cores
that others used too, with
  --config.data.held_out=0,1,2,3,4 --config.data.held_out_field=2
  --config.data.speed=0 --config.start.audio_encoder= --config.model.depth=10
  --config.model.width=8 --config.train.batch_size=32 --config.train.epochs=3
  --config.optimizer.learning_rate=4e-3
95.3% of 300 held-out takes after 6 minutes (the best of three epochs; known
speakers).

The paper: 3D ResNet-18 from Kinetics weights, trained on 30 words. All else is
chosen here.
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
  """Returns the config."""
  config = ConfigDict()
  config.task = 'sound_classification'
  config.seed = 0  # Of fresh weights, order of examples and augmentation.
  # Made-up batches and fresh weights in place of data and `start`; nothing is
  # evaluated.
  config.fake_data = False

  # Of the encoder, as in the network that starts from it.
  model = config.model = ConfigDict()
  model.depth = 18
  model.width = 64
  model.shortcut = 'A'
  model.dtype = 'float32'
  model.lax_kernels = False  # See configs/davos.py.

  # A checkpoint folder to start from, '' for fresh weights: `convert
  # --encoders=audio_encoder` makes it of Kinetics weights.
  start = config.start = ConfigDict()
  start.audio_encoder = 'weights/kinetics'

  data = config.data = ConfigDict()
  data.folder = 'speech_commands'
  data.tfds = ''  # Name of a prepared set in it; '': it holds files.
  # Labels that count, with commas between them, the others being one more;
  # '': each is one of its own.
  data.words = ''
  # What is validated with: recordings that have one of these at that place
  # between the underscores of their names (from 0), such as speakers; '': what
  # validation_list.txt lists.
  data.held_out = ''
  data.held_out_field = 1
  # Faster or slower by a factor of up to 1 + speed, pitch and all: voices of
  # speakers that were never heard.
  data.speed = 0.15
  data.gain = 6.0  # Decibels, up and down.
  data.noise = 0.005  # Largest standard deviation of white noise.
  data.prefetch = 4  # Batches ready.

  optimizer = config.optimizer = ConfigDict()
  optimizer.learning_rate = 1e-3
  optimizer.schedule = 'cosine'  # Or 'constant', 'linear'.
  optimizer.warmup = 0.05  # Share of the steps.
  optimizer.b1 = 0.9
  optimizer.b2 = 0.999
  optimizer.epsilon = 1e-8
  optimizer.weight_decay = 1e-4
  optimizer.clip_norm = 0.0

  train = config.train = ConfigDict()
  train.batch_size = 64
  train.epochs = 20
  train.steps = 0  # 0: what the epochs take.

  evaluation = config.evaluation = ConfigDict()
  evaluation.every = 0  # Steps; 0: once an epoch.
  evaluation.batch_size = 64

  checkpoint = config.checkpoint = ConfigDict()
  checkpoint.every = 500
  checkpoint.keep = 2

  log = config.log = ConfigDict()
  log.every = 20

  mesh = config.mesh = ConfigDict()
  mesh.data = -1  # Devices that share a batch; -1: all.
  mesh.shard_optimizer = False  # See configs/davos.py.

  profile = config.profile = ConfigDict()
  profile.first_step = 10
  profile.steps = 0
  return config
