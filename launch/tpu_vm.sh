#!/usr/bin/env bash
# Trains on every host of a Cloud TPU slice:
#
#   TPU=NAME ZONE=us-central2-b launch/tpu_vm.sh \
#     --config=configs/davos.py --workdir=/mnt/shared/davos
#
# Needs gcloud, and this repository with its environment in ~/dave-jax on all
# hosts (launch/README.md says how), and a disk that all of them have mounted.
# Processes find each other by themselves.
set -euo pipefail

: "${TPU:?name of the TPU slice}"
: "${ZONE:?its zone}"

arguments=$(printf ' %q' "$@")
exec gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all \
  --command="cd ~/dave-jax && . .venv/bin/activate && python -m dave_jax.main$arguments --distributed"
