"""Hollywood-2 and UCF-Sports, as released with DHF1K."""

import dataclasses
import pathlib

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.source import (
  Picture,
  SourceClip,
  listing,
  natural_order,
  numbered,
)
from dave_jax.media.image_file import read_complete_image

_FOLDERS = {'train': 'training', 'test': 'testing'}


@dataclasses.dataclass(frozen=True)
class ActionSource:
  """A folder with training/ and testing/, each with a folder for every clip.

  CLIP/images/*.png are the frames, CLIP/maps/*.png the density maps and
  CLIP/fixation/*.png, or CLIP/fixation/maps/*.mat with the variable `I`, the
  fixated pixels, viewers pooled. Files belong together by the last number in
  their names, which may begin anywhere: in Hollywood-2 it runs on across the
  shots of a film. The release has no sound.

  Attributes:
    name: Name of the set.
    rate: Frames per second; stated for Hollywood-2, assumed for UCF-Sports.
    sigma: Standard deviation in pixels of the Gaussian of the published maps,
      for fixations of chosen viewers.
  """

  name: str
  rate: float = 24.0
  sigma: float = 20.0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    clips, problems = [], []
    for split, folder in _FOLDERS.items():
      if not (root / folder).is_dir():
        problems.append(f'{root / folder}: no such folder')
        continue
      paths = (p for p in (root / folder).iterdir() if p.is_dir())
      for path in sorted(paths, key=natural_order):
        problem = _incomplete(path)
        if problem:
          problems.append(problem)
          continue
        clips.append(
          SourceClip(
            name=path.name,
            source=self.name,
            split=split,
            picture=path / 'images',
            silent=True,
            rate=self.rate,
            gaze=path / 'fixation',
            density=path / 'maps',
          )
        )
    return clips, problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    paths = _fixations(clip.gaze.parent).values()
    return gaze_lib.gaze_of_maps(
      dict(enumerate(paths, 1)),
      _read_fixated,
      density=tuple(numbered(clip.density, '*.png').values()),
      sigma=self.sigma,
    )


def _fixations(clip) -> dict[int, pathlib.Path]:
  folder = clip / 'fixation'
  return numbered(folder, '*.png') or numbered(folder / 'maps', '*.mat')


def _read_fixated(path):
  if path.suffix == '.mat':
    return gaze_lib.read_mat(path, 'I')
  return read_complete_image(path, 'grey') > 127


def _incomplete(clip) -> str:
  """Returns what is missing in the folder of a clip, or ''."""
  files = {
    'images': numbered(clip / 'images', '*.png'),
    'maps': numbered(clip / 'maps', '*.png'),
    'fixation': _fixations(clip),
  }
  every = set().union(*files.values())
  if not every:
    return f'{clip}: expected images/, maps/ and fixation/ with numbered files'
  every = range(min(every), max(every) + 1)
  problems = []
  for name, found in files.items():
    missing = [str(number) for number in every if number not in found]
    if missing:
      problems.append(
        f'{name}/: {len(missing)} of {len(every)} numbers are missing: '
        f'{listing(missing)}'
      )
  return f'{clip}: {"; ".join(problems)}' if problems else ''


_CITATION = """@article{mathe2015actions,
  title={Actions in the eye: Dynamic gaze datasets and learnt saliency models
         for visual recognition},
  author={Mathe, Stefan and Sminchisescu, Cristian},
  journal={IEEE TPAMI}, volume={37}, number={7}, year={2015}}"""


def _config(source, description):
  return Config(
    name='default',
    description=f'{description} without sound, eye tracking (pooled).',
    source=source,
    licence='Provided for research; see the homepage.',
    homepage='https://github.com/wenguanwang/DHF1K',
    download='The archive of the set, with training/ and testing/.',
    citation=_CITATION,
  )


HOLLYWOOD2 = _config(
  ActionSource(name='hollywood2'), 'Shots of 1707 clips of films'
)


UCF_SPORTS = _config(ActionSource(name='ucf_sports'), '150 videos of sports')
