"""Still images: OSIE, Scene500, MIT1003 and CAT2000."""

import dataclasses
import functools
import pathlib
import zipfile

import numpy as np

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.builder import Config, SaliencyBuilder
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.source import (
  IMAGES,
  Picture,
  SourceClip,
  files_of,
  listing,
  natural_order,
  place_of,
  seeded_splits,
)
from dave_jax.media.image_file import read_image


@dataclasses.dataclass(frozen=True)
class TableOfFixations:
  """`stimuli/` and `fixations.npz`: OSIE and Scene500.

  The table has a row a fixation: number of the image, viewer, x, y in pixels of
  the image, duration; `image` holds the names. Neither set has splits: 80, 10
  and 10 percent are drawn.

  Attributes:
    name: Of the set.
    pixels_per_degree: One degree of visual angle; None where images were shown
      at the height of the screen, whatever their size.
    degrees_high: Then, the degrees that the screen is high.
    seed: Of the splits.
  """

  name: str
  pixels_per_degree: float | None
  degrees_high: float | None = None
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    stimuli, table = place_of(root, 'stimuli'), place_of(root, 'fixations.npz')
    if stimuli is None or table is None:
      return [], [
        f'{root}: holds no {missing}'
        for missing, place in (
          ('stimuli/', stimuli),
          ('fixations.npz', table),
        )
        if place is None
      ]
    named = _table(table)[0].tolist()
    images = {path.name: path for path in files_of(stimuli, IMAGES).values()}
    lacking = [name for name in named if name not in images]
    unnamed = [name for name in images if name not in set(named)]
    problems = []
    if lacking:
      problems.append(
        f'{stimuli}: lacks {len(lacking)} images: {listing(lacking)}'
      )
    if unnamed:
      problems.append(
        f'{table}: has no fixations of {len(unnamed)} images of {stimuli}: '
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
  """Returns (names, rows by image, where each image's rows begin)."""
  try:
    with np.load(path, allow_pickle=False) as content:
      names, table = content['image'], content['table']
  except (ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
    raise ValueError(
      f"{path}: wanted an NPZ with arrays 'table' and 'image', got {error}; "
      'download it again'
    ) from error
  if table.ndim != 2 or table.shape[1] < 4:
    raise ValueError(
      f'{path}: table has shape {table.shape}, wanted [rows, 5]: image, '
      'viewer, x, y, duration'
    )
  table = table[np.argsort(table[:, 0], kind='stable')]
  begins = np.searchsorted(table[:, 0], np.arange(len(names) + 1))
  return names, table, begins


@dataclasses.dataclass(frozen=True)
class Mit1003Source:
  """`ALLSTIMULI/NAME.jpeg` and `ALLFIXATIONMAPS/NAME_fix{Map,Pts}.jpg`.

  The points, all viewers together, are white in a JPEG: pixels above 127. There
  are no splits: 80, 10 and 10 percent are drawn.

  Attributes:
    pixels_per_degree: One degree of visual angle.
    seed: Of the splits.
  """

  pixels_per_degree: float = 35.0
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    stimuli = place_of(root, 'ALLSTIMULI')
    maps = place_of(root, 'ALLFIXATIONMAPS')
    if stimuli is None or maps is None:
      return [], [f'{root}: wanted ALLSTIMULI/ and ALLFIXATIONMAPS/']
    images = files_of(stimuli, IMAGES)
    splits = seeded_splits(list(images), self.seed)
    return _mapped(
      [
        (name, path, maps / f'{name}_fixPts.jpg', maps / f'{name}_fixMap.jpg')
        for name, path in images.items()
      ],
      source='mit1003',
      splits=splits,
      folder=stimuli,
    )

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    points = read_image(clip.gaze, 'grey')
    if points is None:
      raise ValueError(f'{clip.gaze}: is no image; download it again')
    return _of_points(points > 127, clip, self.pixels_per_degree)


@dataclasses.dataclass(frozen=True)
class Cat2000Source:
  """`trainSet/{Stimuli,FIXATIONLOCS,FIXATIONMAPS}/CATEGORY/NNN.*`.

  The locations, all viewers together, are the variable `fixLocs`, 1 where
  somebody looked. Fixations of the test set are not public; of the training
  set, 80, 10 and 10 percent are drawn in each category. Images are 1920 x 1080
  with grey borders, which are kept.

  Attributes:
    pixels_per_degree: One degree of visual angle.
    seed: Of the splits.
  """

  pixels_per_degree: float = 38.0
  seed: int = 0

  def find(self, root: pathlib.Path) -> tuple[list[SourceClip], list[str]]:
    base = place_of(root, 'trainSet')
    if base is None and (root / 'Stimuli').is_dir():
      base = root
    if base is None:
      return [], [f'{root}: wanted trainSet/Stimuli/CATEGORY/NNN.jpg']
    clips, problems = [], []
    for folder in sorted((base / 'Stimuli').glob('*/'), key=natural_order):
      category = folder.name
      images = files_of(folder, IMAGES)
      splits = seeded_splits(list(images), self.seed)
      found, lacking = _mapped(
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
      problems += lacking
    return clips, problems or ([] if clips else [f'{base}: has no images'])

  def gaze(self, clip: SourceClip, picture: Picture) -> Gaze:
    points = gaze_lib.read_mat(clip.gaze, 'fixLocs')
    return _of_points(points, clip, self.pixels_per_degree)


def _mapped(rows, *, source, splits, folder, category=''):
  """Returns (clips, problems) of (name, image, points, map)."""
  clips, lacking = [], []
  for name, path, points, density in rows:
    missing = [p.name for p in (points, density) if not p.exists()]
    if missing:
      lacking.append(f'{path.name} ({" and ".join(missing)})')
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
  if lacking:
    problems.append(
      f'{folder}: {len(lacking)} images lack maps: {listing(lacking)}'
    )
  if not rows:
    problems.append(f'{folder}: has no images')
  return clips, problems


def _of_points(points, clip, sigma):
  if np.ndim(points) != 2:
    raise ValueError(
      f'{clip.gaze}: has shape {np.shape(points)}, wanted height and width'
    )
  height, width = points.shape
  return Gaze(
    fixations=gaze_lib.of_map(points, frame=0),
    height=height,
    width=width,
    frames=1,
    density=(clip.density,),
    sigma=sigma,
  )


class Osie(SaliencyBuilder):
  """OSIE: 700 photographs, 15 viewers."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='700 photographs of 800 x 600, 15 viewers, 3 s each.',
      # 33.7 degrees for 800 pixels.
      source=TableOfFixations(name='osie', pixels_per_degree=24.0),
      licence='MIT',
      homepage='https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels',
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
      # Its fixations lie on a grid of a 3600th of 256-pixel images: a screen
      # 900 pixels high, a quarter pixel apart. Its degrees are not said.
      source=TableOfFixations(
        name='scene500', pixels_per_degree=None, degrees_high=25.0
      ),
      licence='MIT, copyright 2015 Haoran Liang',
    ),
  )


class Mit1003(SaliencyBuilder):
  """MIT1003: 1003 images, 15 viewers."""

  BUILDER_CONFIGS = (
    Config(
      name='default',
      description='1003 images, 15 viewers (together), 3 s each.',
      source=Mit1003Source(),
      licence='Given for research; see the homepage.',
      homepage='https://people.csail.mit.edu/tjudd/WherePeopleLook/',
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
      description='2000 images of 20 categories, 18 viewers (together).',
      source=Cat2000Source(),
      licence='Given for research; see the homepage.',
      homepage='http://saliency.mit.edu/results_cat2000.html',
      citation="""@article{borji2015cat2000,
  title={CAT2000: A large scale fixation dataset for boosting saliency
         research},
  author={Borji, Ali and Itti, Laurent},
  journal={arXiv:1505.03581}, year={2015}}""",
    ),
  )
