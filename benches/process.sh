#!/bin/sh
# Whole processes: tokpick over a file of rows against `cat FILE > /dev/null`; over the same rows as f16 and from a pipe; over one row
# of JSON and a tiny file. Other programs over the same rows: benches/peers/others.py.
# Needs hyperfine and GNU time (Debian packages hyperfine and time), for the f16 file python3.
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

# Peak memory of one run.
peak() {
    if [ -x /usr/bin/time ]; then
        name=$1
        shift
        /usr/bin/time -f "peak memory, $name: %M KiB" "$tokpick" "$@" >/dev/null
    else
        echo "peak memory: skipped, /usr/bin/time is not installed (Debian: apt install time)"
    fi
}

# A strategy over a file, with one thread and with two; `cat` reads the same bytes.
compare() {
    name=$1
    input=$2
    shift 2
    echo
    echo "== $name"
    hyperfine --warmup 1 --runs 7 \
        -n "cat" "cat '$input' > /dev/null" \
        -n "tokpick, 1 thread" "'$tokpick' $* --threads 1 '$input' > /dev/null" \
        -n "tokpick, 2 threads" "'$tokpick' $* --threads 2 '$input' > /dev/null"
    for threads in 1 2; do
        peak "$threads thread(s)" "$@" --threads "$threads" "$input"
    done
}

compare "greedy" "$file" greedy
compare "top-k 40" "$file" sample --seed 1 --top-k 40
compare "top-p 0.9" "$file" sample --seed 1 --top-p 0.9

echo
echo "== from a pipe"
hyperfine --warmup 1 --runs 7 \
    -n "cat | cat" "cat '$file' | cat > /dev/null" \
    -n "cat | tokpick greedy" "cat '$file' | '$tokpick' greedy --threads 1 > /dev/null" \
    -n "cat | tokpick, top-p 0.9" "cat '$file' | '$tokpick' sample --seed 1 --top-p 0.9 --threads 1 > /dev/null"

# The same rows as f16: the header is the same but for the dtype.
if command -v python3 >/dev/null; then
    python3 - "$file" "$dir/f16.npy" "$vocab" <<'PY'
import struct, sys
source, to, vocab = open(sys.argv[1], "rb"), open(sys.argv[2], "wb"), int(sys.argv[3])
start = source.read(10)
header = source.read(int.from_bytes(start[8:], "little"))
to.write(start + header.replace(b"<f4", b"<f2"))
while row := source.read(4 * vocab):
    to.write(struct.pack(f"<{vocab}e", *struct.unpack(f"<{vocab}f", row)))
PY
    compare "f16, greedy" "$dir/f16.npy" greedy
    compare "f16, top-k 40" "$dir/f16.npy" sample --seed 1 --top-k 40
else
    echo "== f16: skipped, python3 is not installed"
fi

echo
echo "== one row of JSON, and a tiny file"
"$tokpick" synth "1x$vocab" --seed 1 --dist normal --scale 3 --format json --output "$dir/row.json"
"$tokpick" synth 2x8 --seed 1 --format npy --output "$dir/tiny.npy"
"$tokpick" synth 2x8 --seed 1 --format json --output "$dir/tiny.json"
wc -c "$dir/row.json" "$dir/tiny.npy" "$dir/tiny.json" | sed '$d'
hyperfine --shell=none --warmup 5 --runs 50 \
    -n "true" "$(command -v true)" \
    -n "row of JSON" "'$tokpick' greedy '$dir/row.json'" \
    -n "tiny NPY" "'$tokpick' greedy '$dir/tiny.npy'" \
    -n "tiny JSON" "'$tokpick' greedy '$dir/tiny.json'"
for name in row.json tiny.npy tiny.json; do
    peak "$name" greedy "$dir/$name"
done
