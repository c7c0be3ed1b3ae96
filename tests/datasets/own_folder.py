"""Small folders of own videos and images with a table of gaze."""

from tests.datasets import layouts
from tests.media import clips

DEGREE = {'settings': {'pixels_per_degree': '6'}}


def find_record(dataset, name, chunk=0):
  for split in dataset.splits:
    for clip in dataset.clips(split):
      if clip.name == name:
        return dataset.records(split)[clip.first_record + chunk]
  raise AssertionError(f'no {name}')


def write_folder(root, table, **files):
  root.mkdir(exist_ok=True)
  for name in files.get('videos', ()):
    clips.write_clip(root / name, frames=range(20), sound=clips.tone(0.8))
  for name in files.get('images', ()):
    layouts.write_image(root / name)
  (root / 'fixations.csv').write_text(table)


def video_table(column, times, extra=''):
  rows = ''.join(
    f'a,{time},v,{20 + n},30{extra}\n' for n, time in enumerate(times)
  )
  return f'name,{column},viewer,x,y\n{rows}'
