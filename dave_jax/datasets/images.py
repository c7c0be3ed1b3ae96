"""Images with maps of fixated pixels: MIT1003 and CAT2000."""

import dataclasses
import pathlib

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config
from dave_jax.datasets.gaze import Gaze
from dave_jax.datasets.source import (
  IMAGES,
  Picture,
  SourceClip,
  files_by_stem,
  find_below,
  listing,
  natural_order,
  seeded_splits,
)
from dave_jax.media.image_file import read_complete_image


@dataclasses.dataclass(frozen=True)
class Mit1003Source:
  """A folder with ALLSTIMULI/ and ALLFIXATIONMAPS/.

  ALLSTIMULI/NAME.jpeg, ALLFIXATIONMAPS/NAME_fixMap.jpg and
  ALLFIXATIONMAPS/NAME_fixPts.jpg, whose pixels above 127 are fixated, viewers
  pooled. There are no official splits: 80, 10 and 10 percent are drawn at
  random.

  Attributes:
    pixels_per_degree: Pixels per degree of visual angle.
    seed: Seed of the splits.
  """

  pixels_per_degree: float = 35.0
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    stimuli = find_below(root, 'ALLSTIMULI')
    maps = find_below(root, 'ALLFIXATIONMAPS')
    if stimuli is None or maps is None:
      return [], [f'{root}: expected ALLSTIMULI/ and ALLFIXATIONMAPS/']
    images = files_by_stem(stimuli, IMAGES)
    splits = seeded_splits(list(images), self.seed)
    return _clips_with_maps(
      [
        (name, path, maps / f'{name}_fixPts.jpg', maps / f'{name}_fixMap.jpg')
        for name, path in images.items()
      ],
      source='mit1003',
      splits=splits,
      folder=stimuli,
    )

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    return gaze_lib.gaze_of_maps(
      {1: clip.gaze},
      lambda path: read_complete_image(path, 'grey') > 127,
      density=(clip.density,),
      sigma=self.pixels_per_degree,
    )


@dataclasses.dataclass(frozen=True)
class Cat2000Source:
  """A folder with trainSet/{Stimuli,FIXATIONLOCS,FIXATIONMAPS}/CATEGORY/NNN.*.

  The variable `fixLocs` of the locations is 1 at fixated pixels, viewers
  pooled. The fixations of the test set are not public; 80, 10 and 10 percent of
  each category of the training set are drawn at random. Images are 1920 x 1080
  with grey borders, which are kept.

  Attributes:
    pixels_per_degree: Pixels per degree of visual angle.
    seed: Seed of the splits.
  """

  pixels_per_degree: float = 38.0
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    base = find_below(root, 'trainSet')
    if base is None and (root / 'Stimuli').is_dir():
      base = root
    if base is None:
      return [], [f'{root}: expected trainSet/Stimuli/CATEGORY/NNN.jpg']
    clips, problems = [], []
    for folder in sorted((base / 'Stimuli').glob('*/'), key=natural_order):
      category = folder.name
      images = files_by_stem(folder, IMAGES)
      splits = seeded_splits(list(images), self.seed)
      found, incomplete = _clips_with_maps(
        [
          (
            name,
            path,
            base / 'FIXATIONLOCS' / category / f'{name}.mat',
            base / 'FIXATIONMAPS' / category / path.name,
          )
          for name, path in images.items()
        ],
        source='cat2000',
        splits=splits,
        folder=folder,
        category=category,
      )
      clips += found
      problems += incomplete
    return clips, problems or ([] if clips else [f'{base}: no images found'])

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    return gaze_lib.gaze_of_maps(
      {1: clip.gaze},
      lambda path: gaze_lib.read_mat(path, 'fixLocs'),
      density=(clip.density,),
      sigma=self.pixels_per_degree,
    )


def _clips_with_maps(rows, *, source, splits, folder, category=''):
  """Returns (clips, problems) of rows (name, image, fixated pixels, map)."""
  clips, incomplete = [], []
  for name, path, points, density in rows:
    missing = [p.name for p in (points, density) if not p.exists()]
    if missing:
      incomplete.append(f'{path.name} ({" and ".join(missing)})')
      continue
    clips.append(
      SourceClip(
        name=f'{category}/{name}' if category else name,
        source=source,
        split=splits[name],
        picture=path,
        category=category,
        still=True,
        gaze=points,
        density=density,
      )
    )
  problems = []
  if incomplete:
    problems.append(
      f'{folder}: {len(incomplete)} images have no maps: {listing(incomplete)}'
    )
  if not rows:
    problems.append(f'{folder}: no images found')
  return clips, problems


MIT1003 = Config(
  name='default',
  description='1003 images, 15 viewers (pooled), 3 s each.',
  source=Mit1003Source(),
  licence='Provided for research; see the homepage.',
  homepage='https://people.csail.mit.edu/tjudd/WherePeopleLook/',
  download='ALLSTIMULI.zip and ALLFIXATIONMAPS.zip.',
  citation="""@inproceedings{judd2009learning,
  title={Learning to predict where humans look},
  author={Judd, Tilke and Ehinger, Krista and Durand, Fr{\\'e}do and
          Torralba, Antonio},
  booktitle={ICCV}, pages={2106--2113}, year={2009}}""",
)


CAT2000 = Config(
  name='default',
  description='2000 images of 20 categories, 18 viewers (pooled).',
  source=Cat2000Source(),
  licence='Provided for research; see the homepage.',
  homepage='http://saliency.mit.edu/results_cat2000.html',
  download='The training set, trainSet.zip.',
  citation="""@article{borji2015cat2000,
  title={CAT2000: A large scale fixation dataset for boosting saliency
         research},
  author={Borji, Ali and Itti, Laurent},
  journal={arXiv:1505.03581}, year={2015}}""",
)
