//! The laws of the kernel, on every instruction set of the machine.

mod long;
mod reference;

use super::*;
use proptest::prelude::*;

/// Rows of every character: peaked, flat, tied, masked, huge, and their tails.
fn values(longest: usize) -> impl Strategy<Value = Vec<f32>> {
    let one = |kind: u8, x: f32| match kind {
        0 => x,
        1 => x * 30.0,
        2 => (x * 4.0).round(),
        3 => x * 1e38,
        4 => x * 1e-38,
        5 => 0.0f32.copysign(x),
        _ => 0.25,
    };
    let value = (0u8..20, -1.0f32..1.0);
    (0u8..7, 0u8..20, prop::collection::vec(value, 1..longest)).prop_map(move |(kind, masked, cells)| {
        let cell = |(m, x): (u8, f32)| {
            if m < masked / 2 { f32::NEG_INFINITY } else { one(kind, x) }
        };
        cells.into_iter().map(cell).collect()
    })
}

/// A row, perhaps as a sparse list with gaps, a weight function and a band from its own values.
#[derive(Clone, Debug)]
struct Case {
    ids: Option<Vec<u32>>,
    values: Vec<f32>,
    w: Weigh,
    band: Band,
    share: f64,
}

impl Case {
    fn set(&self) -> Slice<'_> {
        Slice { ids: self.ids.as_deref(), values: &self.values }
    }

    fn maxima(&self) -> Vec<f32> {
        let mut maxima = Vec::new();
        if self.ids.is_none() {
            scan(&self.values, &mut maxima);
        }
        maxima
    }
}

fn case(longest: usize) -> impl Strategy<Value = Case> {
    let gap = prop_oneof![9 => Just(1u32), 1 => 1..3000u32];
    let gaps = prop::option::of(prop::collection::vec(gap, longest));
    let scale = prop_oneof![Just(1.0f32), 0.01..20.0f32];
    let ends = (0u8..4, any::<prop::sample::Index>(), any::<prop::sample::Index>());
    (values(longest), gaps, scale, ends, 0.0..1.1f64).prop_map(
        |(values, gaps, scale, (which, a, b), share)| {
            let mut max = scan(&values, &mut Vec::new()).max;
            if max == f32::NEG_INFINITY {
                max = 0.0;
            }
            let (a, b) = (*a.get(&values), *b.get(&values));
            let band = match which {
                0 => Band::ALL,
                1 => Band::from(a),
                _ => Band { lo: a.min(b), hi: a.max(b) },
            };
            let ids = gaps.map(|g| {
                let ids = g.iter().scan(0, |id, &g| {
                    *id += g;
                    Some(*id - 1)
                });
                ids.take(values.len()).collect()
            });
            Case { ids, values, w: Weigh { max, scale }, band, share }
        },
    )
}

/// The same answer from `f` on every instruction set.
fn everywhere<T: PartialEq + std::fmt::Debug>(f: impl Fn() -> T) -> T {
    let answers = Simd::ALL.map(|s| with_simd(s, &f));
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    let [answer, ..] = answers;
    answer
}

fn bits(xs: &[f64]) -> Vec<u64> {
    xs.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 60 } else { 400 }))]

    #[test]
    fn scan_finds_maximum_place_and_invalid_values(
        mut values in values(3000),
        bad in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..3),
    ) {
        for (at, nan) in bad {
            let at = at.index(values.len());
            values[at] = if nan { -f32::NAN } else { f32::INFINITY };
        }
        let (found, maxima) = everywhere(|| {
            let mut maxima = vec![1.0];
            (scan(&values, &mut maxima), maxima)
        });
        prop_assert_eq!(found, reference::scan(&values));
        let spans: Vec<f32> = values.chunks(SPAN).map(|s| reference::scan(s).max).collect();
        prop_assert_eq!(maxima, spans);
    }

    #[test]
    fn mass_is_the_prescribed_sum(c in case(5000)) {
        let (total, blocks) = everywhere(|| {
            let mut blocks = vec![1.0];
            let total = mass(c.set(), c.w, c.band, &mut blocks);
            (total.to_bits(), bits(&blocks))
        });
        let want = reference::mass(c.set(), c.w, c.band);
        prop_assert_eq!(total, want.0.to_bits());
        prop_assert_eq!(blocks, bits(&want.1));
    }

    #[test]
    fn a_band_of_a_dense_row_weighs_as_the_list_of_its_members(c in case(5000)) {
        let dense = Slice { ids: None, values: &c.values };
        let (mut ids, mut kept, mut a, mut b) = (vec![7], vec![7.0], Vec::new(), Vec::new());
        gather(dense, c.band, &mut ids, &mut kept);
        let list = Slice { ids: Some(&ids), values: &kept };
        let sums = (mass(dense, c.w, c.band, &mut a), mass(list, c.w, Band::ALL, &mut b));
        prop_assert_eq!(sums.0.to_bits(), sums.1.to_bits());
        prop_assert_eq!(bits(&a[..b.len()]), bits(&b));
        prop_assert_eq!(kept.len(), everywhere(|| count(&c.values, c.band)));
        prop_assert_eq!(kth_largest(&kept, &[], Band::ALL, 3), kth_largest(&c.values, &c.maxima(), c.band, 3));
    }

    #[test]
    fn moments_are_the_prescribed_sums(c in case(5000)) {
        let (a, b) = everywhere(|| {
            let (a, b) = moments(c.set(), c.w, c.band);
            (a.to_bits(), b.to_bits())
        });
        let want = reference::moments(c.set(), c.w, c.band);
        prop_assert_eq!((a, b), (want.0.to_bits(), want.1.to_bits()));
    }

    #[test]
    fn moments_by_fours_are_the_same_everywhere(c in case(5000)) {
        let (a, b) = everywhere(|| {
            let (a, b) = exact::fours::moments_by_fours(c.set(), c.w, c.band);
            (a.to_bits(), b.to_bits())
        });
        let want = reference::moments_by_fours(c.set(), c.w, c.band);
        prop_assert_eq!((a, b), (want.0.to_bits(), want.1.to_bits()));
        let exact = moments(c.set(), c.w, c.band);
        prop_assert!((want.0 - exact.0).abs() <= bounds::ROUGH * exact.0);
    }

    #[test]
    fn pick_inverts_the_running_mass(c in case(4000)) {
        let mut blocks = Vec::new();
        let total = mass(c.set(), c.w, c.band, &mut blocks);
        for target in [c.share * total, 0.0, total, total.next_down()] {
            let got = everywhere(|| pick(c.set(), c.w, c.band, &blocks, target));
            prop_assert_eq!(got, reference::pick(c.set(), c.w, c.band, target));
        }
    }

    #[test]
    fn running_masses_that_are_kept_give_the_same_draws(c in case(4000), us in prop::collection::vec(0.0..1.0f64, 6)) {
        let mut blocks = Vec::new();
        let total = mass(c.set(), c.w, c.band, &mut blocks);
        let edges = blocks.iter().scan(0.0, |sum, block| {
            *sum += block;
            Some(*sum)
        });
        let targets: Vec<f64> = us.iter().map(|u| u * total).chain(edges).chain([0.0, total.next_down().max(0.0)]).collect();
        let find = || {
            let mut running = Running::default();
            running.fill(c.set(), c.w, c.band, &blocks);
            targets.iter().map(|&target| running.find(target)).collect::<Vec<_>>()
        };
        let found = everywhere(find);
        // what is left open is rare: a target that roundings put between two blocks, or beyond the last
        let open = found[..us.len()].iter().filter(|at| at.is_none()).count();
        prop_assert!(total == 0.0 || open <= 1, "{} of {} left open", open, us.len());
        for (target, at) in targets.iter().zip(found).filter(|(_, at)| at.is_some()) {
            prop_assert_eq!(at, reference::pick(c.set(), c.w, c.band, *target));
        }
    }

    #[test]
    fn a_rough_mass_is_near_and_its_draws_are_right(c in case(4000), us in prop::collection::vec(0.0..1.0f64, 20)) {
        let set = Slice { ids: None, values: &c.values };
        let (mut near, mut blocks) = (Kept::default(), Vec::new());
        let total = mass(set, c.w, c.band, &mut blocks);
        for simd in Simd::ALL {
            with_simd(simd, || near.sum(&c.values, c.w, c.band));
            prop_assert_eq!(near.blocks.len(), blocks.len());
            let rough = near.total.unwrap_or(-1.0);
            for (sum, exact) in near.blocks.iter().zip(&blocks).chain([(&rough, &total)]) {
                prop_assert!((sum - exact).abs() <= near.relative * exact, "{} {}", sum, exact);
            }
            for &u in us.iter().chain(&[0.0, 0.5, 0.25, 1.0 - 1e-16]) {
                let found = with_simd(simd, || pick_among(set, c.w, c.band, &near, u));
                if let Some(at) = found {
                    prop_assert_eq!(Some(at), reference::pick(set, c.w, c.band, u * total));
                }
            }
        }
    }

    #[test]
    fn kth_largest_and_top_select_by_value(c in case(3000), k in 1..3200usize, few in 1..60usize) {
        for k in [k, few, 1] {
            let got = everywhere(|| kth_largest(&c.values, &[], c.band, k));
            prop_assert_eq!(got, reference::kth_largest(&c.values, c.band, k));
            if c.ids.is_none() {
                let bounded = everywhere(|| kth_largest(&c.values, &c.maxima(), c.band, k));
                prop_assert_eq!(got, bounded);
            }
            let got = everywhere(|| {
                let mut out = vec![(7, 7.0)];
                top(c.set(), &c.maxima(), c.band, k, &mut out);
                out
            });
            let mut want = Vec::new();
            reference::top(c.set(), c.band, k, &mut want);
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn typical_is_the_least_distance_of_enough_mass(c in case(500), least in 1..40usize) {
        for slack in [0.0, 0.1] {
            let got = everywhere(|| {
                typical(c.set(), c.w, c.band, &c.maxima(), c.share, (slack, least), &mut Kept::default())
            });
            let want = reference::typical(c.set(), c.w, c.band, c.share, slack, least);
            prop_assert_eq!(got.is_some(), want.is_some());
            if let (Some(got), Some(want)) = (got, want) {
                let same = |x: &&f32| (got.has(**x) == want.has(**x)) || !c.band.has(**x);
                // the ends are rounded, so a value there may go either way
                let differ: Vec<f32> = c.values.iter().filter(|x| !same(x)).copied().collect();
                prop_assert!(differ.iter().all(|&x| x == want.lo || x == want.hi), "{:?} {:?} {:?}", differ, got, want);
            }
        }
    }

    #[test]
    fn nucleus_is_the_largest_cut_of_enough_mass(c in case(700)) {
        let total = mass(c.set(), c.w, c.band, &mut Vec::new());
        for target in [c.share * total, total, 0.0] {
            let got = everywhere(|| nucleus(c.set(), c.w, c.band, &c.maxima(), Goal::Mass(target), &mut Kept::default()));
            prop_assert_eq!(got, reference::nucleus(c.set(), c.w, c.band, target));
        }
    }
}

#[test]
fn nothing_is_a_member_of_nothing() {
    let none = [f32::NEG_INFINITY; 40];
    for values in [&none[..], &[]] {
        let set = Slice { ids: None, values };
        let w = Weigh { max: 0.0, scale: 1.0 };
        let (mut blocks, mut out) = (Vec::new(), Vec::new());
        assert_eq!(mass(set, w, Band::ALL, &mut blocks), 0.0);
        assert_eq!(blocks.len(), values.len().div_ceil(BLOCK));
        assert_eq!(moments(set, w, Band::ALL), (0.0, 0.0));
        assert_eq!(pick(set, w, Band::ALL, &blocks, 0.0), None);
        assert_eq!(kth_largest(values, &[], Band::ALL, 1), None);
        assert_eq!(typical(set, w, Band::ALL, &[], 0.5, (0.0, 1), &mut Kept::default()), None);
        assert_eq!(nucleus(set, w, Band::ALL, &[], Goal::Mass(1.0), &mut Kept::default()), None);
        top(set, &[], Band::ALL, 3, &mut out);
        assert_eq!(out, []);
    }
}
