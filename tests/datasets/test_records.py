"""Tests of clips read into records."""

import dataclasses

import numpy as np
import pytest
import simplejpeg

from dave_jax.datasets import gaze as gaze_lib
from dave_jax.datasets.gaze import Fixations, Gaze
from dave_jax.datasets.records import Storage, read_clip
from dave_jax.datasets.source import SourceClip
from dave_jax.media import audio, clock
from dave_jax.media.image_file import read_complete_image
from dave_jax.media.video import VideoReader
from tests.datasets import layouts
from tests.media import clips

STORAGE = Storage(frame_size=(32, 40))


@dataclasses.dataclass(frozen=True)
class Known:
  """A source whose gaze is given."""

  fixations: Fixations
  size: tuple[int, int] = layouts.SIZE
  frames: int | None = None

  def gaze(self, clip, picture):
    height, width = self.size
    return Gaze(self.fixations, height, width, self.frames, viewers=1)


def _fixations(when, timed=False, xy=(3, 4)):
  when = np.array(when, float)
  return Fixations(
    np.tile(np.array(xy, float), (when.size, 1)),
    when,
    np.zeros(when.size, np.int32),
    timed,
  )


def _read(picture, fixations=None, **fields):
  clip = SourceClip(
    name='clip', source='test', split='train', picture=picture, **fields
  )
  source = Known(fixations or gaze_lib.no_fixations())
  content = read_clip(clip, source, STORAGE)
  return content, list(content.records())


def _where(records):
  """Returns the frame of each stored fixation."""
  return [
    int(record['first_frame'] + place)
    for record in records
    for place in record['fixation_frame']
  ]


@pytest.fixture
def video(tmp_path):
  """40 frames at 25 per second, and noise that begins 0.3 s later."""
  noise = np.random.default_rng(0).uniform(-0.5, 0.5, round(1.6 * 16000))
  return clips.write_clip(
    tmp_path / 'clip.mkv',
    frames=range(40),
    size=layouts.SIZE,
    sound=noise.astype(np.float32),
    sound_start=0.3,
  )


def test_frames_come_in_order_with_their_times(video):
  content, records = _read(video)
  assert [r['first_frame'] for r in records] == [0, 16, 32]
  assert [len(r['frames']) for r in records] == [16, 16, 8]
  assert {r['clip_frames'] for r in records} == {40}
  images = [simplejpeg.decode_jpeg(f) for r in records for f in r['frames']]
  assert [clips.number(image) for image in images] == list(range(40))
  assert images[0].shape == (32, 40, 3)
  times = np.concatenate([r['times'] for r in records])
  _, begin = audio.load_waveform(video)
  with VideoReader(video) as reader:
    shown = [frame.time for frame in reader]
  np.testing.assert_array_equal(times, np.array(shown) - begin)
  assert content.entry.rate == pytest.approx(25)


@pytest.mark.parametrize('alignment', ['exact', 'causal'])
def test_sound_of_records_equals_the_sound_of_the_file(video, alignment):
  """Log-mel examples of each frame equal those of prediction bit by bit."""
  waveform, _ = audio.load_waveform(video)
  whole = audio.log_mel(waveform)
  _, records = _read(video)
  for record in records:
    starts = clock.example_starts(record['times'], alignment=alignment)
    first = record['waveform_start'] // 160
    assert record['waveform_start'] % 160 == 0
    own = clock.cut_examples(audio.log_mel(record['waveform']), starts - first)
    np.testing.assert_allclose(
      own, clock.cut_examples(whole, starts), atol=1e-6
    )


def test_sound_is_stored_up_to_the_margins(video):
  waveform, _ = audio.load_waveform(video)
  _, records = _read(video)
  middle = records[1]
  begin = middle['waveform_start']
  end = begin + len(middle['waveform'])
  np.testing.assert_array_equal(waveform[begin:end], middle['waveform'])
  before = middle['times'][0] - begin / 16000
  after = end / 16000 - middle['times'][-1]
  # As much as there is; else 0.75 s and less than a step of 10 ms.
  assert begin == 0 or 0.75 <= before < 0.7601
  assert end == len(waveform) or 0.75 <= after < 0.7601


def test_video_without_sound_begins_at_0(tmp_path):
  path = clips.write_clip(
    tmp_path / 'mute.mp4',
    times=[0.5 + i / 25 for i in range(4)],
    frames=range(4),
  )
  _, [record] = _read(path)
  assert not record['has_sound']
  assert not record['waveform'].size
  np.testing.assert_allclose(record['times'], np.arange(4) / 25, atol=1e-4)


def test_sound_that_viewers_did_not_hear_is_not_stored(video):
  _, records = _read(video, silent=True)
  assert not any(r['has_sound'] or r['waveform'].size for r in records)
  assert records[0]['times'][0] == 0


def test_short_sound_is_noted_and_padded_with_silence(tmp_path):
  picture = clips.write_clip(tmp_path / 'a.mp4', frames=range(50))
  sound = tmp_path / 'a.wav'
  layouts.write_wav(sound, 0.5)
  content, records = _read(picture, sound=sound)
  assert content.counts['seconds_without_sound'] == pytest.approx(1.46)
  assert 'the sound ends 1.46 s before the last frame; padded with silence' in (
    content.notes
  )
  last = records[-1]
  assert last['has_sound']
  assert not last['waveform'].size
  starts = clock.example_starts(last['times'], alignment='exact')
  examples = clock.cut_examples(
    audio.log_mel(last['waveform']), starts - last['waveform_start'] // 160
  )
  assert (examples == clock.SILENCE).all()


def test_sound_file_without_sound_is_an_error(tmp_path):
  picture = clips.write_clip(tmp_path / 'a.mp4', frames=range(4))
  (tmp_path / 'a.wav').write_bytes(b'RIFF')
  with pytest.raises(ValueError, match=r'a\.wav'):
    _read(picture, sound=tmp_path / 'a.wav')


def test_fixations_are_stored_with_their_frames(video):
  content, records = _read(video, _fixations([39, 0, 16, 15, 0, 31]))
  assert _where(records) == [0, 0, 15, 16, 31, 39]
  assert content.entry.fixated == ((0, 1), (15, 17), (31, 32), (39, 40))
  assert content.entry.fixations == 6


def test_fixations_by_time_are_stored_with_the_frame_on_screen(tmp_path):
  # Shown for 0.1, 0.5, 0.1 s and, the last, a 25th as the file says.
  times = [0.2, 0.3, 0.8, 0.9]
  path = clips.write_clip(tmp_path / 'v.mkv', times=times, frames=range(4))
  moments = [0, 0.09, 0.11, 0.59, 0.61, 0.71, 0.73, 5.0, -0.5]
  content, records = _read(path, _fixations(moments, timed=True))
  assert _where(records) == [0, 0, 1, 1, 2, 3, 3]
  assert content.counts['without_a_frame'] == 2


def test_fixations_left_out_are_counted(video):
  xy = np.array([[1, 1], [80, 1], [1, -1], [2, 2], [3, 3]], float)
  when = np.array([0, 0, 0, 40, 39], float)
  fixations = Fixations(xy, when, np.zeros(5, np.int32))
  content, _ = _read(video, fixations)
  assert content.counts['off_frame'] == 2
  assert content.counts['without_a_frame'] == 1
  assert content.counts['fixations'] == 2


def test_sounding_boxes_are_stored_with_their_frames(video):
  @dataclasses.dataclass(frozen=True)
  class Sounding:
    def gaze(self, clip, picture):
      return Gaze(
        gaze_lib.no_fixations(),
        picture.height,
        picture.width,
        None,
        sounding_box=np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.float32),
        sounding_frame=np.array([3, 17], np.int32),
      )

  clip = SourceClip(name='a', source='b', split='train', picture=video)
  records = list(read_clip(clip, Sounding(), STORAGE).records())
  assert records[0]['sounding_frame'].tolist() == [3]
  assert records[1]['sounding_frame'].tolist() == [1]
  assert records[1]['sounding_box'].tolist() == [[4, 5, 6, 7]]
  assert not records[2]['sounding_frame'].size


@pytest.mark.parametrize('frames, without, over', [(37, 3, 0), (44, 0, 4)])
def test_different_lengths_of_video_and_gaze_are_noted(
  video, frames, without, over
):
  clip = SourceClip(name='a', source='b', split='train', picture=video)
  source = Known(_fixations([0]), frames=frames)
  content = read_clip(clip, source, STORAGE)
  assert content.counts['frames_without_gaze'] == without
  assert content.counts['gaze_without_frames'] == over
  assert f'40 frames of video, {frames} of gaze' in content.notes[-1]


def test_gaze_of_another_size_keeps_its_pixels(video):
  clip = SourceClip(name='a', source='b', split='train', picture=video)
  source = Known(_fixations([0], xy=(159, 95)), size=(96, 160))
  content = read_clip(clip, source, STORAGE)
  assert (content.entry.height, content.entry.width) == (96, 160)
  assert content.counts['off_frame'] == 0
  assert '80 x 48 pixels' in content.notes[-1]


def test_damaged_video_is_an_error(tmp_path):
  path = clips.write_clip(
    tmp_path / 'a.mp4',
    frames=np.random.default_rng(0).integers(0, 255, (30, 64, 96, 3), np.uint8),
  )
  content = bytearray(path.read_bytes())
  middle = content.index(b'mdat') + len(content) // 2
  content[middle : middle + 3000] = bytes(3000)
  path.write_bytes(content)
  with pytest.raises(ValueError, match='gaze cannot be matched'):
    _read(path)


def test_truncated_frame_of_a_folder_is_an_error(tmp_path):
  layouts.write_stavis(tmp_path, 'AVAD', ['a'], frames=4)
  folder = tmp_path / 'video_frames' / 'AVAD' / 'a'
  broken = folder / 'img_00003.jpg'
  broken.write_bytes(broken.read_bytes()[:-100])
  with pytest.raises(ValueError, match=r'img_00003\.jpg: the JPEG is cut off'):
    _read(folder, rate=25.0)
  broken.write_bytes(b'\xff\xd8 no image \xff\xd9')
  with pytest.raises(ValueError, match='1 images cannot be decoded'):
    _read(folder, rate=25.0)


@pytest.mark.parametrize('content', [b'', b'no image', None])
def test_damaged_or_truncated_image_is_an_error(tmp_path, content):
  path = tmp_path / 'a.jpg'
  layouts.write_image(path)
  path.write_bytes(path.read_bytes()[:-20] if content is None else content)
  with pytest.raises(ValueError, match=r'a\.jpg.*download it again'):
    read_complete_image(path, 'rgb')


def _with_hole(path):
  """Writes 60 frames of 0.04 s with a hole of 1 s; Matroska has no index."""
  times = np.arange(60) / 25
  times[30:] += 1
  return clips.write_clip(path, frames=range(60), times=times)


def test_gaze_by_frame_number_over_a_hole_is_refused(tmp_path):
  path = _with_hole(tmp_path / 'a.mkv')
  with pytest.raises(ValueError, match=r'1 hole.*1\.00 s in all.*gaze by time'):
    _read(path, _fixations([2, 40]))


def test_gaze_by_time_finds_its_frames_after_a_hole(tmp_path):
  # Frame 40 is shown at 40 / 25 + 1 s.
  _, records = _read(
    _with_hole(tmp_path / 'a.mkv'), _fixations([2.61, 0.09], timed=True)
  )
  assert _where(records) == [2, 40]


def test_rate_is_that_of_the_time_stamps(tmp_path):
  """Stated are 25 frames per second; stamps are 1 / 15 s apart."""
  times = np.arange(30) / 15
  path = clips.write_clip(tmp_path / 'a.mkv', frames=range(30), times=times)
  content, records = _read(path, _fixations([1.01], timed=True))
  assert content.entry.rate == pytest.approx(15, rel=0.01)
  assert _where(records) == [15]


def test_coordinates_that_float32_rounds_up_stay_inside(video):
  width, height = layouts.SIZE[1], layouts.SIZE[0]
  _, records = _read(video, _fixations([0], xy=(width - 1e-7, height - 1e-7)))
  x, y = records[0]['fixation_xy'][0]
  assert x < width and y < height


def test_a_late_frame_of_an_avi_is_no_hole(tmp_path):
  """The first step is two frames long, as some codecs in AVI begin."""
  path = clips.write_clip(
    tmp_path / 'a.avi',
    frames=range(50),
    times=np.r_[0, np.arange(2, 51)] / 25,
    codec='mpeg4',
  )
  content, records = _read(path, _fixations([40]))
  assert _where(records) == [40]
  assert content.entry.rate == 25
