#!/usr/bin/env bash
# Trains on all hosts of a Cloud TPU slice, here a v5e 4x4 slice of 16 chips:
#
#   TPU=dave ZONE=us-west4-a launch/tpu_vm.sh \
#     --config=configs/davos.py --workdir=/mnt/shared/runs/davos \
#     --config.train.batch_size=16 --config.evaluation.batch_size=16 \
#     --config.optimizer.learning_rate=1.26e-3 \
#     --config.data.data_dir=/mnt/shared/data \
#     --config.start.video_encoder=/mnt/shared/weights/kinetics \
#     --config.start.audio_encoder=/mnt/shared/runs/speech_commands/best
#
# The paper's batch of 10 does not divide by 16 chips; the learning rate grows
# with the square root of the batch size, as suits Adam. launch/README.md says how
# to create the slice, install this repository in ~/dave-jax on all hosts, and
# mount the disk. The processes find each other without further flags.
set -euo pipefail

: "${TPU:?name of the TPU slice}"
: "${ZONE:?zone of the TPU slice}"

arguments=$(printf ' %q' "$@")
exec gcloud compute tpus tpu-vm ssh "$TPU" --zone="$ZONE" --worker=all \
  --command="cd ~/dave-jax && . .venv/bin/activate && python -m dave_jax.main$arguments --distributed"
