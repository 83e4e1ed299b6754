use clap::{Args, ValueEnum};
use tokpick::check::Known;
use tokpick::draw::RowCoins;
use tokpick::processor::{Chain, Context, Kind, Stage};
use tokpick::render::{self, Distribution, ProbsFormat};
use tokpick::sampler::walk;

use crate::cli::args::{
    DigitsName, HistoryArgs, IdsArgs, InputArgs, LimitArgs, SettingsArgs, ToArgs, resolve_seed,
};
use crate::cli::host::{self, Want};
use crate::cli::note::{left_out, missing, no_effect};
use crate::cli::resolve::Asked;
use crate::cli::shard;
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
#[command(
    after_long_help = "A row for each step, with the history prompt and prefix; with `--ids`, the tokens taken at the steps before count, too."
)]
pub struct Probs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    ids: IdsArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// At most so many tokens of each row, the most probable ones
    #[arg(long, value_name = "N", help_heading = "Output")]
    top: Option<usize>,
    /// How distributions are written
    #[arg(long, short, value_name = "FORMAT", default_value = "tsv", help_heading = "Output")]
    format: FormatName,
    /// Digits of the probabilities in lines: 6 significant ones, or all (JSON has all)
    #[arg(
        long,
        value_name = "6|full",
        default_value = "6",
        hide_default_value = true,
        hide_possible_values = true,
        help_heading = "Output"
    )]
    digits: DigitsName,
    #[command(flatten)]
    to: ToArgs,
    /// Seed of the coins that a processor tosses (XTC)
    #[arg(long, short, value_name = "N", help_heading = "Output")]
    seed: Option<u64>,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// `step<TAB>id<TAB>probability[<TAB>token]`, most probable first; a sequence column first where there are several
    Tsv,
    /// One document, ids ascending, with entropy, count and what the kept tokens had before truncation
    Json,
    /// A JSON line for each row
    Jsonl,
    /// The sampling mask: a JSON line for each sequence, with the ids that are left at each step as nested lists (SGLang)
    Mask,
    /// The same with all ids in one list and offsets (CSR, vLLM)
    MaskCsr,
}

impl Execute for Probs {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick probs steps.npy --top 3",
            "tokpick probs steps.npy -t 0.7 -p 0.9 --rows 0..2 -f json",
        ],
        flags: &[
            "temperature",
            "top-k",
            "top-p",
            "min-p",
            "rows",
            "ids",
            "vocab",
            "tokenizer",
            "top",
            "format",
            "output",
        ],
    };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        if self.input.is_missing() {
            return Ok(Status::Helped);
        }
        let mut opened = self.input.open()?;
        let mut out = self.to.open()?;
        let shape = opened.source.shape();
        let asked =
            Asked { settings: &self.settings, limits: &self.limits, history: &self.history, draw: None };
        let (files, resolved) = asked
            .over(&opened, shape.steps(), |files| files.drawing("`probs` shows what `sample` draws from"))?;
        if self.format == FormatName::Json {
            shard::refuse_parts(&opened, shard::ONE_DOCUMENT)?;
        }
        let given = self.seed.or_else(|| files.get(|s| s.seed));
        if resolved.chain.needs().coin && given.is_none() {
            shard::refuse_parts(&opened, shard::NO_SEED)?;
        }
        let seed = match resolved.chain.needs().coin {
            true => resolve_seed(given),
            false => {
                no_effect(&self.seed.map_or(vec![], |_| vec!["--seed"]), "where no processor tosses a coin");
                0
            }
        };
        let job = resolved.job(seed);
        let whole = whole(&resolved.chain);
        let format = match self.format {
            FormatName::Tsv => ProbsFormat::Tsv,
            FormatName::Json => ProbsFormat::Json,
            FormatName::Jsonl => ProbsFormat::Jsonl,
            FormatName::Mask => ProbsFormat::Mask,
            FormatName::MaskCsr => ProbsFormat::MaskCsr,
        };
        let is_mask = matches!(format, ProbsFormat::Mask | ProbsFormat::MaskCsr);
        if let Some(top) = self.top.filter(|_| is_mask) {
            return Err(tokpick::Error::setting("--top", top, "a mask is of all tokens that are left").into());
        }
        let mut probs = render::Probs::new(format, self.top, opened.sequences > 1);
        probs.digits = self.digits.into();
        probs.ids = opened.source.ids();
        let tokens = opened.tokens.as_ref();
        let ids = self.ids.resolve(tokens, opened.source.as_ref())?.map(|ids| opened.of_part(ids, 1));
        walk(opened.source.as_mut(), &job, ids.as_deref(), &mut (), &mut |visit| {
            let (sequence, step, c) = (visit.sequence, visit.step, visit.candidates);
            let whole = whole.as_ref().filter(|_| format != ProbsFormat::Tsv && !is_mask);
            let mut row = match self.top.filter(|_| whole.is_none() && host::wants().is_none()) {
                Some(n) => Distribution::top(sequence, step, c, n),
                None => Distribution::new(sequence, step, c),
            };
            if let Some(whole) = whole {
                let (context, prompt_len) = (visit.context, job.prompt.len());
                let coins = RowCoins { seed, lane: 0, sequence, sample: 0, step };
                c.reset();
                whole.apply(c, &Context { context, prompt_len, sequence, step, coins: &coins })?;
                row.kept_mass = Distribution::new(sequence, step, c).mass_of(&row.ids);
            }
            if host::wants() == Some(Want::Rows) {
                host::hand(|taken| taken.rows.push((row, c.vocab())));
                return Ok(());
            }
            out.write(|to| probs.row(row, tokens, to))
        })?;
        out.write(|to| probs.end(to))?;
        out.finish()?;
        missing(opened.tokens.as_ref());
        left_out(&opened, |left| Known::of(&resolved.chain, left).words());
        Ok(Status::Done)
    }
}

/// The chain without its truncations; `None` where it has none.
fn whole(chain: &Chain) -> Option<Chain> {
    let on = || chain.processors().iter().filter(|p| !p.is_off());
    let cuts = |p: &&Stage| p.info().kind == Kind::Truncation;
    on().any(|p| cuts(&p)).then(|| Chain::new(on().filter(|p| !cuts(p)).cloned()))
}
