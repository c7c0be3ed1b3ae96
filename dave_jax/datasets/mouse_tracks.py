"""CrowdSAL, NTIRE 2026 and AViMoS: crowds' mouse tracks on videos with sound.

Their releases hold the same files in different folders: density maps as 10-bit
video, fixations as JSON.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterator

import cv2
import numpy as np

from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.schema import POOLED
from dave_jax.datasets.source import Picture, SourceClip, listing
from dave_jax.media import map_video

_SAME_RATE = 0.01
_SPLIT_FILE = 'TrainTestSplit.json'
# {split: (folder of density maps, fixations)} of the challenges' releases.
_CHALLENGE = {
  'train': ('SaliencyTrain/Train', 'FixationsTrain/Train/{}/fixations.json'),
  'public_test': ('SaliencyTest/Test', 'FixationsTest/Test/{}/fixations.json'),
  'private_test': ('SaliencyTest/Test', 'FixationsTest/Test/{}/fixations.json'),
}


@dataclasses.dataclass(frozen=True)
class _Files:
  """Where the files of a split are, with {} for the name of a clip."""

  split: str
  names: tuple[str, ...]
  video: str
  density: str
  fixations: str


@dataclasses.dataclass(frozen=True)
class MsuSource:
  """Reads mouse tracks; a subclass says where its release keeps its files.

  Attributes:
    name: Name of the set.
    val_every: Every n-th training video is in the split val; 0 leaves val out.
    density_shrink: Density maps are stored at 1/n of their height and width.
      They are blurred by one degree, 57.6 pixels at full HD, so that an eighth
      changes scores little.
  """

  name: str
  val_every: int = 10
  density_shrink: int = 8

  def __post_init__(self):
    if self.val_every < 0 or self.density_shrink < 1:
      raise ValueError(
        'expected val_every of 0 or more and density_shrink of 1 or more, got '
        f'{self.val_every} and {self.density_shrink}'
      )

  def files(self, root: pathlib.Path) -> Iterator[_Files]:
    """Yields the files of each split."""
    raise NotImplementedError

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    clips, problems = [], []
    for files in self.files(root):
      missing = {'video': [], 'density': [], 'fixations': []}
      for number, name in enumerate(files.names, 1):
        paths = {
          kind: root / getattr(files, kind).format(name) for kind in missing
        }
        absent = [kind for kind, path in paths.items() if not path.is_file()]
        for kind in absent:
          missing[kind].append(name)
        if absent:
          continue
        held_out = self.val_every and number % self.val_every == 0
        clips.append(
          SourceClip(
            name=name,
            source=self.name,
            split='val' if files.split == 'train' and held_out else files.split,
            gaze_kind='mouse',
            picture=paths['video'],
            gaze=paths['fixations'],
            density=paths['density'],
          )
        )
      problems += [
        f'{root / getattr(files, kind).format("NAME")}: {len(names)} of '
        f'{len(files.names)} files of {files.split} are missing: '
        f'{listing(names)}'
        for kind, names in missing.items()
        if names
      ]
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    fixations, frames = read_fixations(clip.gaze)
    density = _read_density(clip.density, picture, self.density_shrink)
    return Gaze(
      fixations=fixations,
      height=picture.height,
      width=picture.width,
      frames=frames,
      density=density,
    )


@dataclasses.dataclass(frozen=True)
class CrowdSalSource(MsuSource):
  """A folder with Train/ and Test/.

  Each has Videos/0001.mp4, Saliency/0001.mp4 (density maps, 10 bit) and
  Fixations/0001.json, a list for each frame of [y, x] in whole pixels from 0;
  viewers are not identified. Videos 0001 to 3000 are for training and 3001 to
  5000 for testing. Every tenth training video is in the split val here:
  train+val is the official training set. Density maps are stored at an eighth
  of their height and width. Gaze is mouse tracks.
  """

  name: str = 'crowdsal'
  videos: tuple[int, int] = (3000, 5000)

  def files(self, root: pathlib.Path) -> Iterator[_Files]:
    """Yields the files of each split."""
    first = 1
    for split, last in zip(('train', 'test'), self.videos, strict=True):
      folder = split.title()
      yield _Files(
        split=split,
        names=tuple(f'{n:04d}' for n in range(first, last + 1)),
        video=f'{folder}/Videos/{{}}.mp4',
        density=f'{folder}/Saliency/{{}}.mp4',
        fixations=f'{folder}/Fixations/{{}}.json',
      )
      first = last + 1


@dataclasses.dataclass(frozen=True)
class ChallengeSource(MsuSource):
  """A folder with Videos/ and TrainTestSplit.json: NTIRE 2026 and AViMoS.

  TrainTestSplit.json has lists of names under train, public_test and
  private_test. Videos/NAME.mp4, SaliencyTrain/Train/NAME.mp4 (density maps, 10
  bit) and FixationsTrain/Train/NAME/fixations.json, a list for each frame of
  [y, x] in whole pixels from 0; SaliencyTest/Test/ and FixationsTest/Test/ the
  same. Viewers are not identified. Every tenth training video is in the split
  val here: train+val is the official training set, public_test+private_test the
  official test set. Density maps are stored at an eighth of their height and
  width. Gaze is mouse tracks.
  """

  def files(self, root: pathlib.Path) -> Iterator[_Files]:
    """Yields the files of each split."""
    names = _read_json(root / _SPLIT_FILE)
    if not isinstance(names, dict) or set(_CHALLENGE) - set(names):
      raise ValueError(
        f'{root / _SPLIT_FILE}: expected lists of names under '
        f'{", ".join(_CHALLENGE)}; download it again'
      )
    for split, (density, fixations) in _CHALLENGE.items():
      yield _Files(
        split=split,
        names=tuple(str(name).removesuffix('.mp4') for name in names[split]),
        video='Videos/{}.mp4',
        density=density + '/{}.mp4',
        fixations=fixations,
      )


def read_fixations(path: pathlib.Path) -> tuple[Fixations, int]:
  """Reads the fixations of a clip.

  Returns:
    The fixations, in the middle of their pixels, repeats kept, viewers pooled;
    and the number of frames.

  Raises:
    ValueError: It is not a list, for each frame, of [y, x] in whole pixels.
    OSError: The file cannot be read.
  """
  frames = _read_json(path)
  try:
    points = [np.array(f, np.float64).reshape(len(f), 2) for f in frames]
    yx = np.concatenate([np.zeros((0, 2)), *points])
    if not (np.isfinite(yx).all() and (yx == np.rint(yx)).all()):
      raise ValueError('coordinates are not whole numbers')
  except (ValueError, TypeError) as error:
    raise ValueError(
      f'{path}: expected a list, for each frame, of [y, x] in whole pixels '
      f'({error}); download it again'
    ) from error
  fixations = Fixations(
    xy=yx[:, ::-1] + 0.5,
    when=np.repeat(np.arange(len(points)), [len(p) for p in points]).astype(
      np.float64
    ),
    viewer=np.full(len(yx), POOLED, np.int32),
  )
  return fixations, len(points)


def _read_json(path):
  try:
    return json.loads(path.read_bytes())
  except ValueError as error:
    raise ValueError(
      f'{path}: expected JSON ({error}); download it again'
    ) from error


def _read_density(path, picture, shrink) -> tuple[bytes, ...]:
  """Returns the density map of each frame as a 16-bit PNG.

  Raises:
    ValueError: The maps have another size or rate than the video.
  """
  size, rate = map_video.size_and_rate(path)
  if size != (picture.height, picture.width):
    raise ValueError(
      f'{path}: expected maps of the size of the video, {picture.width} x '
      f'{picture.height}, got {size[1]} x {size[0]}; download it again'
    )
  if abs(rate / picture.rate - 1) > _SAME_RATE:
    raise ValueError(
      f'{path}: expected {picture.rate:g} maps per second, one for each frame '
      f'of the video, got {rate:g}; download it again'
    )
  h, w = (max(1, round(side / shrink)) for side in size)
  maps = []
  for density in map_video.read_luma(path):
    small = cv2.resize(density, (w, h), interpolation=cv2.INTER_AREA)
    _, png = cv2.imencode('.png', np.rint(small * 65535).astype(np.uint16))
    maps.append(png.tobytes())
  return tuple(maps)


def _config(source, videos, size, page, files, citation) -> Config:
  return Config(
    name='default',
    description=f'{videos} full HD videos with sound, mouse tracks of over 70 '
    'viewers each (pooled).',
    source=source,
    licence='CC BY 4.0',
    homepage=f'https://huggingface.co/datasets/ANDRYHA/{page}',
    size=size,
    download=f'{files}, unpacked into one folder. The build takes about 60 kB '
    'of disk for each frame, and as much again until it ends.',
    citation=citation,
  )


_CHALLENGE_FILES = (
  'Videos, SaliencyTrain, SaliencyTest, FixationsTrain, FixationsTest and '
  'TrainTestSplit.json'
)


CROWDSAL = _config(
  source=CrowdSalSource(),
  videos='5000',
  size='5000 videos of 18.4 s on average, 2.7 million frames',
  page='CrowdSAL',
  files='Train/ and Test/',
  citation="""@misc{crowdsal,
  title={{CrowdSAL}: Video saliency dataset and benchmark},
  author={{MSU Video Group}},
  howpublished={https://videoprocessing.ai/datasets/crowdsal.html}}""",
)


NTIRE2026 = _config(
  source=ChallengeSource(name='ntire2026'),
  videos='NTIRE 2026 challenge: 2000',
  size='2000 videos of 18 s on average',
  page='VideoSaliencyChallenge',
  files=_CHALLENGE_FILES,
  citation="""@article{ntire2026saliency,
  title={{NTIRE} 2026 challenge on video saliency prediction: Methods and
         results}, journal={arXiv preprint arXiv:2604.14816}, year={2026}}""",
)


AVIMOS = _config(
  source=ChallengeSource(name='avimos'),
  videos='AIM 2024 challenge: 1500',
  size='1500 videos of 19 s on average',
  page='AudioVisualMouseSaliency',
  files=_CHALLENGE_FILES,
  citation="""@article{moskalenko2024aim,
  title={{AIM} 2024 challenge on video saliency prediction: Methods and
         results}, author={Moskalenko, Andrey and Bryncev, Alexey and
         Vatolin, Dmitry and Timofte, Radu and others},
  journal={arXiv preprint arXiv:2409.14827}, year={2024}}""",
)
