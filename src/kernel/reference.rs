//! What the fast functions compute, said plainly; tests hold them to it to the bit.

use super::exp32::COEFFICIENTS;
use super::{BLOCK, Band, LANES, Scan, Slice, Weigh};

fn id(set: Slice, i: usize) -> usize {
    set.ids.map_or(i, |ids| ids[i] as usize)
}

/// 2^(d · s) = 2^n · 2^f with n the integer nearest to d · s.
fn weight(w: Weigh, x: f32) -> f32 {
    let (d, s) = (x - w.max, (w.scale * std::f32::consts::LOG2_E).min(f32::MAX));
    let n = (f64::from(d) * f64::from(s)).round_ties_even();
    if n < -125.0 {
        return 0.0;
    }
    let f = d.mul_add(s, -n as f32);
    let p = COEFFICIENTS.into_iter().fold(0.0f32, |p, c| p.mul_add(f, c));
    (f64::from(p) * n.exp2()) as f32
}

fn members(set: Slice, band: Band) -> Vec<(usize, f32)> {
    let inside = |x: f32| band.lo <= x && x <= band.hi && x != f32::NEG_INFINITY;
    let all = (0..set.values.len()).map(|i| (id(set, i), set.values[i]));
    all.filter(|&(_, x)| inside(x)).collect()
}

pub fn scan(values: &[f32]) -> Scan {
    let mut s = Scan { max: f32::NEG_INFINITY, at: 0, bad: None };
    for (i, &x) in values.iter().enumerate() {
        if x.is_nan() || x == f32::INFINITY {
            s.bad = s.bad.or(Some(i));
        } else if x > s.max {
            s = Scan { max: x, at: i, ..s };
        }
    }
    s
}

/// Block sums of `term` in the prescribed order.
fn sums(set: Slice, band: Band, term: impl Fn(f32) -> f64) -> Vec<f64> {
    let Some(last) = set.values.len().checked_sub(1) else {
        return Vec::new();
    };
    let mut lanes = vec![[0.0; LANES]; id(set, last) / BLOCK + 1];
    for (id, x) in members(set, band) {
        lanes[id / BLOCK][id % LANES] += term(x);
    }
    let tree = |l: [f64; LANES]| {
        let mut l = l.to_vec();
        while l.len() > 1 {
            let (a, b) = l.split_at(l.len() / 2);
            l = a.iter().zip(b).map(|(a, b)| a + b).collect();
        }
        l[0]
    };
    lanes.into_iter().map(tree).collect()
}

pub fn mass(set: Slice, w: Weigh, band: Band) -> (f64, Vec<f64>) {
    let blocks = sums(set, band, |x| f64::from(weight(w, x)));
    (blocks.iter().fold(0.0, |a, b| a + b), blocks)
}

pub fn moments(set: Slice, w: Weigh, band: Band) -> (f64, f64) {
    let product = |x: f32| {
        let a = (x - w.max) * w.scale;
        let weight = weight(w, x);
        if weight > 0.0 { f64::from(weight * a) } else { 0.0 }
    };
    let second = sums(set, band, product).iter().fold(0.0, |a, b| a + b);
    (mass(set, w, band).0, second)
}

pub fn pick(set: Slice, w: Weigh, band: Band, target: f64) -> Option<usize> {
    let (_, blocks) = mass(set, w, band);
    let before = |b: usize| blocks[..b].iter().fold(0.0, |a, b| a + b);
    let mut answer = None;
    let mut running = 0.0;
    let mut current = None;
    for i in 0..set.values.len() {
        let x = set.values[i];
        let b = id(set, i) / BLOCK;
        if current != Some(b) {
            (current, running) = (Some(b), before(b));
        }
        let member = members(Slice { ids: None, values: &[x] }, band).len() == 1;
        let weight = f64::from(weight(w, x));
        if member && weight > 0.0 {
            answer = Some(i);
            running += weight;
            if running > target && before(b + 1) > target {
                break;
            }
        }
    }
    answer
}

pub fn kth_largest(values: &[f32], band: Band, k: usize) -> Option<f32> {
    let mut best = Vec::new();
    top(Slice { ids: None, values }, band, k.max(1), &mut best);
    best.last().map(|&(_, x)| x)
}

pub fn nucleus(set: Slice, w: Weigh, band: Band, target: f64) -> Option<f32> {
    let mut best = Vec::new();
    top(set, band, usize::MAX, &mut best);
    let enough = |&&(_, lo): &&(u32, f32)| mass(set, w, Band { lo, ..band }).0 >= target;
    best.iter().find(enough).or(best.last()).map(|&(_, x)| x)
}

pub fn top(set: Slice, band: Band, n: usize, out: &mut Vec<(u32, f32)>) {
    let all = members(set, band).into_iter().map(|(id, x)| (id as u32, x));
    *out = all.collect();
    out.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
    out.truncate(n);
}
