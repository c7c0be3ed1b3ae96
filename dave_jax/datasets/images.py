"""Still images: OSIE, Scene500, MIT1003 and CAT2000."""

import dataclasses
import functools
import pathlib
import zipfile

import numpy as np

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.image_files import read_complete_image
from dave_jax.datasets.source import (
  IMAGES,
  Picture,
  SourceClip,
  files_by_stem,
  files_in,
  find_below,
  listing,
  natural_order,
  seeded_splits,
)


@dataclasses.dataclass(frozen=True)
class TableOfFixations:
  """A folder with stimuli/ and fixations.npz: OSIE and Scene500.

  The array `table` has a row per fixation: number of the image, viewer, x, y in
  pixels of the image, duration; `image` has the file names. Neither set has
  official splits: 80, 10 and 10 percent are drawn at random.

  Attributes:
    name: Name of the set.
    pixels_per_degree: Pixels per degree of visual angle; None if images of any
      size filled the height of the screen.
    degrees_high: The height of that screen in degrees.
    seed: Seed of the splits.
  """

  name: str
  pixels_per_degree: float | None
  degrees_high: float | None = None
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    stimuli = find_below(root, 'stimuli')
    table = find_below(root, 'fixations.npz')
    if stimuli is None or table is None:
      return [], [f'{root}: expected stimuli/ and fixations.npz']
    named = _table(table)[0].tolist()
    images = {path.name: path for path in files_in(stimuli, IMAGES)}
    missing = [name for name in named if name not in images]
    unnamed = [name for name in images if name not in set(named)]
    problems = []
    if missing:
      problems.append(
        f'{stimuli}: {len(missing)} images are missing: {listing(missing)}'
      )
    if unnamed:
      problems.append(
        f'{table}: {len(unnamed)} images of {stimuli} have no fixations: '
        f'{listing(unnamed)}'
      )
    splits = seeded_splits(
      [pathlib.Path(name).stem for name in named], self.seed
    )
    return [
      SourceClip(
        name=images[name].stem,
        source=self.name,
        split=splits[images[name].stem],
        picture=images[name],
        still=True,
        gaze=table,
      )
      for name in named
      if name in images
    ], problems

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    names, table, begins = _table(clip.gaze)
    number = int(np.flatnonzero(names == clip.picture.name)[0])
    rows = table[begins[number] : begins[number + 1]]
    known = np.isfinite(rows[:, 2:4]).all(axis=1)
    kept = rows[known]
    sigma = self.pixels_per_degree
    if sigma is None:
      sigma = picture.height / self.degrees_high
    return Gaze(
      fixations=Fixations(
        xy=kept[:, 2:4].astype(np.float64),
        when=np.zeros(len(kept)),
        viewer=kept[:, 1].astype(np.int32),
      ),
      height=picture.height,
      width=picture.width,
      frames=1,
      viewers=np.unique(kept[:, 1]).size,
      sigma=sigma,
      counts={'missing': int((~known).sum())},
    )


@functools.lru_cache(maxsize=1)
def _table(path):
  """Returns (names, rows sorted by image, index of each image's first row)."""
  try:
    with np.load(path, allow_pickle=False) as content:
      names, table = content['image'], content['table']
  except (ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
    raise ValueError(
      f"{path}: expected an NPZ with the arrays 'table' and 'image' ({error}); "
      'download it again'
    ) from error
  if table.ndim != 2 or table.shape[1] < 4:
    raise ValueError(
      f'{path}: expected a table [rows, 5] of image, viewer, x, y, duration, '
      f'got shape {table.shape}'
    )
  table = table[np.argsort(table[:, 0], kind='stable')]
  begins = np.searchsorted(table[:, 0], np.arange(len(names) + 1))
  return names, table, begins


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


class Osie(SaliencyBuilder):
  """OSIE: 700 photographs, 15 viewers."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='700 photographs of 800 x 600, 15 viewers, 3 s each.',
      # 800 pixels span 33.7 degrees.
      source=TableOfFixations(name='osie', pixels_per_degree=24.0),
      licence='MIT',
      homepage='https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels',
      download='data/stimuli/ of the repository, and its '
      'data/eye/fixations.mat converted to fixations.npz.',
      citation="""@article{xu2014predicting,
  title={Predicting human gaze beyond pixels},
  author={Xu, Juan and Jiang, Ming and Wang, Shuo and Kankanhalli, Mohan S
          and Zhao, Qi},
  journal={Journal of Vision}, volume={14}, number={1}, year={2014}}""",
    ),
  )


class Scene500(SaliencyBuilder):
  """Scene500: 500 photographs, up to 12 viewers."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='500 photographs of many sizes, up to 12 viewers.',
      # Fixations lie on a grid of 1/3600 of 256-pixel images, which suggests a
      # screen 900 pixels high sampled at quarter pixels. Its size in degrees is
      # not published.
      source=TableOfFixations(
        name='scene500', pixels_per_degree=None, degrees_high=25.0
      ),
      licence='MIT, copyright 2015 Haoran Liang',
      download='The images and the fixations, converted to fixations.npz.',
    ),
  )


class Mit1003(SaliencyBuilder):
  """MIT1003: 1003 images, 15 viewers."""

  BUILDER_CONFIGS = (
    Config(
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
    ),
  )


class Cat2000(SaliencyBuilder):
  """CAT2000: the 2000 images of its training set, 18 viewers each."""

  BUILDER_CONFIGS = (
    Config(
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
    ),
  )
