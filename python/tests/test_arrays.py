"""Arrays of JAX and MLX; skipped where they are not installed."""

import numpy as np
import pytest
import tokpick
from tokpick import _tokpick

LOGITS = np.random.default_rng(3).normal(0, 3, (3, 4, 50)).astype(np.float32)


def is_read_where_it_lies(array, same):
    assert _tokpick.look(array)[2]
    assert np.array_equal(tokpick.sample(array, seed=3), tokpick.sample(same, seed=3))
    assert np.array_equal(tokpick.probs(array, "top-p=0.9"), tokpick.probs(same, "top-p=0.9"))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_jax(dtype):
    jnp = pytest.importorskip("jax.numpy")
    array = jnp.asarray(LOGITS).astype(dtype)
    is_read_where_it_lies(array, np.asarray(array).astype(np.float32))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_mlx(dtype):
    mx = pytest.importorskip("mlx.core")
    array = mx.array(LOGITS).astype(getattr(mx, dtype))
    is_read_where_it_lies(array, np.array(array.astype(mx.float32)))
