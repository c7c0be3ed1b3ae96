import clips
import librosa
import numpy as np
import pytest

from dave_jax.media import audio, clock


@pytest.fixture(scope='module')
def golden(goldens):
  with np.load(goldens / 'log_mel.npz', allow_pickle=False) as arrays:
    return dict(arrays)


def noise(samples, seed=0):
  generator = np.random.default_rng(seed)
  return generator.uniform(-0.5, 0.5, samples).astype(np.float32)


def test_log_mel_agrees_with_the_original(golden):
  log_mel = audio.log_mel(golden['waveform'])
  assert log_mel.dtype == np.float32
  np.testing.assert_allclose(log_mel, golden['log_mel'], atol=1e-4)
  np.testing.assert_allclose(
    audio.mel_matrix(), golden['mel_matrix'], atol=1e-6
  )


def test_examples_agree_with_the_original(golden):
  examples = clock.cut_examples(audio.log_mel(golden['waveform']), [0, 4, 8])
  np.testing.assert_allclose(
    examples, golden['examples_hop4_first3'], atol=1e-4
  )


def test_tone_is_loudest_in_the_band_of_its_frequency():
  # By hand, HTK mel 1127 ln(1 + f / 700): 125 Hz is 185.2, 7500 Hz 2773.4, so
  # that centres lie 39.82 apart; 1000 Hz is 999.99, (999.99 - 185.2) / 39.82 =
  # 20.46 edges up, which the bands number from 1: band index 19 or 20.
  log_mel = audio.log_mel(clips.tone(1, hertz=1000))
  assert set(log_mel.argmax(axis=1)) <= {19, 20}


def test_silence_and_sounds_shorter_than_a_window():
  np.testing.assert_allclose(
    audio.log_mel(np.zeros(1600)), clock.SILENCE, rtol=1e-6
  )
  # By hand: 400 samples are the first frame, 160 more each further one.
  for samples, frames in [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2)]:
    assert audio.log_mel(np.zeros(samples)).shape == (frames, 64)
    assert audio.sound_frames(samples) == frames


def test_click_at_a_frame_begins_its_example():
  # A click at the time of frame 1800 of a 30 fps video, a minute in. Log-mel
  # row 6000 covers 60.000 to 60.025 s; Hann is zero at its first sample, so
  # that the click, 5 ms later, is loud in rows 5999 and 6000.
  waveform = np.zeros(62 * 16000, np.float32)
  waveform[60 * 16000 + 80] = 1
  (start,) = clock.example_starts([1800 / 30], alignment='exact')
  (example,) = clock.cut_examples(audio.log_mel(waveform), [start])
  loud = (example > clock.SILENCE + 1).any(axis=1)
  assert loud[0] and not loud[1:].any()


@pytest.mark.parametrize('rate', [8000, 22050, 44100, 48000])
def test_resampling_by_blocks_equals_resampling_at_once(tmp_path, rate):
  # 95 s are four blocks of 30 s.
  waveform = noise(95 * rate + 321)
  path = clips.write_clip(
    tmp_path / 'sound.wav',
    sound=waveform,
    sound_rate=rate,
    sound_codec='pcm_f32le',
  )
  got, start = audio.load_waveform(path)
  at_once = librosa.resample(
    waveform, orig_sr=rate, target_sr=16000, res_type='soxr_hq'
  )
  assert start == 0
  assert got.shape == at_once.shape
  np.testing.assert_allclose(got, at_once, atol=1e-5)


def test_log_mel_of_a_file_equals_that_of_its_waveform(tmp_path):
  path = clips.write_clip(
    tmp_path / 'sound.wav',
    sound=noise(70 * 44100),
    sound_rate=44100,
    sound_codec='pcm_s16le',
  )
  sound = audio.load_log_mel(path)
  waveform, _ = audio.load_waveform(path)
  np.testing.assert_allclose(sound.log_mel, audio.log_mel(waveform), atol=1e-5)
  assert sound.duration == 70
  assert sound.problems == () and not any(sound.counts.values())


@pytest.mark.parametrize('layout', ['mono', 'stereo', '5.1'])
@pytest.mark.parametrize(
  'codec, error',
  [
    ('pcm_u8', 1 / 128),
    ('pcm_s16le', 2**-15),
    ('pcm_s32le', 1e-6),
    ('pcm_f64le', 1e-6),
    ('flac', 2**-15),
  ],
)
def test_mono_is_the_mean_of_the_channels(tmp_path, layout, codec, error):
  channels = {'mono': 1, 'stereo': 2, '5.1': 6}[layout]
  sound = noise((channels, 8000))
  path = clips.write_clip(
    tmp_path / 'sound.mkv', sound=sound, layout=layout, sound_codec=codec
  )
  waveform, _ = audio.load_waveform(path)
  assert waveform.dtype == np.float32
  np.testing.assert_allclose(waveform, sound.mean(axis=0), atol=error)


def test_late_sound_keeps_its_place(tmp_path):
  path = clips.write_clip(
    tmp_path / 'late.mkv',
    frames=range(50),
    sound=noise(16000),
    sound_codec='pcm_s16le',
    sound_start=0.5,
  )
  sound = audio.load_log_mel(path)
  assert sound.start_time == pytest.approx(0.5, abs=0.001)
  assert sound.duration == 1
  assert sound.problems == ()


def test_hole_in_the_sound_is_silence_and_is_reported(tmp_path):
  sound = noise(32000)
  path = tmp_path / 'hole.mkv'
  clips.write_clip(
    path, sound=sound, sound_codec='pcm_s16le', sound_hole=(1.024, 0.7)
  )
  problems = []
  waveform, _ = audio.load_waveform(path, problems=problems)
  # By hand: 16384 samples, 0.7 s of nothing, the rest.
  assert waveform.size == 32000 + 11200
  np.testing.assert_allclose(waveform[:16384], sound[:16384], atol=1e-4)
  assert not waveform[16384 : 16384 + 11200].any()
  np.testing.assert_allclose(waveform[27584:], sound[16384:], atol=1e-4)
  assert problems == ['sound: 0.70 s of holes are filled with silence']
  counts = audio.load_log_mel(path).counts
  assert counts['sound_silence_seconds'] == pytest.approx(0.7)


def test_clock_that_jumps_is_taken_as_unbroken(tmp_path):
  sound = noise(64000)
  path = clips.write_clip(
    tmp_path / 'jump.mkv',
    sound=sound,
    sound_codec='pcm_s16le',
    sound_hole=(2.048, 5000),
    sound_start=10,
  )
  problems = []
  waveform, start = audio.load_waveform(path, problems=problems)
  assert start == pytest.approx(10, abs=0.001)
  np.testing.assert_allclose(waveform, sound, atol=1e-4)
  assert problems == ['sound: the clock jumps 1 times; taken as unbroken']


def test_sound_that_overlaps_is_dropped(tmp_path):
  sound = noise(64000)
  path = clips.write_clip(
    tmp_path / 'overlap.mkv',
    sound=sound,
    sound_codec='pcm_s16le',
    sound_hole=(2.048, -0.05),
  )
  problems = []
  waveform, _ = audio.load_waveform(path, problems=problems)
  # By hand: 2.048 s, then what lies 0.05 s past the step back.
  np.testing.assert_allclose(waveform[:32768], sound[:32768], atol=1e-4)
  np.testing.assert_allclose(waveform[32768:], sound[33568:], atol=1e-4)
  assert problems == ['sound: 0.05 s that overlap are dropped']


def test_cut_sound_reports_the_missing_seconds(tmp_path):
  path = clips.write_clip(
    tmp_path / 'whole.mkv', sound=noise(64000), sound_codec='pcm_s16le'
  )
  whole = path.read_bytes()
  path.write_bytes(whole[: len(whole) // 2])
  sound = audio.load_log_mel(path)
  assert 1.8 < sound.duration < 2.2
  assert sound.counts['sound_missing_seconds'] == pytest.approx(
    4 - sound.duration, abs=0.01
  )
  assert 'missing' in sound.problems[0]


def test_file_without_sound_has_none(tmp_path):
  path = clips.write_clip(tmp_path / 'silent.mp4', frames=range(5))
  assert audio.load_log_mel(path) is None
  assert audio.load_waveform(path) is None


def test_stream_that_is_no_sound_is_refused(tmp_path):
  path = clips.write_clip(
    tmp_path / 'clip.mp4', frames=range(5), sound=clips.tone(0.2)
  )
  with pytest.raises(ValueError, match=r'0 video \(h264\), 1 audio \(aac\)'):
    audio.load_log_mel(path, stream=0)


@pytest.mark.parametrize(
  # The durations FFmpeg shows; priming and padding of the codecs aside.
  'name, duration',
  [
    ('bigbuckbunny.mp4', 5.31),
    ('big_buck_bunny_0_30.webm', 30.0),
    ('chaplin.mp4', 9.61),
    ('nasa_13013.mp4', 13.06),
    ('bbaf2n.mpg', 2.95),
  ],
)
def test_real_clips_are_heard_whole(data, name, duration):
  sound = audio.load_log_mel(data / 'clips' / name)
  assert sound.duration == pytest.approx(duration, abs=0.05)
  assert sound.problems == ()
  assert sound.log_mel.std() > 0.3


@pytest.mark.parametrize('video', [(), range(10)])
def test_sound_of_an_avi_is_read(tmp_path, video):
  """AVI counts blocks of sound as frames, which have no rate."""
  path = clips.write_clip(
    tmp_path / 'a.avi',
    frames=video,
    codec='mpeg4',
    sound=clips.tone(0.4),
    sound_codec='pcm_s16le',
  )
  waveform, start = audio.load_waveform(path)
  assert start == 0
  assert waveform.size == 6400
