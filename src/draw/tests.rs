//! What every draw does alike, and what those do that have no tests of their own.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// Seats of the samples from 0 on.
fn seats(n: usize) -> Vec<Seat> {
    (0..n).map(|sample| Seat { line: sample, sample, lane: 0, finished: false, pick: None }).collect()
}

fn turn<'a>(candidates: &'a mut Candidates, seats: &'a mut [Seat]) -> Turn<'a> {
    Turn { sequence: 2, step: 5, context: &[], prompt_len: 0, candidates, seats }
}

/// The probabilities ½, ¼, ¼ (to 1e-7: logits are f32), and a masked token.
fn halves() -> Candidates {
    Candidates::from(&[2.0, 1.0, 1.0, 0.0].map(f32::ln)[..])
}

fn draws() -> Vec<Box<dyn Draw>> {
    vec![
        Box::new(Argmax),
        Box::new(Addressed::new(7)),
        Box::new(Gumbel::new(7)),
        Box::new(FromRng::new(ChaCha8Rng::seed_from_u64(7))),
        Box::new(Mirostat::new(2, 3.0, 0.1, 100, 7).unwrap()),
        Box::new(AdaptiveP::new(0.3, 0.9, 7).unwrap()),
        Box::new(AdaptiveP::new(-1.0, 0.9, 7).unwrap()),
    ]
}

#[test]
fn where_nothing_is_left_the_row_is_named() {
    let expected =
        "sequence 2, step 5: no token has a positive probability: the chain leaves nothing to draw from";
    for mut draw in draws() {
        // several seats have their uniforms made together
        for n in if draw.by_line() { vec![1] } else { vec![1, 16] } {
            let (mut c, mut seats) = (halves(), seats(n));
            c.mask_each(&[0, 1, 2]);
            let found = draw.step(&mut [turn(&mut c, &mut seats)]).unwrap_err();
            assert_eq!(found.to_string(), expected, "{} {n}", draw.name());
            let raced = draw.shared().map(|draw| draw.raced(&mut turn(&mut c, &mut seats)).unwrap_err());
            assert!(raced.is_none_or(|e| e.to_string() == expected), "{} {n}", draw.name());
        }
    }
}

#[test]
fn a_draw_with_state_asks_for_a_row_for_each_sample() {
    for mut draw in draws().into_iter().filter(|draw| draw.by_line()) {
        let (mut c, mut seats) = (halves(), seats(2));
        let found = draw.step(&mut [turn(&mut c, &mut seats)]).unwrap_err();
        let expected = "sequence 2, step 5: a draw with state needs the row once for each sample";
        assert_eq!(found.to_string(), expected, "{}", draw.name());
    }
}

#[test]
fn what_was_drawn_has_the_margin_0_and_nothing_else_has_less() {
    for mut draw in draws() {
        let (mut c, mut seats) = (halves(), seats(1));
        let mut turns = [turn(&mut c, &mut seats)];
        draw.step(&mut turns).unwrap();
        let [turn] = &mut turns;
        let drawn = turn.seats[0].pick.unwrap().id;
        for id in 0..3 {
            let margin = draw.margin(turn, 0, id).value().unwrap();
            assert!(if id == drawn { margin == 0.0 } else { margin > 0.0 }, "{} {id}", draw.name());
        }
        for id in [3, 4, TokenId::MAX] {
            assert_eq!(draw.margin(turn, 0, id), Margin::Impossible, "{} {id}", draw.name());
        }
    }
}

/// The intervals of ½, ¼, ¼ are [0, .5), [.5, .75) and [.75, 1).
#[test]
fn a_uniform_is_as_far_from_a_token_as_from_its_interval() {
    for (u, margins) in [(0.625, [0.125, 0.0, 0.125]), (0.0, [0.0, 0.5, 0.75]), (1.0, [0.5, 0.25, 0.0])] {
        for (id, expected) in margins.into_iter().enumerate() {
            let found = Margin::of_uniform(&halves(), u, id as TokenId).value().unwrap();
            assert!((found - expected).abs() < 1e-7, "{u} {id}: {found}");
        }
    }
}

#[test]
fn a_margin_of_the_best_is_its_lead() {
    let (mut c, mut seats) = (Candidates::from(&[1.0, 3.5, -2.0][..]), seats(3));
    let mut turn = turn(&mut c, &mut seats);
    Argmax.row(&mut turn).unwrap();
    assert!(turn.seats.iter().all(|seat| seat.pick == Some(Pick::certain(1))));
    let margins = [0, 1, 2].map(|id| Argmax.margin(&mut turn, 0, id));
    assert_eq!(margins, [2.5, 0.0, 5.5].map(Margin::Score));
}

/// Another token may be the best one only where one is as near as the tolerance.
#[test]
fn the_best_slips_where_the_next_is_near() {
    let tolerance = Tolerance { score: 0.5, ..Tolerance::default() };
    for (second, rounding) in [(2.5, 1.0), (2.75, 1.0), (2.25, 0.0), (f32::NEG_INFINITY, 0.0)] {
        let (mut c, mut seats) = (Candidates::from(&[-1.0, 3.0, second][..]), seats(1));
        let slip = Argmax.slip(&turn(&mut c, &mut seats), 0, 2, &tolerance);
        assert_eq!(slip, Slip { score: 0.5, rounding, ..Slip::default() }, "{second}");
    }
}

/// A uniform slips near the edges of intervals, a race where the lead is short: at most ε, at most 1.
#[test]
fn draws_slip_by_edges_or_by_leads() {
    let mut uniform = Addressed::new(7);
    for (score, edges, lead) in [(0.01, 0.06, 0.01), (0.2, 0.9, 0.2), (2.0, 1.0, 1.0)] {
        let tolerance = Tolerance { score, ..Tolerance::default() };
        let (mut c, mut seats) = (halves(), seats(1));
        let mut turns = [turn(&mut c, &mut seats)];
        uniform.step(&mut turns).unwrap();
        let slip = uniform.slip(&turns[0], 0, 0, &tolerance);
        assert!((slip.rounding - edges).abs() < 1e-7 && slip.score == score, "{slip:?}");
        // no uniform: a race
        let slip = Gumbel::new(7).slip(&turn(&mut halves(), &mut self::seats(1)), 0, 0, &tolerance);
        assert_eq!(slip, Slip { score, rounding: lead, ..Slip::default() });
    }
}

#[test]
fn tolerances_grow_with_spacings_and_noise() {
    let t = Tolerance { score: 0.25, spacings: 8.0, cut: 0.125, noise: 0.5 };
    assert_eq!((t.at(0.0), t.at(1.0 / 64.0), t.at(0.5)), (0.25, 0.25, 4.0));
    // four deviations √2 · 0.5 of the difference of two
    assert!((t.order(0.5) - (4.0 + 8f64.sqrt())).abs() < 1e-15);
    // four deviations √2/4 · 0.5 of a mass
    assert!((t.mass() - (0.125 + 0.5f64.sqrt())).abs() < 1e-15);
}

#[test]
fn what_a_draw_does_not_know_is_not_0() {
    let known = Support { ids: vec![4, 2], probabilities: Some(vec![0.75, 0.25]) };
    assert_eq!([4, 2, 3].map(|id| known.probability(id)), [Some(0.75), Some(0.25), Some(0.0)]);
    let race = Support { probabilities: None, ..known };
    assert_eq!([4, 2, 3].map(|id| race.probability(id)), [None, None, Some(0.0)]);
}

/// One word of the generator for each token; a line that has ended takes none.
#[test]
fn a_generator_gives_a_word_for_each_token() {
    let mut words = ChaCha8Rng::seed_from_u64(3);
    let mut draw = FromRng::new(words.clone());
    let (mut c, mut seats) = (halves(), seats(3));
    seats[1].finished = true;
    let mut turns = [turn(&mut c, &mut seats)];
    draw.step(&mut turns).unwrap();
    for seat in [0, 2] {
        let u = (words.next_u64() >> 11) as f64 / 2f64.powi(53);
        let id = if u < 0.5 {
            0
        } else if u < 0.75 {
            1
        } else {
            2
        };
        assert_eq!(turns[0].seats[seat].pick, Some(Pick { uniform: Some(u), ..Pick::certain(id) }));
    }
    assert_eq!(turns[0].seats[1].pick, None);
    assert_eq!(draw.margin(&mut turns[0], 1, 0), Margin::Impossible, "nothing was drawn for it");
    let u = (words.next_u64() >> 11) as f64 / 2f64.powi(53);
    assert_eq!(draw.draw(&mut halves()), halves().pick(u));
}

#[test]
fn a_race_tells_how_all_ran() {
    let mut draw = Gumbel::new(9);
    let (mut c, mut seats) = (halves(), seats(1));
    let noise = draw.noise(0, 2, 0, 5, &[0, 1, 2]);
    let sums: Vec<f64> = c.members().zip(&noise).map(|((_, score), g)| score + g).collect();
    let lead = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut turns = [turn(&mut c, &mut seats)];
    draw.step(&mut turns).unwrap();
    let race = draw.race(&turns[0], 0);
    for (racer, id) in race.iter().zip(0..) {
        let at = id as usize;
        assert_eq!(*racer, Racer { id, noise: Some(noise[at]), behind: lead - sums[at] });
    }
    assert_eq!(race.len(), 3);
    // the pick is the winner, and names the second
    let pick = turns[0].seats[0].pick.unwrap();
    let mut by_lead = race.clone();
    by_lead.sort_by(|a, b| a.behind.total_cmp(&b.behind));
    assert_eq!((pick.id, pick.noise), (by_lead[0].id, by_lead[0].noise));
    assert_eq!(pick.runner_up, Some((by_lead[1].id, by_lead[1].behind)));
    assert_eq!(draw.shared().unwrap().raced(&mut turns[0]).unwrap(), [race]);
}

/// Records and output carry the names.
#[test]
fn names_stay() {
    let mut all = draws();
    all.truncate(4);
    for version in [1, 2] {
        let mirostat = || Mirostat::new(version, 3.0, 0.1, 100, 7).unwrap();
        all.push(Box::new(mirostat()));
        all.push(Box::new(mirostat().with_surprise(Surprise::BeforeCut)));
    }
    let names: Vec<&str> = all.iter().map(|draw| draw.name()).collect();
    assert_eq!(
        names,
        [
            "argmax",
            "chacha8-v1",
            "gumbel-chacha8-v1",
            "inverse-cdf",
            "mirostat-1-chacha8-v1",
            "mirostat-1-before-cut-chacha8-v1",
            "mirostat-2-chacha8-v1",
            "mirostat-2-before-cut-chacha8-v1",
        ]
    );
}

/// Rows of such draws run in parallel.
#[test]
fn draws_by_address_are_shared() {
    let shared: Vec<bool> = draws().iter().map(|draw| draw.shared().is_some()).collect();
    assert_eq!(shared, [true, true, true, false, false, false, false]);
}

/// Many seats have their uniforms made together, and get what each would get alone.
#[test]
fn many_seats_draw_as_each_alone() {
    let (mut c, mut all) = (halves(), seats(40));
    Addressed::new(7).row(&mut turn(&mut c, &mut all)).unwrap();
    for seat in &all {
        let mut alone = [Seat { pick: None, ..seat.clone() }];
        Addressed::new(7).row(&mut turn(&mut c, &mut alone)).unwrap();
        assert_eq!(alone[0], *seat);
    }
    assert!(all.iter().any(|seat| seat.pick != all[0].pick));
}
