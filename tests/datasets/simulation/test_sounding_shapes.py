"""Tests of the simulated data sets."""

import csv

import numpy as np
import pytest
import simplejpeg

from dave_jax.datasets import boxes, prepare, store
from dave_jax.datasets.builder import SaliencyBuilder
from dave_jax.datasets.records import Storage
from dave_jax.datasets.simulation import export
from dave_jax.datasets.simulation.sounding_shapes import ShapesSource
from dave_jax.media.audio import load_waveform
from dave_jax.media.video import probe

SMALL = Storage(frame_size=(64, 80), jpeg_quality=90)
FEW = {'train': '4', 'val': '1', 'test': '1'}


@pytest.fixture(scope='module')
def built(tmp_path_factory):
  """A small set, built by the command; returns its folder."""
  folder = tmp_path_factory.mktemp('made') / 'data'
  status = prepare.main(
    [
      'sounding_shapes',
      f'--data_dir={folder}',
      '--frame_size=64x80',
      '--jpeg_quality=90',
      '--processes=1',
      *(f'--set={split}={count}' for split, count in FEW.items()),
    ]
  )
  assert status == 0
  return folder


@pytest.fixture(scope='module')
def dataset(built):
  return store.open_dataset(built, 'sounding_shapes')


def _chunks(dataset, clip):
  records = dataset.records(clip.split)
  numbers = range(clip.first_record, clip.first_record + clip.records)
  return [records[number] for number in numbers]


def test_splits_have_the_given_sizes(dataset):
  assert {s: len(dataset.clips(s)) for s in dataset.splits} == {
    'train': 4,
    'val': 1,
    'test': 1,
  }
  clips = dataset.clips('train')
  assert [c.category for c in clips] == ['Social', 'Nature', 'Social', 'Misc']
  assert [c.has_sound for c in clips] == [True, True, True, False]
  for clip in clips:
    assert clip.viewers == 16
    assert (clip.height, clip.width) == (64, 80)
    assert clip.rate in (25, 30)
    assert clip.fixated == ((0, clip.frames),)


def test_sound_and_boxes_are_synchronous_with_frames(dataset):
  """A frame has a box if and only if a voice is audible."""
  source = ShapesSource()
  for clip in dataset.clips('train')[:3]:
    scenario = source.scenario(clip.name)
    begins = [t.begin for t in scenario.turns]
    ends = [t.end for t in scenario.turns]
    checked = 0
    for record in _chunks(dataset, clip):
      frames = record['first_frame'] + np.arange(len(record['times']))
      np.testing.assert_allclose(record['times'], frames / clip.rate, atol=1e-3)
      for place, time in enumerate(record['times']):
        # Knocks and the like are silent for up to 0.25 s in between.
        edges = np.array([*begins, *ends]) - time
        if np.any((edges > -0.02) & (edges < 0.32)):
          continue
        first = round(time * 16_000) - record['waveform_start']
        loud = np.abs(record['waveform'][first : first + 4800]).max() > 0.03
        spoken = any(t.begin <= time < t.end for t in scenario.turns)
        seen = any(
          t.begin <= time < t.end and t.object_index is not None
          for t in scenario.turns
        )
        assert loud == spoken
        assert (record['sounding_frame'] == place).any() == seen
        checked += 1
    assert checked > 20


def test_frames_are_those_of_the_script(dataset):
  clip = dataset.clips('test')[0]
  record = _chunks(dataset, clip)[0]
  drawn = next(ShapesSource().scenario(clip.name).pictures((64, 80)))
  stored = simplejpeg.decode_jpeg(record['frames'][0], 'RGB')
  # JPEG of small coloured objects; another scene is 50 levels off.
  assert np.abs(stored.astype(int) - drawn).mean() < 8


@pytest.mark.slow
def test_the_same_seed_gives_the_same_set(dataset, tmp_path, build_set):
  """Also in a larger set, built by several processes."""
  again, _ = build_set(
    'sounding_shapes',
    None,
    processes=2,
    storage=SMALL,
    settings=FEW | {'train': '5'},
  )
  for split in dataset.splits:
    old, new = dataset.records(split), again.records(split)
    for number in range(len(old)):
      before, after = old[number], new[number]
      for name, value in before.items():
        np.testing.assert_array_equal(value, after[name])


def test_another_seed_gives_another_set():
  name = 'train_0000_social'
  one, other = (ShapesSource(seed=seed).scenario(name) for seed in (0, 1))
  assert one.turns != other.turns


def test_splits_share_no_clip():
  source = ShapesSource()
  turns = [
    source.scenario(f'{split}_0000_social').turns
    for split in ('train', 'val', 'test')
  ]
  assert len({str(t) for t in turns}) == 3


def test_tfds_builds_the_same_records(dataset, tmp_path):
  builder: SaliencyBuilder = prepare.make_builder(
    'sounding_shapes',
    tmp_path,
    storage=SMALL,
    settings={'train': '1', 'val': '0', 'test': '0'},
  )
  builder.download_and_prepare(file_format='array_record')
  records = builder.as_data_source(split='train')
  ours = dataset.records('train')
  assert len(records) == dataset.clips('train')[0].records
  for number in range(len(records)):
    for name, value in ours[number].items():
      np.testing.assert_array_equal(value, records[number][name])


def test_images_have_fixations_of_all_viewers(build_set):
  images, report = build_set(
    'sounding_images', None, storage=SMALL, settings=FEW
  )
  assert report['viewers_per_clip'] == [16, 16]
  for clip in images.clips('train'):
    assert (clip.frames, clip.rate, clip.has_sound) == (1, 0, False)
  record = images.records('train')[0]
  assert len(record['frames']) == 1
  assert record['sigma'] == 4  # 64 pixels are 16 degrees.
  assert set(record['fixation_viewer']) == set(range(16))


def test_a_negative_count_is_refused(tmp_path, capsys):
  arguments = ['sounding_shapes', f'--data_dir={tmp_path}', '--set=val=-1']
  assert prepare.main(arguments) == 1
  assert 'expected 0 or more clips of each split' in capsys.readouterr().err


def test_the_table_of_boxes_holds_those_of_the_records(
  built, dataset, tmp_path
):
  path = tmp_path / 'boxes.csv'
  arguments = ['sounding_shapes', f'--data_dir={built}', f'--out={path}']
  assert boxes.main(arguments) == 0
  with path.open() as file:
    rows = list(csv.DictReader(file))
  clip = dataset.clips('train')[0]
  own = [row for row in rows if row['clip'] == clip.name]
  record = next(r for r in _chunks(dataset, clip) if len(r['sounding_frame']))
  frame = str(record['first_frame'] + record['sounding_frame'][0])
  (row,) = [row for row in own if row['frame'] == frame]
  found = [float(row[name]) for name in ('x0', 'y0', 'x1', 'y1')]
  np.testing.assert_allclose(found, record['sounding_box'][0], atol=0.006)
  assert 0 <= found[0] < found[2] <= 80
  assert 0 <= found[1] < found[3] <= 64


def test_a_set_without_boxes_says_so(built, tmp_path, capsys):
  path = tmp_path / 'boxes.csv'
  with pytest.raises(ValueError, match='no sound-source boxes'):
    boxes.write_boxes(path, [])
  assert list(tmp_path.iterdir()) == []


def test_exported_clips_can_be_prepared_again(tmp_path, build_set):
  """Sound starts with the first turn; the set `folder` reads the files."""
  out = tmp_path / 'clips'
  arguments = ['--clips=4', '--split=train', '--frame_size=64x80']
  assert export.main([f'--out={out}', *arguments]) == 0
  source = ShapesSource()
  for path in sorted(out.glob('*.mp4')):
    scenario = source.scenario(path.stem)
    info = probe(path)
    assert (info.height, info.width, info.rate) == (64, 80, scenario.rate)
    assert info.frames == scenario.frames
    loaded = load_waveform(path)
    assert (loaded is None) == (scenario.sort == 'silent')
    if loaded is not None:
      waveform, begin = loaded
      loud = np.flatnonzero(np.abs(waveform) > 0.05)[0] / 16_000
      # Voices swell; AAC rings a little before.
      late = loud + begin - info.start_time - scenario.turns[0].begin
      assert -0.03 < late < 0.2
  own, report = build_set(
    'folder', out, storage=SMALL, settings={'pixels_per_degree': '4'}
  )
  assert report['skipped'] == []
  assert len(own.clips('train')) == 4
  assert report['viewers_per_clip'] == [16, 16]
