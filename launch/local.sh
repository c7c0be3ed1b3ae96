#!/usr/bin/env bash
# Trains with several processes on this machine:
#
#   PROCESSES=2 launch/local.sh --config=configs/davos.py --workdir=runs/davos
#
# All arguments go to dave_jax.main. SIGTERM and Control-C reach every process;
# when one fails the others are ended.
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
asked=0
stop() { kill -TERM "${children[@]}" 2>/dev/null || true; }
trap 'asked=1; stop' TERM INT

status=0
while [[ -n $(jobs -rp) ]]; do
  code=0
  wait -n || code=$?
  # A signal ends the waiting, and went on to the processes.
  if ((asked && (code == 130 || code == 143))); then
    continue
  fi
  if ((code != 0 && status == 0)); then
    status=$code
    stop
  fi
done
exit "$status"
