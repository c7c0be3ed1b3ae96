"""Runs `evaluate` on a small data set and reads what it scored."""

import json

from dave_jax import evaluate


def run_evaluate(watched_dir, out, *arguments, dataset='made/videos'):
  return evaluate.main(
    [
      f'--dataset={dataset}',
      '--split=test',
      f'--data_dir={watched_dir}',
      f'--out={out}',
      '--size=40x60',
      '--negatives=2',
      '--splits=5',
      *arguments,
    ]
  )


def read_metrics(out):
  return json.loads((out / 'metrics.json').read_text())
