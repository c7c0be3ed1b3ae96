"""The accelerator benchmark, at a tiny size on a CPU."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import accelerator, accelerator_bench
from benchmarks.accelerator_steps import discs
from benchmarks.golden import load_golden

TINY = ('--size=32x64', '--batch=1', '--depth=10', '--width=2')


def _rows(tmp_path, *flags):
  path = tmp_path / 'out.json'
  accelerator.main([f'--out={path}', *TINY, *flags])
  return json.loads(path.read_text())['rows']


@pytest.mark.slow
@pytest.mark.usefixtures('quick_to_compile')
def test_measures_every_section(tmp_path, capsys):
  """All but PyTorch and goldens, which have tests of their own."""
  sections = 'matmul,forward,gradient,routed,streaming,training'
  flags = ('--minutes=9', '--matmul=64', '--steps=2')
  rows = _rows(tmp_path, f'--sections={sections}', *flags)
  table = [line for line in capsys.readouterr().out.splitlines() if '|' in line]
  assert len(table) == len(rows) + 2
  assert {row['section'] for row in rows} == {
    *('matrix product', 'forward', 'forward + backward', 'training step'),
    *('streaming', 'short training'),
  }
  for row in rows:
    assert row['ms'] > 0, row
    assert 'failed' not in row.get('note', '')
  forward = next(row for row in rows if row['section'] == 'forward')
  # Operations of a pass, its time and the rate of matrix products agree.
  rate = next(row for row in rows if row['precision'] == forward['precision'])
  assert forward['tflops'] > 0
  assert forward['share_of_matmul'] == pytest.approx(
    forward['tflops'] / rate['tflops']
  )


def test_skips_what_there_is_no_time_for(tmp_path):
  rows = _rows(tmp_path, '--minutes=0', '--sections=forward,routed,streaming')
  assert len(rows) >= 6
  assert all('ms' not in row for row in rows)
  # Streaming compiles nothing large, so it only looks at the time on a GPU.
  assert all(
    row['note'].startswith('skipped')
    for row in rows
    if row['section'] != 'streaming'
  )


def test_failed_measurement_does_not_end_the_others(tmp_path, monkeypatch):
  monkeypatch.setitem(
    accelerator.PRECISIONS, 'bfloat16', (jnp.bfloat16, 'unknown')
  )
  monkeypatch.setattr(accelerator, 'FAST', ('bfloat16',))
  rows = _rows(tmp_path, '--minutes=1', '--sections=forward,gradient')
  assert [row['note'].partition(':')[0] for row in rows] == ['failed', 'failed']


@pytest.mark.slow
def test_pytorch_prints_a_row_for_each_measurement(monkeypatch, capsys):
  pytest.importorskip('torch', reason='PyTorch is not installed')
  from benchmarks import accelerator_torch

  monkeypatch.setattr(
    'sys.argv', ['x', '--batch=2', '--size=32x32', '--width=2', '--seconds=20']
  )
  accelerator_torch.main()
  rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert {row['section'] for row in rows} == {'forward', 'forward + backward'}
  assert rows[0]['ms'] > 0
  for row in rows[1:]:
    assert 'ms' in row or row['note'].startswith('skipped'), row


@pytest.mark.slow
@pytest.mark.usefixtures('quick_to_compile')
def test_agrees_with_the_golden(tmp_path, goldens, monkeypatch):
  monkeypatch.setattr(
    accelerator, 'PRECISIONS', {'highest': (jnp.float32, 'highest')}
  )
  (row,) = _rows(
    tmp_path,
    '--sections=golden',
    '--minutes=9',
    f'--golden={goldens / "dave_forward.npz"}',
    '--golden_size=64x96',
  )
  assert row['max_error'] < 1e-4


def test_compares_with_the_best_of_pytorch():
  def row(name, ms, precision='default'):
    return {'section': 's', 'name': name, 'ms': ms, 'precision': precision}

  rows = [row('ours', 2.0), row('PyTorch, a', 5.0), row('PyTorch, b', 3.0)]
  rows += [row('PyTorch, c', 1.0, 'bfloat16'), {'section': 's', 'name': '-'}]
  (line,) = accelerator_bench.comparison(rows)
  assert line.endswith('2.00 ms, 1.50 times as fast as PyTorch, b')


def test_golden_inputs_are_those_of_the_reference(goldens, reference):
  case = load_golden(goldens / 'dave_forward.npz', (64, 96))
  video, audio = reference.reference_inputs(64, 96)
  np.testing.assert_array_equal(case.video, video.transpose(0, 2, 3, 4, 1))
  np.testing.assert_array_equal(case.audio, audio[:, 0])
  assert case.saliency.shape == (1, 8, 12)


def test_discs_are_looked_at_where_they_sound():
  """The colour at the density's peak is that of the band with more energy."""
  batch = discs(np.random.default_rng(0), 6, (64, 64))
  for i in range(6):
    y, x = np.unravel_index(batch['density'][i].argmax(), (8, 8))
    red, green, _ = batch['frames'][i, 0, 8 * y + 4, 8 * x + 4].astype(int)
    low, high = (batch['log_mel'][i][:, s].mean() for s in ((5, 15), (42, 50)))
    assert (red > green) == (low > high)
    np.testing.assert_allclose(batch['density'][i].sum(), 1, rtol=1e-5)
