//! Which engine, order of stages and batch draws these ids? A lost recipe found again.

mod run;

use std::collections::BTreeSet;

use super::addresses::{self, Addresses, Chance, Claimed};
use super::orders::orders;
use super::recipe::{Attempt, Convention, Guess, Recipe};
use crate::draw::Argmax;
use crate::engine::{Batch, Defaults, EngineInfo, Params, build, engines};
use crate::processor::{Chain, Stage};
use crate::sampler::{Job, along};
use crate::source::LogitsSource;
use crate::{Error, Place, Result, TokenId};
use run::{Outcome, Try};

/// Ids of each line that addresses are looked for with.
const LOOKED_AT: usize = 32;
/// Ids of each line that every recipe has to face; who matches them all, or comes nearest, faces the rest.
const SCREEN: usize = 8;

/// What is known of the run.
#[derive(Debug, Clone, Copy)]
pub struct GuessOptions<'a> {
    /// The seed, as the engine would be given it; `None`: only the engines whose seeds can be looked for are tried.
    pub seed: Option<&'a str>,
    /// Where to look for seed and position, for the engines whose draws depend on nothing else.
    pub addresses: Option<&'a Addresses>,
    /// The parameters; their order is looked for.
    pub params: &'a Params,
    /// How many partial explanations are kept; default 3.
    pub partial: usize,
}

/// Tries every engine, order of stages and batch convention over given ids (a list for each sequence and sample), and tokpick's own draws
/// with the processors of `job.chain` in every order.
///
/// A recipe explains the ids if at every step, after the claimed history, it draws the claimed id. One of V tokens at random
/// matches n ids with probability Π p: 16 ids of a spread distribution leave no doubt, a greedy run is explained by everything
/// that is greedy. Orders that draw the same ids are told together.
///
/// # Errors
/// Ids that don't fit the input; a source that can be read only once.
pub fn guess(
    source: &mut dyn LogitsSource,
    job: &Job<'_>,
    ids: &[Vec<TokenId>],
    options: &GuessOptions<'_>,
) -> Result<Guess> {
    let sequences = source.shape().sequences.len();
    let samples = (ids.len() / sequences.max(1)).max(1);
    let mut trials =
        Trials { source, job, ids, options, sequences, samples, found: Vec::new(), refused: Vec::new() };
    if let Some(addresses) = options.addresses {
        addresses.check(options.params, job.prompt.len() + job.prefix.len())?;
    }
    // ids and rows that don't fit together fail here, for all
    let plain = Chain::default();
    trials.along(&plain, &mut Argmax, 0..sequences, Some(SCREEN))?;
    if options.seed.is_some() {
        trials.own();
        for info in engines().iter().filter(|e| e.batch != Batch::Addressed) {
            trials.engine(info)?;
        }
    }
    let (addressed, chance) = trials.addresses()?;
    let tried = trials.found.len() + addressed.len();
    let mut guess = trials.finish()?;
    // where others were tried, too, it is only said of what was found
    guess.chance = chance.filter(|_| !addressed.is_empty() || options.seed.is_none());
    guess.explained.extend(addressed);
    guess.tried = tried.max(guess.tried);
    Ok(guess)
}

struct Trials<'a, 'b> {
    source: &'a mut dyn LogitsSource,
    job: &'a Job<'b>,
    ids: &'a [Vec<TokenId>],
    options: &'a GuessOptions<'a>,
    sequences: usize,
    samples: usize,
    /// Screened recipes, with what is needed to run them again.
    found: Vec<(Attempt, Try)>,
    refused: Vec<(String, String)>,
}

impl Trials<'_, '_> {
    fn seed(&self) -> &str {
        self.options.seed.unwrap_or_default()
    }

    fn own(&mut self) {
        let on = on(self.job.chain);
        for draw in ["chacha8-v1", "gumbel-chacha8-v1", "argmax"] {
            if draw != "argmax" && self.seed().trim().parse::<u64>().is_err() {
                let why = format!("seed {}: it takes a whole number below 2^64", self.seed());
                self.refused.push((draw.to_string(), why));
                continue;
            }
            for order in orders(on.len()) {
                let recipe = Recipe {
                    draw: draw.to_string(),
                    convention: None,
                    order: order.iter().map(|&i| on[i].info().name.to_string()).collect(),
                    assumed: Vec::new(),
                    layout: None,
                };
                self.screen(recipe, Try::Own { draw, order });
            }
        }
    }

    fn engine(&mut self, info: &'static EngineInfo) -> Result<()> {
        for (assumed, params) in variants(info, self.options.params)? {
            let stages = match stages(info, &params, self.seed()) {
                Ok(stages) => stages,
                Err(why) => {
                    self.refuse(info.name, why);
                    continue;
                }
            };
            for convention in self.conventions(info) {
                for order in orders(if info.reorders { stages.len() } else { 0 }) {
                    let names: Vec<String> = match info.reorders {
                        true => order.iter().map(|&i| stages[i].to_string()).collect(),
                        false => stages.iter().map(|s| s.to_string()).collect(),
                    };
                    let own = order.is_sorted();
                    let order = (!own).then(|| names.clone());
                    let recipe = Recipe {
                        draw: info.name.to_string(),
                        convention: (self.sequences > 1).then_some(convention),
                        order: names,
                        assumed: assumed.clone(),
                        layout: None,
                    };
                    let params = Box::new(Params { order, ..params.clone() });
                    self.screen(recipe, Try::Engine { name: info.name, params, convention });
                }
            }
        }
        Ok(())
    }

    /// The addresses under which engines without a state draw the ids of every line.
    fn addresses(&mut self) -> Result<(Vec<Attempt>, Option<Chance>)> {
        let Some(options) = self.options.addresses else { return Ok((Vec::new(), None)) };
        let lines = self.claimed()?;
        if lines.iter().all(Vec::is_empty) {
            return Ok((Vec::new(), None));
        }
        let paths = addresses::paths(self.options.params);
        let (mut found, mut chance) = (Vec::new(), None);
        for path in &paths {
            let mut seeds = vec![options.seeds.clone()];
            let mut places: Vec<String> = Vec::new();
            for line in lines.iter().filter(|l| !l.is_empty()) {
                let positions = options.positions_after(line[0].history.len());
                let explained = match addresses::find(path, line, &seeds, &positions) {
                    Ok((explained, p)) => {
                        if places.is_empty() && p < 1.0 {
                            let new = || Chance::new(paths.len(), options, &positions, line.len(), p);
                            chance.get_or_insert_with(new);
                        }
                        explained
                    }
                    Err(why) => {
                        self.refuse(path.engine, why.to_string());
                        BTreeSet::new()
                    }
                };
                let mut of_others = explained;
                if of_others.is_empty() && !places.is_empty() {
                    // a seed of its own
                    of_others =
                        addresses::find(path, line, std::slice::from_ref(&options.seeds), &positions)?.0;
                }
                if of_others.is_empty() {
                    places.clear();
                    break;
                }
                if places.is_empty() {
                    seeds = of_others.iter().map(|a| a.0..a.0 + 1).collect();
                    seeds.dedup();
                }
                places.push(place(&of_others));
            }
            if places.is_empty() {
                continue;
            }
            places.dedup();
            let compared = lines.iter().map(Vec::len).sum();
            let assumed = path.assumed.map(str::to_string).into_iter().chain([places.join("; ")]).collect();
            let order = Vec::new();
            let recipe =
                Recipe { draw: path.engine.to_string(), convention: None, order, assumed, layout: None };
            found.push(Attempt { recipe, same_orders: Vec::new(), matches: compared, compared });
        }
        Ok((found, chance))
    }

    /// The first ids of each line with their rows.
    fn claimed(&mut self) -> Result<Vec<Vec<Claimed>>> {
        let mut lines: Vec<Vec<Claimed>> = self.ids.iter().map(|_| Vec::new()).collect();
        let ids: Vec<Vec<TokenId>> =
            self.ids.iter().map(|ids| ids[..ids.len().min(LOOKED_AT)].to_vec()).collect();
        let chain = Chain::default();
        let job = Job { chain: &chain, ..*self.job };
        along(self.source, &job, &mut Argmax, self.samples, &ids, &mut |taken| {
            let turn = taken.turn;
            let mut logits = Vec::new();
            let spread = turn.candidates.spread_raw(&mut logits);
            spread.map_err(|what| Error::decode(Place::row(turn.sequence, turn.step), what))?;
            let (history, prompt_len) = (turn.context.to_vec(), turn.prompt_len);
            lines[taken.line].push(Claimed { logits, history, prompt_len, id: taken.id });
            Ok(())
        })?;
        Ok(lines)
    }

    fn conventions(&self, info: &EngineInfo) -> Vec<Convention> {
        use Convention::{Alone, Batch as Together, InTurn, SeedPlusRow};
        match info.batch {
            _ if self.sequences == 1 => vec![Together],
            Batch::EachRow | Batch::Addressed => vec![Together, SeedPlusRow, InTurn],
            _ if self.options.params.row_seeds.is_some() => vec![Together],
            _ => vec![Together, Alone, SeedPlusRow, InTurn],
        }
    }

    fn screen(&mut self, recipe: Recipe, how: Try) {
        match self.run(&how, Some(SCREEN)) {
            Ok(Outcome { matches, compared }) => {
                let attempt = Attempt { recipe, same_orders: Vec::new(), matches, compared };
                self.found.push((attempt, how));
            }
            Err(error) => self.refuse(&recipe.draw.clone(), error.to_string()),
        }
    }

    fn refuse(&mut self, name: &str, why: String) {
        if !self.refused.iter().any(|(n, w)| n == name && *w == why) {
            self.refused.push((name.to_string(), why));
        }
    }

    fn finish(mut self) -> Result<Guess> {
        let mut found = std::mem::take(&mut self.found);
        let tried = found.len();
        found.sort_by(|a, b| b.0.share().total_cmp(&a.0.share()));
        let (mut explained, mut partial) = (Vec::<Attempt>::new(), Vec::<Attempt>::new());
        for (mut attempt, how) in found {
            // the orders of one engine come near together: the first one stands for them
            let known = partial.iter().any(|a| a.recipe.is_like(&attempt.recipe));
            if !attempt.explains() && (known || partial.len() >= self.options.partial) {
                continue;
            }
            if self.ids.iter().any(|ids| ids.len() > SCREEN) {
                let outcome = self.run(&how, None)?;
                (attempt.matches, attempt.compared) = (outcome.matches, outcome.compared);
            }
            match explained.iter_mut().find(|a| a.recipe.is_like(&attempt.recipe)) {
                _ if !attempt.explains() => partial.push(attempt),
                Some(first) => first.same_orders.push(attempt.recipe.order),
                None => explained.push(attempt),
            }
        }
        explained.sort_by_key(|a| a.recipe.assumed.len());
        partial.sort_by(|a, b| b.share().total_cmp(&a.share()));
        partial.truncate(self.options.partial);
        Ok(Guess { explained, partial, tried, refused: self.refused, chance: None })
    }
}

/// The parameters as given; and with what the engine sets by itself where nothing was given, or what it asks for.
fn variants(info: &EngineInfo, given: &Params) -> Result<Vec<(Vec<String>, Params)>> {
    let mut all = vec![(Vec::new(), given.clone())];
    if let Defaults::Library(_) = info.defaults {
        let open = info.defaults.open(given);
        let mut params = given.clone();
        for (name, value) in &open {
            params.set(name, &(*value).into())?;
        }
        if !open.is_empty() {
            all.push((open.iter().map(|(name, value)| format!("{name}={value}")).collect(), params));
        }
    }
    if info.parameters.contains(&"replacement") && given.replacement.is_none() {
        all = [true, false]
            .map(|r| (vec![format!("replacement={r}")], Params { replacement: Some(r), ..given.clone() }))
            .to_vec();
    }
    Ok(all)
}

/// The engine's stages that the parameters turn on, in its own order: those that an order must not leave out.
fn stages(
    info: &'static EngineInfo,
    params: &Params,
    seed: &str,
) -> std::result::Result<Vec<&'static str>, String> {
    let rows = params.row_seeds.as_ref().map_or(1, |seeds| seeds.split(',').count());
    build(info.name, params, seed, rows).map_err(|e| e.to_string())?;
    let without = |stage: &&'static str| {
        let order = info.order.iter().filter(|s| s != &stage).map(|s| s.to_string()).collect();
        Params { order: Some(order), ..params.clone() }
    };
    let needs = |stage: &&'static str| build(info.name, &without(stage), seed, rows).is_err();
    if !info.reorders {
        let given = params.given();
        return Ok(info.order.iter().copied().filter(|s| given.contains(s)).collect());
    }
    Ok(info.order.iter().copied().filter(needs).collect())
}

/// Some addresses in words.
fn place(found: &BTreeSet<(i64, u64)>) -> String {
    let shown: Vec<String> = found.iter().take(4).map(|(s, p)| format!("seed {s} at position {p}")).collect();
    let more = found.len().saturating_sub(shown.len());
    match more {
        0 => shown.join(" or "),
        n => format!("{} or {n} other addresses", shown.join(" or ")),
    }
}

fn on(chain: &Chain) -> Vec<&Stage> {
    chain.processors().iter().filter(|p| !p.is_off()).collect()
}

#[cfg(test)]
mod tests;
