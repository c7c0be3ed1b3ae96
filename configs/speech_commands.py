"""Pre-training of the audio encoder as a classifier (paper, section 3.1).

  python -m dave_jax.main --config=configs/speech_commands.py \
      --config.data.folder=speech_commands_v0.02

trains on the unpacked Speech Commands, or on any folder of LABEL/*.wav or
LABEL_*.wav. With --config.data.tfds=speech_commands it reads what TFDS prepared
as array_record instead, and data.folder is the data_dir of TFDS. The result,
runs/speech_commands/best, is the start.audio_encoder of configs/davos.py.

Measured on the Free Spoken Digit Dataset (ten digits, six speakers) on two
shared cores, with
  --config.data.held_out=0,1,2,3,4 --config.data.held_out_field=2
  --config.data.speed=0 --config.start.audio_encoder= --config.model.depth=10
  --config.model.width=8 --config.train.batch_size=32 --config.train.epochs=3
  --config.optimizer.learning_rate=4e-3
95.3% of 300 held-out recordings of known speakers are classified correctly
after 6 minutes (the best of three epochs).

The paper gives: a 3D ResNet-18 from Kinetics weights, trained on 30 words. All
other values are chosen here.
"""

from ml_collections import ConfigDict

from dave_jax.configs import davos


def get_config() -> ConfigDict:
  """Returns the config."""
  paper = davos.get_config()  # Documents the sections taken from it.
  config = ConfigDict()
  config.task = 'sound_classification'
  # Seed of the random weights, the order of examples and the augmentation.
  config.seed = 0
  # True trains on random batches from random weights, without evaluation.
  config.fake_data = False
  config.allow_changes = False  # See configs/davos.py.

  # The encoder, as in the config of the network that starts from it.
  model = config.model = ConfigDict()
  model.depth = 18
  model.width = 64
  model.shortcut = 'A'
  model.dtype = 'float32'
  model.lax_kernels = False  # See configs/davos.py.

  # Checkpoint folder of initial weights, made by `dave_jax.convert
  # --encoders=video_encoder,audio_encoder`; '' for random ones.
  start = config.start = ConfigDict()
  start.audio_encoder = 'weights/kinetics'

  data = config.data = ConfigDict()
  data.folder = 'speech_commands'
  data.tfds = ''  # Name of a TFDS data set in the folder; '' for sound files.
  # Labels separated by commas, all others become one more class; '' makes every
  # label a class.
  data.words = ''
  # Validation takes the recordings with one of these values (separated by
  # commas), such as speakers, in field `held_out_field` (from 0) of their
  # names, which underscores divide; '' takes those in validation_list.txt.
  data.held_out = ''
  data.held_out_field = 1
  # Resamples to another speed and pitch, by a factor of up to 1 + speed, for
  # robustness to unknown speakers.
  data.speed = 0.15
  data.gain = 6.0  # Largest change of loudness in decibels.
  data.noise = 0.005  # Largest standard deviation of added white noise.
  data.prefetch = 4  # Batches read ahead.

  optimizer = config.optimizer = paper.optimizer
  del optimizer.video_encoder_rate
  optimizer.warmup = 0.05  # Share of the steps.
  optimizer.weight_decay = 1e-4

  train = config.train = ConfigDict()
  train.batch_size = 64
  train.epochs = 20
  train.steps = 0  # 0: as many as the epochs take.

  evaluation = config.evaluation = ConfigDict()
  evaluation.every = 0  # Steps between validations; 0: once an epoch.
  evaluation.batch_size = 64

  config.checkpoint = paper.checkpoint
  config.log = ConfigDict({'every': 20})  # Steps between two lines.
  config.mesh = paper.mesh
  config.profile = paper.profile
  return config
