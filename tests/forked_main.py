"""Runs `main` with several command lines, forked from one process.

  python -m tests.forked_main FOLDER < CASES

Importing JAX takes seconds, which the forked processes share. CASES is a JSON
list of lists of arguments. Case N runs in FOLDER/N/workplace; FOLDER/N/end.json
holds its exit status and FOLDER/N/log what it printed.
"""

import json
import os
import pathlib
import sys

from dave_jax import main
from tests.runs import ROOT


def _run(arguments, folder):
  workplace = folder / 'workplace'
  workplace.mkdir(parents=True)
  (workplace / 'configs').symlink_to(ROOT / 'configs')
  child = os.fork()
  if not child:
    log = (folder / 'log').open('w')
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    os.chdir(workplace)
    sys.argv = ['main', *arguments]
    main.run()
  _, status = os.waitpid(child, 0)
  code = os.waitstatus_to_exitcode(status)
  (folder / 'end.json').write_text(json.dumps(code))


if __name__ == '__main__':
  for number, case in enumerate(json.load(sys.stdin)):
    _run(case, pathlib.Path(sys.argv[1]) / str(number))
