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
    if file.is_file() and file.stat().st_size < 4000 and file.suffix not in (".md", ".py"):
        read.append(file.read_bytes())


def kld(tokens, vocab, chunks):
    """llama-perplexity's file: its head, the tokens, for each scored one a row of 16 bits with a scale and the smallest logit."""
    head = struct.pack("<8s3i", b"_logits_", tokens, vocab, chunks) + struct.pack(f"<{tokens * chunks}i", *(n % vocab for n in range(tokens * chunks)))
    row = struct.pack("<2f", 0.001, -9.0) + struct.pack(f"<{(vocab + 1) // 2 * 2}H", *(65535 // (n + 1) for n in range((vocab + 1) // 2 * 2)))
    return head + row * (chunks * (tokens - 1 - tokens // 2))


# answers of servers that are not among the fixtures
both = [{"token": "a", "bytes": [97], "logprob": -0.5}, {"token": "b", "bytes": [98], "logprob": -1.0}]
chat = {"content": [{**both[0], "top_logprobs": both}, {**both[1], "top_logprobs": both}]}
answers = [
    {"object": "chat.completion", "choices": [{"index": 0, "message": {"content": "ab"}, "logprobs": chat, "finish_reason": "stop"}], "usage": {"completion_tokens": 2}},
    {"object": "response", "output": [{"type": "message", "content": [{"type": "output_text", "text": "ab", "logprobs": chat["content"]}]}]},
    {"choices": [{"text": "ab", "token_ids": [0, 1], "logprobs": {"tokens": ["token_id:0", "token_id:1"], "token_logprobs": [-0.5, -1.0], "top_logprobs": [{"token_id:0": -0.5}, {"token_id:1": -1.0}], "text_offset": [0, 1]}, "prompt_logprobs": [None, {"1": {"logprob": -1.5, "rank": 2, "decoded_token": "b"}}]}]},
    {"text": "ab", "output_ids": [0, 1], "meta_info": {"id": "x", "output_token_logprobs": [[-0.5, 0, "a"], [-1.0, 1, None]], "output_top_logprobs": [[[-0.5, 0, "a"]], [[-1.0, 1, "b"]]], "input_token_logprobs": [[None, 3, None]]}},
    {"model": "m", "response": "ab", "done": True, "done_reason": "stop", "logprobs": [{**both[0], "top_logprobs": both}], "eval_count": 2},
    {"generated_text": "ab", "details": {"finish_reason": "length", "seed": 7, "tokens": [{"id": 0, "text": "a", "logprob": -0.5, "special": False}], "top_tokens": [[{"id": 0, "text": "a", "logprob": -0.5}]], "prefill": []}},
    {"candidates": [{"content": {"parts": [{"text": "ab"}]}, "finishReason": "STOP", "logprobsResult": {"chosenCandidates": [{"token": "a", "tokenId": 0, "logProbability": -0.5}], "topCandidates": [{"candidates": [{"token": "a", "tokenId": 0, "logProbability": -0.5}]}]}}]},
]
answers = [json.dumps(answer).encode() for answer in answers]
batch = [json.dumps({"custom_id": "1", "response": {"status_code": 200, "body": json.loads(answers[0])}, "error": None}).encode()]
events = b"".join(b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": t["token"]}, "logprobs": {"content": [{**t, "top_logprobs": both}]}}]}).encode() + b"\n\n" for t in both)
read += answers + batch + [events + b"data: [DONE]\n\n", kld(6, 3, 1), kld(5, 4, 2)]
write("read", [b"\0\0" + data for data in read] + [bytes([a, b]) + floats for a, b in ((0, 160), (96, 160), (1, 192), (2, 224))])

chains = ["temperature=0.8,top_k=40", "xtc(probability=0.5,threshold=0.1)", '[{"top_p":{"value":0.9,"min_tokens_to_keep":2}}]', "top_p=", "(", "dry(multiplier=0.8,base=1.75)", '[{"logit_bias":[[1,2.5]]}]', "typical_p=0.9,min_p=1e-300"]
config = '{"do_sample":true,"eos_token_id":[0,1],"repetition_penalty":1.05,"temperature":0.7,"top_p":0.8,"top_k":20,"num_beams":4,"bad_words_ids":[[1],[2,3]],"early_stopping":"never"}'
params = '{"n":2,"temperature":0.5,"min_p":0.1,"stop_token_ids":[1],"logit_bias":{"3":-100},"seed":7,"max_tokens":5}'
claims = '{"config":{"seed":42},"samples":[{"prompt_token_ids":[1,2],"outputs":[{"token_ids":[3,4]}]}]}'
choice = '{"seed":1,"choices":[{"token_ids":[1,2]}],"usage":{"prompt_tokens":3}}'
text = [b"\0" + v for v in (b'["a","b"]', b'{"a":0,"b":1}', b"a\nb\n", b'{"\xf0\x9f\x8c\x8d":3}', b'["\\ud83d"]')]
text += [b"\1" + config.encode(), b"\2" + params.encode(), b"\4hf", b"\4temperature,top_k", b"\5" + claims.encode(), b"\5" + choice.encode()]
text += [b"\3" + c.encode() for c in chains] + [b"\7" + c.encode() for c in chains]
masks = [[[7, 3], [5]], {"sampling_mask": {"token_ids": [7, 3, 5], "offsets": [0, 2, 3]}}, {"indices": [1, 2], "counts": [1, 1]}, {"indices": [1], "indptr": [0, 1], "first_step": 2}]
claimed = [{"response_ids": [5, 5, 2], "old_log_probs": [-0.5, -0.25, None], "response_mask": [1, 1, 0]}, {"sequences": [{"ids": [1], "logprobs": [-1]}]}, {"prompt_ids": [1], "token_ids": [2], "rollout_log_probs": [-0.5]}]
settings = ["temperature=0.7,top-p=0.9", "beam=4,length-penalty=0.5", "greedy", "exact,early-stopping=never", "sample,min-p=0.1", '[{"temperature":2}]']
spelled = [["Ã", "©", "Ġa", "b", "ab"], {"<0xE2>": 0, "▁a": 1, "<0x82>": 2}, ["##a", "b", "</w>"], ["ÿ", "a\n", "Ċ"]]
text += [b"\x08" + json.dumps(m).encode() for m in masks] + [b"\x09" + json.dumps(c).encode() for c in claimed] + [b"\x09" + a for a in answers]
text += [b"\x0a" + c.encode() for c in settings] + [b"\x0b" + json.dumps(v, ensure_ascii=False).encode() for v in spelled] + [b"\5" + a for a in answers + batch + [events]]
beam = {"ids": [], "sum": 0.0, "logprobs": [], "scores": []}
next_beam = {"ids": [3], "sum": -0.5, "logprobs": [-0.5], "scores": [-0.5]}
considered = {"parent": 0, "id": 3, "score": -0.5, "sum": -0.5, "key": -0.5, "bank": 0, "fate": "live"}
step = {"event": "beams", "sequence": 0, "group": 0}
traces = [[{**step, "step": 0, "live": [beam], "considered": [considered, {**considered, "id": 4, "fate": "pruned"}]}, {"event": "row"}, {**step, "step": 1, "live": [next_beam], "considered": [{**considered, "fate": {"finished": -1.0}}]}]]
text += [b"\x0c" + b"\n".join(json.dumps(event).encode() for event in trace) for trace in traces]
text += [b"\6" + f.read_bytes() for f in sorted((root / "fixtures/records").glob("*.json"))]
write("text", text)

for target, n in (("decode", 120), ("replay", 120), ("differential", 60), ("command", 40)):
    write(target, [random.randbytes(random.randrange(20, 200)) for _ in range(n)])
