//! `--guess`: the recipe of ids whose origin is lost.

use std::path::Path;

use serde_json::json;
use tokpick::check::{self, Addresses, GuessOptions};
use tokpick::engine::Params;
use tokpick::source::Layout;
use tokpick::{Error, Result, TokenId};

use super::Verify;
use super::judge::FormatName;
use crate::cli::Status;
use crate::cli::args::{Opened, Seed};
use crate::cli::named::NamedLists;
use crate::cli::note::note;

/// So many addresses take a while.
const WORTH_SAYING: f64 = 1e8;

impl Verify {
    pub(super) fn guess(&self, lists: &NamedLists) -> anyhow::Result<Status> {
        let seed = self.draw.seed.as_ref();
        if seed.is_none() && self.judge.seeds.is_none() {
            let what =
                "a guess needs the seed, or --seeds A..B for the engines whose seeds can be looked for";
            return Err(Error::setting("--seed", "(none)", what).into());
        }
        let mut out = self.judge.report.open()?;
        let mut best: Option<check::Guess> = None;
        let mut failure = None;
        for layout in self.layouts()? {
            let mut opened = self.input.open_as(layout, false)?;
            Self::refuse_made_up(opened.source.as_ref())?;
            let ids = lists.resolve(self.ids.flag(), opened.tokens.as_ref())?;
            match self.guess_in(&mut opened, &ids, seed) {
                Ok(guess) => {
                    let guess = match layout {
                        Some(layout) => guess.under(layout),
                        None => guess,
                    };
                    match &mut best {
                        Some(best) => best.join(guess),
                        None => best = Some(guess),
                    }
                }
                Err(error) => failure = Some(error),
            }
        }
        let guess = match (best, failure) {
            (Some(guess), _) => guess,
            (None, Some(error)) => return Err(error.into()),
            (None, None) => return Ok(Status::No),
        };
        let look = self.judge.report.look(&out);
        out.report(|to| match self.judge.report.format {
            FormatName::Text => guess.text(&look, to),
            FormatName::Json => {
                let mut document = json!(guess);
                document["tokpick"] = json!(env!("CARGO_PKG_VERSION"));
                document["holds"] = json!(!guess.explained.is_empty());
                document["seed"] = json!(seed.map(Seed::json));
                writeln!(to, "{document}")
            }
        })?;
        out.finish_report()?;
        Ok(if guess.explained.is_empty() { Status::No } else { Status::Done })
    }

    /// The layouts that are tried: the given one; both, where a file has three axes.
    fn layouts(&self) -> Result<Vec<Option<Layout>>> {
        if self.input.layout.is_some() || self.input.input.as_deref().is_none_or(|p| p == Path::new("-")) {
            return Ok(vec![self.input.layout]);
        }
        let axes = self.input.open()?.source.format().axes.len();
        Ok(if axes == 3 { vec![Some(Layout::Btv), Some(Layout::Tbv)] } else { vec![None] })
    }

    fn guess_in(
        &self,
        opened: &mut Opened,
        ids: &[Vec<TokenId>],
        seed: Option<&Seed>,
    ) -> Result<check::Guess> {
        let longest = ids.iter().map(Vec::len).max();
        let asked = self.asked(None);
        let (files, resolved) = asked.over(opened, longest, |files| files)?;
        let params = asked.params(&self.draw, &files, &resolved, opened.tokens.as_ref())?;
        let job = resolved.job(seed.map_or(0, Seed::coins));
        let addresses = self.addresses(&params, seed)?;
        let seed = seed.map(|s| s.0.as_str());
        let tries =
            addresses.as_ref().map_or(0.0, |all| all.tries(&params, job.prompt.len() + job.prefix.len()));
        if (WORTH_SAYING..=Addresses::MOST).contains(&tries) {
            note(format!(
                "{tries:.1e} addresses to try; a thousand million take some five minutes of a core"
            ));
        }
        let options = GuessOptions { seed, addresses: addresses.as_ref(), params: &params, partial: 3 };
        check::guess(opened.source.as_mut(), &job, ids, &options)
    }

    /// Where to look for seeds and positions; `None` for a seed that those engines don't take.
    fn addresses(&self, params: &Params, seed: Option<&Seed>) -> Result<Option<Addresses>> {
        let seeds = match (self.judge.seeds, seed.and_then(|s| s.0.trim().parse::<i64>().ok())) {
            (Some((from, to)), _) => from..to,
            (None, Some(seed)) => seed..seed.saturating_add(1),
            (None, None) => return Ok(None),
        };
        let positions = match (self.judge.positions, &params.position) {
            (Some((from, to)), _) => {
                let from = u64::try_from(from)
                    .map_err(|_| Error::setting("--positions", from, "a position is 0 or more"))?;
                Some(from..to as u64)
            }
            (None, Some(position)) => {
                let what = "a guess looks for one range: give --positions A..B";
                let position: u64 =
                    position.trim().parse().map_err(|_| Error::setting("--position", position, what))?;
                Some(position..position.saturating_add(1))
            }
            (None, None) => None,
        };
        Ok(Some(Addresses { seeds, positions }))
    }
}
