//! What no sampler can beat by much: a row's sum, and its softmax normaliser, one thread.

use tokpick::kernel::simd;

/// Limit (a): the sum of the floats.
#[allow(dead_code, reason = "not every bench takes both")]
pub fn sum(row: &[f32]) -> f32 {
    arch_run(
        #[inline(always)]
        || {
            let mut lanes = [0.0f32; 128];
            let (chunks, rest) = row.as_chunks::<128>();
            for c in chunks {
                for i in 0..128 {
                    lanes[i] += c[i];
                }
            }
            lanes.iter().chain(rest).sum()
        },
    )
}

/// Limit (b): maximum and Σ exp(x − max) in `f32`.
#[allow(dead_code, reason = "not every bench takes both")]
pub fn softmax(row: &[f32]) -> f32 {
    arch_run(
        #[inline(always)]
        || {
            let mut lanes = [f32::NEG_INFINITY; 128];
            let (chunks, rest) = row.as_chunks::<128>();
            for c in chunks {
                for i in 0..128 {
                    lanes[i] = if c[i] > lanes[i] { c[i] } else { lanes[i] };
                }
            }
            let max = lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |m, &x| m.max(x));
            let mut lanes = [0.0f32; 64];
            let (chunks, rest) = row.as_chunks::<64>();
            for c in chunks {
                for i in 0..64 {
                    lanes[i] += quick_exp(c[i] - max);
                }
            }
            lanes.iter().sum::<f32>() + rest.iter().map(|&x| quick_exp(x - max)).sum::<f32>()
        },
    )
}

/// e^x for x ≤ 0 with as few operations as `f32` allows.
#[inline(always)]
fn quick_exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0 + 127.0;
    let x = if x > -87.0 { x } else { -87.0 };
    let t = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = t - ROUND;
    let r = n.mul_add(-std::f32::consts::LN_2, x);
    let p = 0.008_289_36f32.mul_add(r, 0.041_898_176);
    let p = p.mul_add(r, 0.166_676_52);
    let p = p.mul_add(r, 0.499_991_48);
    let p = p.mul_add(r, 0.999_999_7);
    let p = p.mul_add(r, 1.0);
    p * f32::from_bits(t.to_bits() << 23)
}

#[inline(always)]
fn arch_run<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if simd() == "v4"
            && let Some(v4) = pulp::x86::V4::try_new()
        {
            return v4.vectorize(f);
        }
        if simd() != "v1"
            && let Some(v3) = pulp::x86::V3::try_new()
        {
            return v3.vectorize(f);
        }
    }
    f()
}
