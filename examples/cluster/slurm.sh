#!/usr/bin/env bash
# A command as a Slurm array of N tasks, and a job behind it that puts their outputs together.
# usage: slurm.sh [--dry-run] N COMMAND INPUT [FLAG…]
set -euo pipefail

if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
  # a task of the array: its part, whole or not at all
  exec "${TOKPICK:-tokpick}" "$@" --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
    --output "part-$SLURM_ARRAY_TASK_ID-of-$SLURM_ARRAY_TASK_COUNT"
fi

dry=
if [ "$1" = --dry-run ]; then
  dry=1
  shift
fi
parts=$1
shift
array=(sbatch --parsable --requeue --array="1-$parts" --cpus-per-task=1 "$0" "$@")
gather="for i in \$(seq $parts); do cat part-\$i-of-$parts; done > all"
if [ -n "$dry" ]; then
  printf 'would run: '
  printf '%q ' "${array[@]}"
  printf '\nthen: sbatch --dependency=afterok:JOB --wrap %q\n' "$gather"
  # one task, as Slurm would start it
  SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=$parts "$0" "$@"
  echo "task 1 wrote part-1-of-$parts"
  exit
fi
job=$("${array[@]}")
sbatch --dependency=afterok:"$job" --wrap "$gather"
