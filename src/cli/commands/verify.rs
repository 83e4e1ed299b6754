mod guess;
mod judge;
mod records;

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};
use tokpick::check::{self, Clip, Known, MaskReport, Record, Tolerance, VerifyOptions};
use tokpick::draw::{Argmax, Draw};
use tokpick::engine::{Batch, Watch};
use tokpick::sampler::Job;
use tokpick::source::LogitsSource;
use tokpick::{Error, Place, Result, TokenId};

use self::judge::{FormatName, JudgeArgs};
use crate::cli::args::{DrawArgs, HistoryArgs, IdsArgs, InputArgs, LimitArgs, Seed, SettingsArgs, hide};
use crate::cli::named::NamedLists;
use crate::cli::note::{left_out, no_effect, note};
use crate::cli::resolve::{Asked, Setup};
use crate::cli::strategy::{self, is_greedy, samples};
use crate::cli::{Execute, Given, Screen, Status};

/// `verify RECORD` repeats a recorded run. `verify INPUT --ids …` draws every step again, with the claimed ids as history, and
/// tells for each mismatch by how much the claimed token lost (after Token-DiFR, arXiv 2511.20621): the score difference of a
/// race, or the distance of the uniform to the token's interval. `--guess` looks for the engine, order and batch convention.
///
/// Exit status: 0 it holds, 1 it does not (or nothing explains the ids), 2 it can't be checked.
#[derive(Args, Clone)]
#[command(mut_args(|arg| hide(arg, |flag| ["--threads", "--max-new-tokens"].contains(&flag))))]
pub struct Verify {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    ids: IdsArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    draw: DrawArgs,
    #[command(flatten)]
    judge: JudgeArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Execute for Verify {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick verify steps-small.json --ids 307,318,278,372 --greedy",
            "tokpick sample steps.npy -s 7 | tokpick verify steps.npy --ids-file - -s 7",
            "tokpick sample steps.npy -s 7 -o ids --record - | tokpick verify -",
        ],
        flags: &[
            "ids",
            "ids-file",
            "seed",
            "engine",
            "position",
            "greedy",
            "guess",
            "logit-noise",
            "temperature",
            "top-p",
            "format",
            "output",
        ],
    };

    fn execute(mut self, given: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return Ok(Status::Helped);
        }
        self.judge.check()?;
        let lists = match self.claims()? {
            Some(lists) => Some(lists.some(self.ids.flag())?),
            None => self.ids.lists()?,
        };
        let Some(lists) = lists.or_else(|| self.carried()) else { return self.without_ids(given) };
        if let Some(more) = self.judge.more.first() {
            let what = "with ids, one input is verified: leave it out";
            return Err(Error::setting("RECORD", more.display(), what).into());
        }
        if let Some(moved) = &self.judge.moved {
            let what = "is for a record: with ids, the input is the first argument";
            return Err(Error::setting("--input", moved.display(), what).into());
        }
        self.refuse_record()?;
        no_effect(
            &self.draw.threads.map_or(vec![], |_| vec!["--threads"]),
            "in verify, which reads row by row",
        );
        if !self.judge.guess {
            return self.ids(&lists);
        }
        let judging = ["--logit-noise", "--alpha", "--clip", "--min-match", "--max-margin", "--top"];
        let idle: Vec<&str> = judging.into_iter().filter(|flag| given.has(&flag[2..])).collect();
        no_effect(&idle, "with --guess");
        self.guess(&lists)
    }
}

impl Verify {
    /// True for a file that is a record.
    fn is_record(path: &Path) -> bool {
        let mut start = Vec::new();
        // a record is a text and says early what it is
        let read = std::fs::File::open(path).and_then(|file| file.take(1 << 12).read_to_end(&mut start));
        read.is_ok() && Record::is_record(&start)
    }

    /// The ids that the input itself carries, where it is a file of rows that does.
    fn carried(&self) -> Option<NamedLists> {
        let path = self.input.input.as_deref().filter(|path| path.is_file())?;
        if Self::is_record(path) || !self.judge.more.is_empty() {
            return None;
        }
        // what is no input at all is asked for as a record
        let ids = self.input.carried().unwrap_or_default();
        ids.iter().any(|ids| !ids.is_empty()).then(|| NamedLists::of(ids.into_iter()))
    }

    /// Refuses a record where logits are read: it has ids of its own.
    fn refuse_record(&self) -> Result<()> {
        let Some(path) = self.input.input.as_deref().filter(|path| path.is_file()) else { return Ok(()) };
        if Self::is_record(path) {
            let what = format!(
                "{} is a record, which holds its ids: leave the flag out, or give the logits that the ids were drawn from",
                path.display()
            );
            return Err(Error::setting(self.ids.flag(), "", what));
        }
        Ok(())
    }

    /// Refuses rows whose tokens were numbered in order of appearance: a draw depends on the ids.
    fn refuse_made_up(source: &dyn LogitsSource) -> Result<()> {
        let made_up: usize = source.carried().iter().map(|carried| carried.numbered.len()).sum();
        if made_up == 0 {
            return Ok(());
        }
        let what = format!(
            "{made_up} of its tokens have no ids and were numbered in order of appearance, and what a seed draws depends on the ids: \
             `Vocab` gives the strings that they are found by"
        );
        Err(Error::input(source.name(), Place::default(), what))
    }

    fn ids(&self, lists: &NamedLists) -> anyhow::Result<Status> {
        let opened = self.input.open()?;
        if !self.judge.greedy {
            Self::refuse_made_up(opened.source.as_ref())?;
        }
        let ids = lists.resolve(self.ids.flag(), opened.tokens.as_ref())?;
        let ids = opened.of_part(ids, self.draw.num_samples.unwrap_or(1));
        let mut out = self.judge.report.open()?;
        let longest = ids.iter().map(Vec::len).max();
        let (files, resolved) =
            self.asked(Some(&self.draw)).over(&opened, longest, |files| match self.judge.greedy {
                true => files.without_draws(),
                false => files.drawing("the ids are taken for drawn ones; --greedy verifies a search"),
            })?;
        let setup = Setup { opened, files, resolved, logprobs: true };
        let samples = samples(&self.draw, &setup.files)?;
        let (mut draw, seed, temperature) = self.drawing(&setup, samples)?;
        let Setup { mut opened, resolved, .. } = setup;
        let job = resolved.job(seed.as_ref().map_or(0, Seed::coins));
        let options = VerifyOptions {
            logit_noise: self.judge.logit_noise,
            temperature,
            alpha: self.judge.alpha,
            clip: Clip(self.judge.clip),
            tolerance: self.tolerance()?,
        };
        let mask = match &self.judge.mask {
            Some(file) => {
                Some(self.masks(file, opened.source.as_mut(), &job, (samples == 1).then_some(&ids[..]))?)
            }
            None => None,
        };
        let found = check::verify(opened.source.as_mut(), &job, draw.as_mut(), samples, &ids, &options)?;
        let holds = found.holds(self.judge.min_match, self.judge.max_margin)
            && mask.as_ref().is_none_or(MaskReport::holds);
        let look = self.judge.report.look(&out);
        out.report(|to| match self.judge.report.format {
            FormatName::Text => {
                found.text(self.judge.top, self.judge.logit_noise, self.judge.alpha, &look, to)?;
                match &mask {
                    Some(mask) => mask.text(self.judge.top, opened.tokens.as_ref(), &look, to),
                    None => Ok(()),
                }
            }
            FormatName::Json => {
                let mut document = json!({
                    "tokpick": env!("CARGO_PKG_VERSION"),
                    "draw": draw.name(),
                    "seed": seed.as_ref().map(Seed::json),
                    "chain": resolved.chain.json(),
                    "holds": holds,
                    "verification": found,
                });
                if let Some(mask) = &mask {
                    document["mask"] = json!(mask);
                }
                writeln!(to, "{document}")
            }
        })?;
        out.finish_report()?;
        left_out(&opened, |left| match self.judge.greedy {
            true => Known::greedily(&resolved.chain, left).words(),
            false => Known::of(&resolved.chain, left).words(),
        });
        if !holds
            && found.is_undecided(self.judge.min_match, self.judge.max_margin)
            && mask.as_ref().is_none_or(MaskReport::holds)
        {
            let what = format!(
                "{} of {} steps can't be decided: the rows leave out tokens that the draw depends on (ask the server for all of them, or \
                 give the logits)",
                found.summary.undecided, found.summary.steps
            );
            return Err(Error::input(opened.source.name(), Place::default(), what).into());
        }
        Ok(if holds { Status::Done } else { Status::No })
    }

    /// Holds masks against the rows; they are read a second time for the draws.
    fn masks(
        &self,
        file: &Path,
        source: &mut dyn LogitsSource,
        job: &Job<'_>,
        ids: Option<&[Vec<TokenId>]>,
    ) -> Result<MaskReport> {
        if source.shared().is_none() {
            let what =
                "--mask reads the rows twice, and these come once: save them as NPY (`tokpick convert`)";
            return Err(Error::input(source.name(), Place::default(), what));
        }
        let name = file.display().to_string();
        let mut masks = check::read_masks(&name, tokpick::source::read_text(file)?.as_bytes())?;
        if let Some(rows) = self.input.rows {
            masks.iter_mut().for_each(|mask| mask.select(rows));
        }
        check::check_masks(source, job, ids, &name, &masks)
    }

    /// The draw that is claimed, its seed, and the temperature between raw logits and scores.
    fn drawing(&self, setup: &Setup, samples: usize) -> Result<(Box<dyn Draw>, Option<Seed>, f64)> {
        let resolved = &setup.resolved;
        let coin = resolved.chain.needs().coin;
        let seeded = self.draw.seed.is_some()
            || self.draw.engine.row_seeds.is_some()
            || setup.files.get(|s| s.seed).is_some();
        if !seeded && (coin || !self.judge.greedy) && !is_greedy(&resolved.chain) {
            let what = "which seed were they drawn with? (or --greedy, if they were not drawn)";
            return Err(Error::setting("--seed", "(none)", what));
        }
        let temperature = match &resolved.params {
            Some(params) => params.temperature.filter(|&t| t > 0.0).unwrap_or(1.0),
            None => VerifyOptions::temperature_of(&resolved.chain),
        };
        if self.judge.greedy {
            self.draw.refuse_engine("--greedy takes the best token, as every engine does")?;
            return Ok((Box::new(Argmax), self.draw.seed.clone().filter(|_| coin), temperature));
        }
        let drawing = strategy::draw(&self.draw, setup, samples, Watch::Ids)?;
        Ok((drawing.draw, drawing.seed, temperature))
    }

    fn asked<'a>(&'a self, draw: Option<&'a DrawArgs>) -> Asked<'a> {
        Asked { settings: &self.settings, limits: &self.limits, history: &self.history, draw }
    }

    /// Whether the claimed engine draws by seed and position alone.
    fn addressed(&self) -> Result<bool> {
        match &self.draw.engine.engine {
            Some(name) => Ok(tokpick::engine::find(name)?.batch == Batch::Addressed),
            None => Ok(false),
        }
    }

    /// What a faithful server may differ by: as the flags say, or as is usual for engines without a state.
    fn tolerance(&self) -> Result<Option<Tolerance>> {
        let cut = self.judge.cut_tolerance;
        let usual = self.addressed()?.then(|| Tolerance { cut, ..Tolerance::default() });
        Ok(self.judge.tolerance.map(|score| Tolerance { score, spacings: 0.0, cut, noise: 0.0 }).or(usual))
    }

    /// Why the seeds of a file of ids are not used, where flags leave no room for them; nothing is said of a flag that gives the same.
    fn refused_seeds(&self, seeds: &[String]) -> Option<&'static str> {
        let given = self.draw.seed.as_ref().map(|seed| &seed.0);
        match () {
            () if seeds.is_empty() || given.is_some_and(|given| seeds.iter().all(|seed| seed == given)) => {
                None
            }
            () if self.gives_seeds() => Some("the flags give others"),
            () if self.judge.greedy => Some("--greedy draws nothing"),
            () => None,
        }
    }

    /// True if flags say which seeds are looked at.
    fn gives_seeds(&self) -> bool {
        self.draw.seed.is_some() || self.draw.engine.row_seeds.is_some() || self.judge.seeds.is_some()
    }

    /// Takes over the seed that a run of tokpick's own has written beside its ids, where no flag gives one.
    fn own_seed(&mut self, file: &str, text: &str) -> Result<()> {
        let documents = match serde_json::from_str::<Value>(text) {
            Ok(document) => vec![document],
            Err(_) => text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect(),
        };
        let seeds = documents.iter().filter_map(|document| match &document["seed"] {
            Value::Number(n) => Some(n.to_string()),
            Value::String(text) => Some(text.clone()),
            _ => None,
        });
        let mut known = HashSet::new();
        let seeds: Vec<String> = seeds.filter(|seed| known.insert(seed.clone())).collect();
        if let Some(why) = self.refused_seeds(&seeds) {
            note(format!(
                "{file}: its {} not used: {why}",
                if seeds.len() == 1 { "seed is" } else { "seeds are" }
            ));
            return Ok(());
        }
        let seed = match &seeds[..] {
            [] => return Ok(()),
            _ if self.gives_seeds() => return Ok(()),
            [seed] => seed,
            [first, second, rest @ ..] => {
                let more = if rest.is_empty() { "" } else { ", …" };
                let what =
                    format!("its lines have {} seeds ({first}, {second}{more}): give --seed", seeds.len());
                return Err(Error::input(file, Place::default(), what));
            }
        };
        note(format!("{file}: its seed {seed} is taken; other settings come from flags alone"));
        self.draw.seed = Some(Seed(seed.clone()));
        Ok(())
    }

    /// The ids of a server's answers, where the file of ids holds such; seeds, positions and prompts go where flags left them
    /// open.
    fn claims(&mut self) -> Result<Option<NamedLists>> {
        let Some((file, text)) = self.ids.text()? else { return Ok(None) };
        let mut found = check::claims(&file, &text, None);
        // read only where ids are lacking: it may be standard input
        if found.is_err()
            && let Some(tokens) = self.input.vocab.open()?
        {
            found = check::claims(&file, &text, Some(&tokens.names()));
        }
        let Some(claims) = found? else {
            self.own_seed(&file, &text)?;
            return IdsArgs::of_file(&file, &text).map(Some);
        };
        let addressed = self.addressed()?;
        let seeds: Vec<String> = claims.iter().filter_map(|c| c.seed.map(|seed| seed.to_string())).collect();
        let (all, same) = (seeds.len() == claims.len(), seeds.windows(2).all(|w| w[0] == w[1]));
        let (refused, is_given) = (self.refused_seeds(&seeds), self.gives_seeds());
        let engine = &mut self.draw.engine;
        if let Some(why) = refused {
            note(format!("{file}: its seeds are not used: {why}"));
        } else if is_given {
            // the same ones, or none
        } else if addressed && all {
            engine.row_seeds = Some(seeds.join(","));
        } else if let Some(seed) = seeds.first().filter(|_| all && same) {
            self.draw.seed = Some(Seed(seed.clone()));
        } else if !seeds.is_empty() {
            let what = format!(
                "{} of {} answers have a seed, and not one for all: give --seed",
                seeds.len(),
                claims.len()
            );
            return Err(Error::input(&file, Place::default(), what));
        }
        let positions: Option<Vec<String>> =
            claims.iter().map(|c| c.position().map(|p| p.to_string())).collect();
        if addressed && engine.position.is_none() {
            engine.position = positions.map(|p| p.join(","));
        }
        if engine.engine.is_some() && self.history.prompt_ids.is_none() {
            engine.prompts = claims.iter().map(|c| c.prompt.as_ref().map(|ids| ids.to_vec())).collect();
        }
        let mut settings: Vec<String> =
            claims.iter().flat_map(|c| &c.settings).map(|(n, v)| format!("{n} {v}")).collect();
        settings.sort();
        settings.dedup();
        if !settings.is_empty() {
            note(format!("{file} names {}: settings come from flags alone", settings.join(", ")));
        }
        Ok(Some(NamedLists::of(claims.into_iter().map(|c| c.ids))))
    }
}
