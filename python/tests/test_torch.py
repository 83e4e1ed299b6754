"""Tensors of torch, and the processor for transformers; skipped where there is no torch."""

import numpy as np
import pytest
import tokpick
from tokpick import _tokpick

torch = pytest.importorskip("torch")


def logits(*shape):
    torch.manual_seed(3)
    return torch.randn(*shape) * 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_are_read_where_they_lie(dtype):
    tensor = logits(2, 3, 40).to(getattr(torch, dtype))
    same = tensor.to(torch.float32).numpy()
    for one, other in [(tensor, same), (tensor.transpose(0, 1), same.swapaxes(0, 1)), (tensor[1, :, ::2], same[1, :, ::2])]:
        assert _tokpick.look(one)[2]
        assert np.array_equal(tokpick.sample(one, seed=4), tokpick.sample(other, seed=4))


def test_what_generate_returns():
    steps = tuple(logits(5, 2, 40))
    found = tokpick.sample(steps, layout="tbv", seed=4)
    assert np.array_equal(found, tokpick.sample(torch.stack(steps).numpy(), layout="tbv", seed=4))


def test_a_tensor_with_a_gradient_says_what_to_do():
    with pytest.raises((RuntimeError, BufferError), match="detach"):
        tokpick.greedy(logits(2, 5).requires_grad_())


def test_the_processor_leaves_what_probs_tells():
    from tokpick.transformers import processor

    scores, ids = logits(2, 30), torch.tensor([[3, 4, 3], [7, 7, 8]])
    for chain, settings in [("min-p=0.1", {}), (None, {"repetition_penalty": 1.3, "top_k": 5}), ("dry=0.8,top-k=9", {})]:
        one = processor(chain, **settings)
        assert one(ids[:, :2], scores).shape == scores.shape and one.prompt_length == 2
        left = one(ids, scores)
        for at in range(2):
            history = {"prompt_ids": ids[at, :2].tolist(), "prefix_ids": ids[at, 2:].tolist()}
            expected = tokpick.probs(scores[at].numpy(), chain, **history, **settings)
            assert np.allclose(left[at].exp().numpy(), expected, rtol=1e-5, atol=0)
            assert np.array_equal(left[at].numpy() > -np.inf, expected > 0)


def test_coins_differ_from_step_to_step():
    from tokpick.transformers import processor

    one = processor("xtc(probability=0.5,threshold=0.05)", seed=5)
    scores, ids = logits(1, 12), torch.zeros((1, 40), dtype=torch.int64)
    kept = [int((one(ids[:, :length], scores) > -np.inf).sum()) for length in range(1, 41)]
    assert len(set(kept)) == 2 and processor("xtc(probability=0.5,threshold=0.05)", seed=5)(ids[:, :1], scores).shape == (1, 12)


def test_tensors_without_memory_are_refused():
    with pytest.raises((RuntimeError, BufferError, ValueError, NotImplementedError)):
        tokpick.greedy(logits(2, 5).to("meta"))


def test_generate_draws_from_what_the_processor_leaves():
    transformers = pytest.importorskip("transformers")
    from tokpick.transformers import processor

    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=64, n_positions=32, n_embd=16, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=63)
    model = transformers.GPT2LMHeadModel(config).eval()
    prompts = torch.tensor([[5, 6, 7], [8, 9, 10]])
    settings = {"attention_mask": torch.ones_like(prompts), "do_sample": True, "max_new_tokens": 8, "pad_token_id": 62}
    torch.manual_seed(1)
    own = model.generate(prompts, top_k=5, **settings)
    torch.manual_seed(1)
    ours = model.generate(prompts, top_k=0, logits_processor=[processor("top-k=5")], **settings)
    assert torch.equal(own, ours)
    # what it returns is decoded as it comes
    result = model.generate(prompts, output_logits=True, return_dict_in_generate=True, **settings)
    ids = tokpick.sample(result.logits, layout="tbv", temperature=0.7, seed=3)
    assert np.array_equal(ids, tokpick.sample(torch.stack(result.logits), layout="tbv", temperature=0.7, seed=3))
