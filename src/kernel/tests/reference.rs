//! What the fast functions compute, said plainly; tests hold them to it to the bit.

use crate::kernel::math::exp32::COEFFICIENTS;
use crate::kernel::{BLOCK, Band, LANES, Scan, Slice, Weigh};

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
    lanes.iter().map(|lanes| tree(lanes)).collect()
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

/// Terms are added in f32 by four rows first.
pub fn moments_by_fours(set: Slice, w: Weigh, band: Band) -> (f64, f64) {
    let mut groups = std::collections::BTreeMap::new();
    for (id, x) in members(set, band) {
        let weight = weight(w, x);
        let product = if weight > 0.0 { weight * ((x - w.max) * w.scale) } else { 0.0 };
        let (group, row, lane) = (id / (4 * LANES), id / LANES % 4, id % LANES);
        groups.entry((group, lane)).or_insert([(0.0f32, 0.0f32); 4])[row] = (weight, product);
    }
    let four = |[a, b, c, d]: [f32; 4]| f64::from((a + b) + (c + d));
    let mut lanes = std::collections::BTreeMap::new();
    for ((group, lane), terms) in groups {
        let sums = &mut lanes.entry(group * 4 * LANES / BLOCK).or_insert([[0.0; LANES]; 2]);
        sums[0][lane] += four(terms.map(|t| t.0));
        sums[1][lane] += four(terms.map(|t| t.1));
    }
    lanes.values().fold((0.0, 0.0), |sum, lanes| (sum.0 + tree(&lanes[0]), sum.1 + tree(&lanes[1])))
}

/// 16 + 16, 8 + 8, …
fn tree(lanes: &[f64]) -> f64 {
    let mut lanes = lanes.to_vec();
    while lanes.len() > 1 {
        let (a, b) = lanes.split_at(lanes.len() / 2);
        lanes = a.iter().zip(b).map(|(a, b)| a + b).collect();
    }
    lanes[0]
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

/// The distances of the members from the mean, their masses up to each, and the band of the first that reaches the share.
pub fn typical(set: Slice, w: Weigh, band: Band, share: f64, slack: f64, least: usize) -> Option<Band> {
    let (total, moment) = moments_by_fours(set, w, band);
    let mean = if total > 0.0 { moment / total / f64::from(w.scale) } else { 0.0 };
    let center = (f64::from(w.max) + mean).clamp(f64::from(f32::MIN), f64::from(f32::MAX));
    let distance = |x: f32| (f64::from(x) - center).abs().min(f64::from(f32::MAX)) as f32;
    let mut found: Vec<f32> = members(set, band).into_iter().map(|(_, x)| distance(x)).collect();
    found.sort_by(f32::total_cmp);
    let within = |far: f32| {
        let inside = |x: f32| distance(x) <= far;
        let values: Vec<f32> =
            set.values.iter().map(|&x| if inside(x) { x } else { f32::NEG_INFINITY }).collect();
        mass(Slice { values: &values, ..set }, w, band).0
    };
    let enough =
        found.iter().position(|&far| within(far) >= share * mass(set, w, band).0).unwrap_or(found.len());
    let at = enough.max(least.max(1) - 1).min(found.len().checked_sub(1)?);
    let far = f64::from(found[at].next_up()) + slack;
    Some(Band { lo: (center - far) as f32, hi: (center + far) as f32 })
}

pub fn top(set: Slice, band: Band, n: usize, out: &mut Vec<(u32, f32)>) {
    let all = members(set, band).into_iter().map(|(id, x)| (id as u32, x));
    *out = all.collect();
    out.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
    out.truncate(n);
}
