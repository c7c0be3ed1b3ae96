"""DAVE on DAVoS: the paper's recipe (Tavakoli et al., arXiv 1905.10693).

  python -m dave_jax.main --config=configs/davos.py
  python -m dave_jax.main --config=configs/davos.py:video
  python -m dave_jax.main --config=configs/davos.py:audio

These train the three networks of the paper's Table 3, in runs/davos,
runs/davos_video and runs/davos_audio. The paper gives: two 3D ResNet-18
encoders with Kinetics weights, the audio one then trained to classify sounds;
16 frames of 256x320; KL divergence; Adam with a learning rate from 1e-3;
batches of 10; 10 epochs, in turn one of audio-visual windows and one of still
images. All other values are chosen here, for the reasons given.
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
      f"expected configs/davos.py, or its variant 'video' or 'audio', got "
      f'{variant!r}'
    )
  config = ConfigDict()
  config.task = 'saliency'
  # Seed of the random weights, the order of examples and the augmentation.
  config.seed = 0
  # True trains on random batches, from random weights or, if it exists,
  # start.network, to try a config or a machine without data. Nothing is
  # evaluated.
  config.fake_data = False
  # True: a resumed run may change settings that change what its rows mean.
  config.allow_changes = False

  model = config.model = ConfigDict()
  model.modality = _MODALITIES[variant]
  # Or 'efficientnet_lite0', of single frames, with weights of ImageNet.
  model.video_backbone = 'resnet3d'
  model.depth = 18  # Of the encoders: 10, 18, 34 or 50.
  model.width = 64  # Channels of the first convolution of each encoder.
  model.shortcut = 'A'  # The type of the Kinetics weights published in 2018.
  # True computes gradients as the authors' code does, which cuts those of
  # shortcuts.
  model.detach_shortcut = False
  # True as in the paper; the authors' code has no batch norm in the decoder.
  model.decoder_batch_norm = True
  # Height and width. Data sets are prepared with the same.
  model.frame_size = (256, 320)
  model.dtype = 'float32'  # Of computation: 'float32' or 'bfloat16'.
  # True: the backward pass recomputes activations inside blocks, a third more
  # work for less memory.
  model.rematerialise = False
  # True: convolution and pooling by jax.lax on CPUs too, which compiles in a
  # quarter of the time and runs several times slower.
  model.lax_kernels = False

  # Checkpoint folders of initial weights; '' for random ones.
  # `dave_jax.convert` makes the first encoder's from PyTorch weights, training
  # configs/speech_commands.py the second's.
  start = config.start = ConfigDict()
  start.network = ''  # All layers; the next two override its encoders.
  start.video_encoder = 'weights/kinetics'
  start.audio_encoder = 'runs/speech_commands/best'
  # The network ends in a ReLU. With its usual initialization all of its outputs
  # may be zero, which has no gradient; these begin with a nearly constant map.
  start.head_scale = 0.1  # Factor on the random kernel of the last layer.
  start.head_bias = 1.0
  # Initial weights of the layer that fuses video and audio features. 'fresh':
  # random. 'identity': the video features plus faint audio, for a
  # `start.network` that was trained without sound.
  start.mix = 'fresh'

  # Data sets are written NAME:SPLIT, several separated by commas, '' for none.
  data = config.data = ConfigDict()
  data.data_dir = 'data'  # The --data_dir of dave_jax.datasets.prepare.
  data.audio_visual = 'davos:train'  # Windows of video with sound.
  # The paper does not name its images; SALICON is the largest public set.
  data.images = '' if variant == 'audio' else 'salicon:train'
  data.silent_video = ''  # Windows without sound, such as 'dhf1k:train'.
  data.validation = 'davos:val'
  data.test = 'davos:test'  # For --mode=evaluate.
  # Sampling weights of several sets, such as '2,1'; '' samples each example
  # once an epoch.
  data.audio_visual_weights = ''
  data.images_weights = ''
  data.silent_video_weights = ''
  # An epoch samples one window in every 16 frames, because neighbouring frames
  # are nearly the same. Each epoch draws other frames.
  data.stride = 16
  data.random_frames = True
  # Time of a window's sound relative to its frames: 'exact', 'causal' or
  # 'reference', see media/clock.py.
  data.alignment = 'exact'
  # Sound of windows in training and validation: 'own'; 'none', silence; or
  # 'other', that of another clip, drawn for each window. The last two are
  # controls, with the layers of the audio-visual network and nothing to learn
  # from sound. `dave_jax.evaluate` gives a network the sound it was trained
  # with, which its weights record.
  data.sound = 'own'
  # Standard deviation of the Gaussian that blurs fixations, in pixels of the
  # original; None for the one that the data set was prepared with.
  data.sigma = config_dict.placeholder(float)
  # Random parts of still images in place of the images. Image sets named in
  # data.audio_visual or data.silent_video then become windows: a view that pans
  # and zooms over the photograph, its fixations with it, beside a sound that
  # has nothing to do with it. See RandomView in dave_jax/data/augmentation.py.
  views = data.views = ConfigDict()
  views.enabled = False
  # Images are read at this size, larger than the frames, for parts of them to
  # be sharp; they should be prepared with it.
  views.read_size = (384, 512)
  # Smallest and largest height of a view, as shares of the image's. A view
  # larger than the image has black bars.
  views.scale = (0.6, 1.15)
  views.aspect = 1.3  # Largest factor by which it is stretched.
  views.bars = 0.15  # Probability of bars on two sides, as in films.
  # Of windows: the largest motion of the view, as a share of its size; the
  # largest factor of its size; and the probability of a view at rest.
  views.pan = 0.5
  views.zoom = 1.4
  views.still = 0.2
  # Folder of WAV files of speech, one of the unrelated sounds beside silence,
  # noise and chords; '' for none.
  data.speech = ''
  # Probability of a horizontal flip. The sound is mono and stays as it is.
  data.flip = 0.5
  # Largest change of brightness and contrast, as a share of the range. 0: the
  # Kinetics weights were trained without either.
  data.brightness = 0.0
  data.contrast = 0.0
  # Largest relative change of the saturation, and the probability of grey.
  data.saturation = 0.0
  data.grey = 0.0
  data.workers = 0  # Worker processes; 0 reads in threads of this process.
  data.prefetch = 4  # Batches read ahead, by each worker or by this process.

  # Weights of the terms of the loss; the paper uses the KL divergence alone.
  loss = config.loss = ConfigDict()
  loss.kl = 1.0
  loss.cc = 0.0
  loss.nss = 0.0
  loss.sim = 0.0
  # Share of each predicted map that is spread evenly: where the ReLU gives 0,
  # the divergence would be infinite. Adds 0.001 nats to the loss at most.
  loss.epsilon = 1e-3

  optimizer = config.optimizer = ConfigDict()
  # 'adam', as in the paper; or 'muon' for kernels and Adam for the rest, by
  # which the small networks of configs/demo.py learn in fewer steps.
  optimizer.name = 'adam'
  optimizer.learning_rate = 1e-3
  # The paper says "from 1e-3" without a schedule.
  optimizer.schedule = 'cosine'  # Or 'constant', 'linear'.
  # Share of the steps. Adam's first updates have full size whatever the
  # gradient, which is too much for pre-trained weights.
  optimizer.warmup = 0.01
  optimizer.b1 = 0.9
  optimizer.b2 = 0.999
  optimizer.epsilon = 1e-8
  optimizer.momentum = 0.9  # Of Muon.
  # Of Muon, the root mean square of updates before the learning rate; this is
  # about that of Adam's.
  optimizer.update_rms = 0.2
  optimizer.weight_decay = 0.0
  # Factor of the learning rate of the video encoder; 0 freezes its weights.
  optimizer.video_encoder_rate = 1.0
  optimizer.clip_norm = 0.0  # Largest global norm of gradients; 0: no clipping.

  train = config.train = ConfigDict()
  train.batch_size = 10  # On all devices together.
  train.epochs = 10  # Of windows and of images together.
  train.steps = 0  # 0: as many as the epochs take.
  # 'epochs': an epoch of windows, then one of images, as in the paper.
  # 'steps': one batch of each in turn.
  train.schedule = 'epochs'
  # 'cond': one program that chooses the route on the device. 'static': one
  # program for each route, compiled at its first step, which takes as long.
  # 'auto': static on CPUs, where compiling takes longest, and cond elsewhere.
  train.routing = 'auto'
  # Gradient accumulation: parts that a batch is computed in, to save memory.
  train.accumulate = 1

  evaluation = config.evaluation = ConfigDict()
  # Validation: steps between two, 0 for once an epoch; frames between windows.
  evaluation.every = 0
  evaluation.stride = 16
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
  checkpoint.every = 500  # Steps; one more is saved when the run stops.
  checkpoint.keep = 2  # Number of checkpoints; the best weights are kept apart.

  log = config.log = ConfigDict()
  log.every = 20  # Steps between two lines.
  log.pictures = 4  # Validation examples drawn at each validation.

  mesh = config.mesh = ConfigDict()
  mesh.data = -1  # Number of devices that share a batch; -1: all.
  # True: each device keeps a part of Adam's two moments, updates its part of
  # the parameters, and the devices exchange the results.
  mesh.shard_optimizer = False

  # Trace for TensorBoard or Perfetto.
  profile = config.profile = ConfigDict()
  profile.first_step = 10  # Counted from the start or resumption of the run.
  profile.steps = 0  # Number of steps recorded.
  return config
