#!/usr/bin/env bash
# Trains with several processes on this machine, to try a distributed run:
#
#   PROCESSES=2 launch/local.sh --config=configs/davos.py --workdir=runs/davos
#
# All arguments go to dave_jax.main; the batch size must be divisible by the
# number of devices of all processes. SIGTERM and Control-C reach every process.
# When one fails, the others are stopped.
set -euo pipefail

processes=${PROCESSES:-2}
port=${PORT:-$(python -c 'import socket; s = socket.socket(); s.bind(("", 0))
print(s.getsockname()[1])')}

children=()
for ((process = 0; process < processes; process++)); do
  python -m dave_jax.main "$@" --distributed --coordinator="localhost:$port" \
    --processes="$processes" --process="$process" &
  children+=($!)
done
stopping=0
stop() { kill -TERM "${children[@]}" 2>/dev/null || true; }
trap 'stopping=1; stop' TERM INT

status=0
while [[ -n $(jobs -rp) ]]; do
  code=0
  wait -n || code=$?
  # A signal interrupts `wait`; it was passed on to the processes.
  if ((stopping && (code == 130 || code == 143))); then
    continue
  fi
  if ((code != 0 && status == 0)); then
    status=$code
    stop
  fi
done
exit "$status"
