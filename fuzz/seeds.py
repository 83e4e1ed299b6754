#!/usr/bin/env python3
"""Writes the first inputs of every fuzz target: fuzz/seeds.py FOLDER. Their order is fixed, and so are they."""
import json
import pathlib
import random
import struct
import sys

root = pathlib.Path(__file__).resolve().parent.parent
to = pathlib.Path(sys.argv[1])
random.seed(1)


def write(target, inputs):
    folder = to / target
    folder.mkdir(parents=True, exist_ok=True)
    for n, data in enumerate(inputs):
        (folder / f"seed-{n:03}").write_bytes(data)


def npy(descr, shape, body, fortran=False, version=1):
    text = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    head = text.ljust(117 if version == 1 else 115) + "\n"
    size = struct.pack("<H", len(head)) if version == 1 else struct.pack("<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + size + head.encode() + body


floats = struct.pack("<6f", 1, 2, 3, 0.5, -1, 2.5)
read = [npy("<f4", "(2, 3)", floats), npy("<f4", "(3, 2)", floats, True), npy("<f4", "(1, 2, 3)", floats, version=2)]
read += [npy(">f8", "(2,)", struct.pack(">2d", 1, 2)), npy("|i1", "(2, 2)", b"\1\2\3\4"), npy("<V2", "(3,)", b"\x80\x3f\x00\x40\x40\x40")]
read += [b"[[1,2],[3,4]]", b"[1,2]\n[2,1]\n", b'{"logits":[1,NaN,-Infinity],"vocab":["a","b","c"]}', b'{"probs":[0.5,0.5]}\n']
read += [b'{"prefix":[],"logits":[1,2]}\n{"prefix":[1],"logits":[2,1]}\n', b'{"ids":[0,5],"logprobs":[-0.1,-3]}\n', b"[[[1,2]],[[3,null]]]"]
read += [b"\xef\xbb\xbf[1,2]", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\3\4", b"\x80\x02}", b"PAR1", b"ARROW1", floats]
for file in sorted((root / "fixtures").rglob("*")):
    if file.is_file() and file.stat().st_size < 2500 and file.suffix not in (".md", ".py"):
        read.append(file.read_bytes())
write("read", [b"\0\0" + data for data in read] + [bytes([a, b]) + floats for a, b in ((0, 160), (96, 160), (1, 192), (2, 224))])

chains = ["temperature=0.8,top_k=40", "xtc(probability=0.5,threshold=0.1)", '[{"top_p":{"value":0.9,"min_tokens_to_keep":2}}]', "top_p=", "(", "dry(multiplier=0.8,base=1.75)", '[{"logit_bias":[[1,2.5]]}]', "typical_p=0.9,min_p=1e-300"]
config = '{"do_sample":true,"eos_token_id":[0,1],"repetition_penalty":1.05,"temperature":0.7,"top_p":0.8,"top_k":20,"num_beams":4,"bad_words_ids":[[1],[2,3]],"early_stopping":"never"}'
params = '{"n":2,"temperature":0.5,"min_p":0.1,"stop_token_ids":[1],"logit_bias":{"3":-100},"seed":7,"max_tokens":5}'
claims = '{"config":{"seed":42},"samples":[{"prompt_token_ids":[1,2],"outputs":[{"token_ids":[3,4]}]}]}'
choice = '{"seed":1,"choices":[{"token_ids":[1,2]}],"usage":{"prompt_tokens":3}}'
text = [b"\0" + v for v in (b'["a","b"]', b'{"a":0,"b":1}', b"a\nb\n", b'{"\xf0\x9f\x8c\x8d":3}', b'["\\ud83d"]')]
text += [b"\1" + config.encode(), b"\2" + params.encode(), b"\4hf", b"\4temperature,top_k", b"\5" + claims.encode(), b"\5" + choice.encode()]
text += [b"\3" + c.encode() for c in chains] + [b"\7" + c.encode() for c in chains]
text += [b"\6" + f.read_bytes() for f in sorted((root / "fixtures/records").glob("*.json"))]
write("text", text)

for target, n in (("decode", 120), ("replay", 120), ("differential", 60), ("command", 40)):
    write(target, [random.randbytes(random.randrange(20, 200)) for _ in range(n)])
