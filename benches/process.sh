#!/bin/sh
# Whole processes over a file of rows: tokpick against `cat FILE > /dev/null` and, where installed, NumPy and torch.
# Needs hyperfine and GNU time (Debian packages hyperfine and time).
#
# usage: benches/process.sh [ROWS [VOCAB]]     (default 1000 128256: 513 MB in the temporary directory)
# TOKPICK=PATH takes a program that is built already.
set -eu

rows=${1:-1000}
vocab=${2:-128256}
cd "$(dirname "$0")/.."

command -v hyperfine >/dev/null || { echo "hyperfine is not installed (Debian: apt install hyperfine)" >&2; exit 1; }

tokpick=${TOKPICK:-}
if [ -z "$tokpick" ]; then
    cargo build --release --bin tokpick
    target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    tokpick=$target/release/tokpick
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
file=$dir/logits.npy
"$tokpick" synth "${rows}x$vocab" --seed 1 --format npy --output "$file"
cat "$file" >/dev/null

compare() {
    name=$1
    shift
    echo
    echo "== $name"
    hyperfine --warmup 1 --runs 7 \
        -n "cat" "cat '$file' > /dev/null" \
        -n "tokpick, 1 thread" "'$tokpick' $* --threads 1 '$file' > /dev/null" \
        -n "tokpick, 2 threads" "'$tokpick' $* --threads 2 '$file' > /dev/null"
    if [ -x /usr/bin/time ]; then
        for threads in 1 2; do
            # shellcheck disable=SC2086
            /usr/bin/time -f "peak memory, $threads thread(s): %M KiB" "$tokpick" "$@" --threads $threads "$file" >/dev/null
        done
    else
        echo "peak memory: skipped, /usr/bin/time is not installed (Debian: apt install time)"
    fi
}

compare "greedy" greedy
compare "top-k 40" sample --seed 1 --top-k 40
compare "top-p 0.9" sample --seed 1 --top-p 0.9

# Other programs over the same file: greedy and a top-p 0.9 draw, row by row.
peer() {
    module=$1
    script=$2
    echo
    if ! python3 -c "import $module" 2>/dev/null; then
        echo "== $module: skipped, python3 cannot import it"
        return
    fi
    for strategy in greedy top-p; do
        hyperfine --warmup 1 --runs 3 -n "$module, $strategy" "python3 '$script' '$file' $strategy > /dev/null"
    done
}

cat >"$dir/numpy_peer.py" <<'PY'
import sys
import numpy as np

rows, rng = np.load(sys.argv[1], mmap_mode="r"), np.random.default_rng(1)
for row in rows.reshape(-1, rows.shape[-1]):
    if sys.argv[2] == "greedy":
        print(row.argmax())
        continue
    order = np.argsort(-row)
    p = np.exp(row[order] - row[order[0]])
    p /= p.sum()
    keep = np.cumsum(p) - p < 0.9
    print(rng.choice(order[keep], p=p[keep] / p[keep].sum(dtype=np.float64)))
PY
cat >"$dir/torch_peer.py" <<'PY'
import sys
import numpy as np
import torch

rows = np.load(sys.argv[1], mmap_mode="c")
torch.manual_seed(1)
for row in torch.from_numpy(rows.reshape(-1, rows.shape[-1])):
    if sys.argv[2] == "greedy":
        print(row.argmax().item())
        continue
    values, order = row.sort(descending=True)
    p = values.softmax(-1)
    p[p.cumsum(-1) - p >= 0.9] = 0
    print(order[p.multinomial(1)].item())
PY
peer numpy "$dir/numpy_peer.py"
peer torch "$dir/torch_peer.py"
