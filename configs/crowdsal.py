"""DAVE's recipe on CrowdSAL, 3000 videos with sound and mouse tracks.

  python -m dave_jax.datasets.prepare crowdsal --source=FOLDER --data_dir=data
  python -m dave_jax.datasets.prepare salicon --source=FOLDER --data_dir=data
  python -m dave_jax.main --config=configs/crowdsal.py

The recipe is that of configs/davos.py, with epochs of CrowdSAL windows and of
SALICON images in turn; both record where crowds move a mouse. To fine-tune on
the eye tracking of DAVoS:

  python -m dave_jax.main --config=configs/davos.py \\
      --config.start.network=runs/crowdsal/best \\
      --config.start.video_encoder= --config.start.audio_encoder= \\
      --config.optimizer.learning_rate=1e-4 --workdir=runs/crowdsal_davos

To score as the challenges on these sets do:

  python -m dave_jax.main --config=configs/crowdsal.py --mode=evaluate
"""

from ml_collections import ConfigDict

from dave_jax.configs import davos


def get_config() -> ConfigDict:
  """Returns the config."""
  config = davos.get_config()
  data = config.data
  data.audio_visual = 'crowdsal:train'
  data.validation = 'crowdsal:val'
  data.test = 'crowdsal:test'
  # A window in every two seconds: an epoch has 23,000.
  data.stride = 64
  # 300 validation videos; a window for every 100 frames scores 1,650.
  config.evaluation.stride = 100
  test = config.evaluation.test
  # The rules of the NTIRE 2026 and AIM 2024 challenges, on every fifth frame.
  test.scoring.protocol = 'msu'
  test.stride = 5
  test.mean_eye_position = 'none'
  return config
