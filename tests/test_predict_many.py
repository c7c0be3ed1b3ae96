"""Prediction of a list of videos by several processes."""

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml

from dave_jax import buckets, predict
from dave_jax.prediction.submission import describe_videos
from dave_jax.prediction.video_list import read_list, take_share
from tests.bucket_servers import serving
from tests.runs import ROOT


def test_shares_hold_every_video_once():
  videos = [f'{n}.mp4' for n in range(11)]
  shares = [take_share(videos, index, 3) for index in range(3)]
  assert shares[1] == ['1.mp4', '4.mp4', '7.mp4', '10.mp4']
  assert sorted(v for share in shares for v in share) == sorted(videos)
  assert take_share(videos[:1], 2, 3) == []
  for index, count in ((3, 3), (-1, 3), (0, 0)):
    with pytest.raises(ValueError, match='process_index'):
      take_share(videos, index, count)


def test_list_of_videos(tmp_path):
  path = tmp_path / 'list.txt'
  path.write_text('# Mine\n a.mp4\n\nhere/b c.mp4 \n')
  assert read_list(path) == ['a.mp4', 'here/b c.mp4']
  assert read_list(None) == []
  path.write_text('# Nothing\n')
  with pytest.raises(ValueError, match='expected paths'):
    read_list(path)
  path.write_bytes(b'\xff\xd8\xff\xe0')
  with pytest.raises(ValueError, match='expected a text file'):
    read_list(path)


@pytest.mark.parametrize(
  'arguments, message',
  [
    ([], 'got no video'),
    (['--videos=absent.txt'], 'absent.txt'),
    (['a.mp4', '--process_index=2', '--process_count=2'], 'index 2 of 2'),
  ],
)
def test_wrong_lists_are_refused(tmp_path, capsys, arguments, message):
  assert predict.main([*arguments, f'--out={tmp_path / "out"}']) == 1
  assert message in capsys.readouterr().err


def test_a_job_array_gives_each_task_its_share(environment, tmp_path):
  """`python` prints its arguments in place of a prediction."""
  python = tmp_path / 'python'
  python.write_text('#!/bin/sh\necho "$@"\n')
  python.chmod(0o755)
  said = subprocess.run(
    ['bash', ROOT / 'launch' / 'predict.sbatch', '--videos=a b.txt'],
    env=environment
    | {
      'PATH': f'{tmp_path}:{environment["PATH"]}',
      # As of `--array=1-5`, of which this is the last.
      'SLURM_ARRAY_TASK_MIN': '1',
      'SLURM_ARRAY_TASK_ID': '5',
      'SLURM_ARRAY_TASK_COUNT': '5',
    },
    capture_output=True,
    text=True,
    check=True,
  ).stdout
  assert said == (
    '-m dave_jax.predict --videos=a b.txt --resume --process_index=4 '
    '--process_count=5\n'
  )


def test_an_indexed_job_has_a_pod_for_each_share():
  file = ROOT / 'launch' / 'predict_job.yaml'
  job = yaml.safe_load(file.read_text())['spec']
  (container,) = job['template']['spec']['containers']
  flags = container['command'][3:]
  assert f'--process_count={job["completions"]}' in flags
  assert '--process_index=$(JOB_COMPLETION_INDEX)' in flags
  assert job['completionMode'] == 'Indexed'
  assert job['template']['spec']['restartPolicy'] == 'Never'
  args = predict._parser().parse_args(
    [flag.replace('$(JOB_COMPLETION_INDEX)', '3') for flag in flags]
  )
  assert (args.process_index, args.list) == (3, '/shared/list.txt')


def test_videos_of_a_bucket(checkpoint, clip, tmp_path, capsys):
  out = tmp_path / 'out'
  with serving('gs'):
    fs = buckets.filesystem('gs://')
    for name in ('a.mp4', 'b.mp4', 'c.txt'):
      fs.put_file(str(clip), f'gs://runs/{name}')
    fs.pipe_file('gs://runs/list.txt', b'gs://runs/b.mp4\n')
    fs.pipe_file('gs://runs/broken.mp4', b'not a video')
    assert describe_videos({'a': 'gs://runs/a.mp4'}) == {'a': (40, (64, 96))}
    command = [f'--checkpoint={checkpoint}', '--stride=20', f'--out={out}']
    assert predict.main(['--videos=gs://runs/list.txt', *command]) == 0
    written = (out / 'b' / 'manifest.json').stat().st_mtime_ns
    command += ['--resume', '--videos=gs://runs/*.mp4']
    capsys.readouterr()
    assert predict.main(command) == 1
    said = capsys.readouterr().err
    assert '1 of 3 videos failed' in said
    assert 'gs://runs/broken.mp4: ' in said
    # What is finished is not read again.
    fs.pipe_file('gs://runs/b.mp4', b'other')
    fs.rm_file('gs://runs/broken.mp4')
    assert predict.main(command) == 0
    assert predict.main([*command, '--stride=10']) == 1
    assert 'gs://runs/b.mp4' in capsys.readouterr().err
    wrong = ['--videos=gs://runs/absent/*.mp4', f'--out={out}']
    assert predict.main(wrong) == 1
    assert 'got no match' in capsys.readouterr().err
  assert (out / 'b' / 'manifest.json').stat().st_mtime_ns == written
  manifest = json.loads((out / 'a' / 'manifest.json').read_text())
  assert manifest['source']['file'] == 'a.mp4'
  assert len(manifest['frames']) == 2
  assert not [path for path in out.rglob('*') if 'broken' in path.name]


@pytest.mark.slow
def test_a_killed_process_of_three_is_started_again(
  checkpoint, clip, environment, tmp_path
):
  """12 clips: each is predicted once, and none is left half done."""
  videos = [tmp_path / 'videos' / f'{n:02d}.mp4' for n in range(12)]
  videos[0].parent.mkdir()
  for video in videos:
    shutil.copy(clip, video)
  (tmp_path / 'list.txt').write_text('\n'.join(map(str, videos)))
  out = tmp_path / 'out'

  def start(index):
    return subprocess.Popen(
      [
        *(sys.executable, '-m', 'dave_jax.predict', f'--out={out}'),
        *(f'--videos={tmp_path / "list.txt"}', f'--checkpoint={checkpoint}'),
        *('--format=png', '--resume', '--process_count=3'),
        f'--process_index={index}',
      ],
      cwd=ROOT,
      env=environment,
      stderr=subprocess.PIPE,
      text=True,
    )

  # The first is killed once it has finished a video and begun another.
  first = start(0)
  deadline = time.monotonic() + 300
  while not (
    list(out.glob('*/manifest.json')) and list(out.glob('*/unfinished.jsonl'))
  ):
    assert first.poll() is None, first.stderr.read()
    assert time.monotonic() < deadline
    time.sleep(0.01)
  first.send_signal(signal.SIGKILL)
  first.communicate()
  finished = {p: p.stat().st_mtime_ns for p in out.glob('*/manifest.json')}
  assert 0 < len(finished) < 4

  others = [start(index) for index in range(3)]
  said = [process.communicate()[1] for process in others]
  assert [process.returncode for process in others] == [0, 0, 0], said
  # Each process did its own share, and what was finished is left alone.
  for index, text in enumerate(said):
    written = [n for n in range(12) if f'Written: {out / f"{n:02d}"}' in text]
    assert written == list(range(index, 12, 3))
  for path, changed in finished.items():
    assert path.stat().st_mtime_ns == changed
  for video in videos:
    folder = out / video.stem
    frames = json.loads((folder / 'manifest.json').read_text())['frames']
    assert [row['frame'] for row in frames] == list(range(1, 41))
    maps = {p.relative_to(folder).as_posix() for p in folder.rglob('*.png')}
    assert maps == {row['file'] for row in frames}
  assert not [p.name for p in out.rglob('*') if 'unfinished' in p.name]
  assert not [p.name for p in out.rglob('.*')]
