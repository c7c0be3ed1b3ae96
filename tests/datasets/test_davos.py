"""Tests of DAVoS from the original downloads and from the STAViS release."""

import shutil
import tarfile

import av
import numpy as np
import pytest

from dave_jax.datasets import folds
from dave_jax.datasets.build import IncompleteError, build
from dave_jax.datasets.davos import Downloads, StavisRelease, stavis_name
from dave_jax.datasets.density import record_density
from dave_jax.datasets.prepare import make_builder
from dave_jax.datasets.schema import POOLED
from dave_jax.datasets.source import natural_order
from tests.datasets import layouts

BEARS = 'arctic_bears_1066x710'
SERPENT = 'BBC_wildlife_serpent_1280x704'


def _fixations(dataset, split, name):
  """Returns {(frame, viewer): (x, y)} of a clip, of all its records."""
  found = {}
  [clip] = [clip for clip in dataset.clips(split) if clip.name == name]
  records = dataset.records(split)
  for number in range(clip.first_record, clip.first_record + clip.records):
    record = records[number]
    for xy, place, viewer in zip(
      record['fixation_xy'],
      record['fixation_frame'],
      record['fixation_viewer'],
      strict=True,
    ):
      found[int(record['first_frame'] + place), int(viewer)] = tuple(xy)
  return found


@pytest.fixture
def downloads(tmp_path):
  root = tmp_path / 'downloads'
  size = layouts.size_in(SERPENT)
  rows = layouts.diem_rows(1, 22, size)  # Two rows more than frames.
  rows[4, 4] = 2  # Viewer 1, frame 4: a saccade.
  rows[6, 1:3] = [640, 127]  # Frame 6: just above the video.
  layouts.write_diem(root / 'DIEM', SERPENT, rows={1: rows})
  layouts.write_coutrot(root / 'coutrot1', 1, [3, 42], suffix='.mp4')
  layouts.write_coutrot(root / 'coutrot2', 2, [1], suffix='.mp4')
  return root


def test_all_missing_files_are_listed_before_the_build(
  tmp_path, downloads, build_set
):
  shutil.rmtree(downloads / 'DIEM' / SERPENT / 'audio')
  (downloads / 'coutrot1' / 'ERB3_Stimuli' / 'clip_3.mp4').unlink()
  with pytest.raises(IncompleteError) as error:
    build_set('davos/raw', downloads)
  problems = '\n'.join(error.value.problems)
  assert len(error.value.problems) == 151 - 2
  assert f'missing audio/{SERPENT}.wav' in problems
  assert 'no ERB3_Stimuli/clip_3.avi' in problems
  assert f'{BEARS} (test): no folder' in problems
  assert not (tmp_path / 'data').exists()


def test_diem_fixations_keep_frame_and_position(downloads, build_set):
  dataset, report = build_set('davos/raw', downloads, partial=True)
  found = _fixations(dataset, 'test', SERPENT)
  expected = {
    (frame, viewer): layouts.gaze_at(viewer, frame)
    for frame in range(20)
    for viewer in range(2)
    if (frame, viewer) not in [(4, 1), (6, 1)]
  }
  assert found == expected
  [clip] = [c for c in report['clips'] if c['name'] == SERPENT]
  assert clip['not_fixating'] == 1
  assert clip['off_frame'] == 1
  assert clip['without_a_frame'] == 2
  assert clip['gaze_without_frames'] == 2
  assert '20 frames of video, 22 of gaze' in clip['notes'][0]


def test_coutrot_fixations_keep_frame_and_position(downloads, build_set):
  dataset, report = build_set('davos/raw', downloads, partial=True)
  expected = {
    (frame, viewer): layouts.gaze_at(viewer, frame)
    for frame in range(20)
    for viewer in range(2)
    if (frame, viewer) != (3, 0)  # NaN in the file.
  }
  assert _fixations(dataset, 'train', 'clip_42') == expected
  assert _fixations(dataset, 'train', 'clip_e_1') == expected
  assert report['totals']['missing'] == 3


def test_clips_have_their_source_split_and_category(downloads, build_set):
  dataset, _ = build_set('davos/raw', downloads, partial=True)
  clips_of = {c.name: c for s in dataset.splits for c in dataset.clips(s)}
  listed = {clip.name: clip for clip in folds.davos()}
  for name, clip in clips_of.items():
    assert clip.split == listed[name].split
    assert clip.category == listed[name].category
    assert clip.rate == pytest.approx(listed[name].rate)
    assert clip.viewers == 2
    assert clip.has_sound
  assert clips_of['clip_42'].category == ''
  sources = {name: clip.source for name, clip in clips_of.items()}
  assert sources[SERPENT] == 'diem'
  assert sources['clip_3'] == 'coutrot1'
  assert sources['clip_e_1'] == 'coutrot2'


def test_pixels_per_degree_can_be_changed(downloads, build_set):
  dataset, _ = build_set('davos/raw', downloads, partial=True)
  [record] = [r for r in dataset.records('test') if r['first_frame'] == 0]
  assert record['sigma'] == 50
  assert record_density(record, 0).shape == (704, 1280)
  builder = make_builder(
    'davos/raw', 'data', settings={'diem_pixels_per_degree': '41'}
  )
  assert builder.builder_config.source.diem_pixels_per_degree == 41
  assert 'diem_pixels_per_degree_41' in str(builder.data_dir)


def test_avi_with_sound_is_read(tmp_path, build_set):
  layouts.write_coutrot(tmp_path, 1, [3])
  dataset, _ = build_set('davos/raw', tmp_path, partial=True)
  assert dataset.clips('train')[0].has_sound


def test_recording_of_one_viewer_is_read(tmp_path, build_set):
  layouts.write_coutrot(tmp_path, 1, [3], viewers=1, suffix='.mp4')
  dataset, _ = build_set('davos/raw', tmp_path, partial=True)
  assert dataset.clips('train')[0].viewers == 1
  assert len(_fixations(dataset, 'train', 'clip_3')) == 19


def test_clips_of_a_wrong_matlab_file_are_left_out(downloads, build_set):
  layouts.scipy.io.savemat(
    downloads / 'coutrot1' / 'coutrot_database1.mat', {'something': 1}
  )
  _, report = build_set('davos/raw', downloads, partial=True)
  assert [c['name'] for c in report['skipped']] == ['clip_3', 'clip_42']
  assert 'got the variables something' in report['skipped'][0]['reason']


def test_unknown_eye_is_an_error():
  with pytest.raises(ValueError, match='eye: expected one of left, right'):
    Downloads(eye='both')


def test_clips_of_the_stavis_release_get_names_and_splits_of_davos(
  tmp_path, build_set
):
  root = tmp_path / 'release'
  layouts.write_stavis(
    root,
    'Coutrot_db1',
    ['clip42', 'clip3'],
    lists=[('Coutrot_db1_list_train_1_fps.txt', ['clip42', 'clip3'])],
  )
  layouts.write_stavis(
    root,
    'Coutrot_db2',
    ['clip1'],
    lists=[('Coutrot_db2_list_train_1_fps.txt', ['clip1'])],
  )
  layouts.write_stavis(
    root, 'DIEM', [BEARS], lists=[('DIEM_list_test_fps.txt', [BEARS])]
  )
  dataset, _ = build_set('davos/stavis', root, partial=True)
  names = {s: [c.name for c in dataset.clips(s)] for s in dataset.splits}
  assert set(names['train']) == {'clip_42', 'clip_3', 'clip_e_1'}
  assert names['test'] == [BEARS]
  [clip] = dataset.clips('test')
  assert (clip.category, clip.viewers) == ('Nature', 0)
  record = dataset.records('test')[1]
  assert (record['fixation_viewer'] == POOLED).all()
  assert record_density(record, 2).argmax() % 80 == 18
  assert record_density(record, 2).shape == layouts.SIZE


def test_every_davos_clip_has_its_name_in_the_release(data, tmp_path):
  for folder in ('video_frames', 'video_audio', 'annotations'):
    (tmp_path / folder).mkdir()
  shutil.copytree(data / 'stavis_folds', tmp_path / 'fold_lists')
  clips_found, problems = StavisRelease().find(tmp_path)
  assert not clips_found
  assert len(problems) == 151
  assert not [p for p in problems if 'is in no fold list' in p]
  wanted = {'/'.join(stavis_name(clip)) for clip in folds.davos()}
  assert {p.split(': ')[1] for p in problems} == wanted


def test_missing_folders_of_a_release_are_listed(tmp_path, build_set):
  (tmp_path / 'video_frames').mkdir()
  with pytest.raises(IncompleteError) as error:
    build_set('davos/stavis', tmp_path)
  for folder in ('video_audio', 'annotations', 'fold_lists'):
    assert f'missing {folder}/' in str(error.value)


@pytest.mark.slow
def test_real_gaze_is_paired_with_a_video_of_the_same_size(
  data, tmp_path, build_set
):
  root = tmp_path / 'DIEM'
  with tarfile.open(data / 'diem_gaze' / f'{BEARS}.tar.gz') as archive:
    archive.extractall(root, filter='data')
  frames = 2785
  (root / BEARS / 'video').mkdir()
  _write_grey_video(root / BEARS / 'video' / f'{BEARS}.mp4', 710, 1066, frames)
  layouts.write_wav(root / BEARS / 'audio' / f'{BEARS}.wav', frames / 30)
  dataset, report = build_set('davos/raw', root, partial=True, storage=None)
  [clip] = dataset.clips('test')
  assert (clip.frames, clip.viewers) == (frames, 49)
  totals = report['totals']
  assert totals['fixations'] + totals['off_frame'] == 114834
  assert totals['fixations'] / 114834 > 0.99
  # Frame 803 is the fourth of record 50. Viewer by viewer, from the files:
  # the video begins at (1280 - 1066) / 2 and (960 - 710) / 2 of the screen.
  expected = {}
  event_data = root / BEARS / 'event_data'
  for viewer, path in enumerate(
    sorted(event_data.iterdir(), key=natural_order)
  ):
    row = path.read_text().splitlines()[803].split('\t')
    x, y = float(row[1]) - 107, float(row[2]) - 125
    if row[4] == '1' and 0 <= x < 1066 and 0 <= y < 710:
      expected[viewer] = (np.float32(x), np.float32(y))
  record = dataset.records('test')[50]
  rows = record['fixation_frame'] == 3
  assert (
    dict(
      zip(
        record['fixation_viewer'][rows].tolist(),
        map(tuple, record['fixation_xy'][rows]),
        strict=True,
      )
    )
    == expected
  )
  assert len(expected) == 40


def _write_grey_video(path, h, w, frames):
  with av.open(str(path), 'w') as container:
    stream = container.add_stream('libx264', rate=30)
    stream.height, stream.width = h, w
    stream.pix_fmt = 'yuv420p'
    stream.options = {'preset': 'ultrafast'}
    grey = av.VideoFrame(w, h, 'yuv420p')
    for plane in grey.planes:
      plane.update(bytes([128]) * plane.buffer_size)
    for number in range(frames):
      grey.pts = number
      container.mux(stream.encode(grey))
    container.mux(stream.encode())


def test_existing_set_is_not_overwritten(downloads, build_set, tmp_path):
  """That of another folder; a rebuild of the same is in test_prepare."""
  build_set('davos/raw', downloads, partial=True)
  builder = make_builder('davos/raw', tmp_path / 'data')
  with pytest.raises(FileExistsError, match='built from another folder'):
    build(builder, tmp_path)
