#!/usr/bin/env bash
# A command in N parts at once, with GNU parallel; what they write is put together in order.
# usage: parallel.sh N COMMAND INPUT [FLAG…]
set -euo pipefail
parts=$1
shift
# --keep-order: the parts' outputs come in the order of the parts, whichever is done first; a part that fails is tried again
exec parallel --quote --keep-order --halt soon,fail=1 --retries 3 \
  "${TOKPICK:-tokpick}" "$@" --shard "{}/$parts" --threads 1 ::: $(seq "$parts")
