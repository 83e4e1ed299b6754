use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::{Args, Command, ValueEnum};
use serde_json::json;
use tokpick::hypothesis::Hypothesis;
use tokpick::render::Tokens;
use tokpick::render::tree::{Ending, Growing, Tree as Drawn, TreeView};
use tokpick::sampler::{Event, Greedy, Job, Sampler};
use tokpick::trace::read_beams;
use tokpick::{Error, Result};

use crate::cli::args::{
    BudgetArgs, HistoryArgs, InputArgs, LimitArgs, ReportArgs, SearchArgs, SettingsArgs, VocabArgs, made,
    resolve_seed,
};
use crate::cli::note::{left_out, made_of, missing, no_effect, renormalised};
use crate::cli::out::Out;
use crate::cli::resolve::{Asked, Files};
use crate::cli::{Execute, Given, Screen, Status};

/// A beam search, drawn from what it considered at every step: live, pruned and finished hypotheses, where greedy search goes, and with
/// `--exact` the true best sequence. Numbers: the probability of the token after the processors, and that of all tokens so far.
#[derive(Args, Clone)]
pub struct Tree {
    #[command(flatten)]
    input: InputArgs,
    /// Draw the beams of a trace (`tokpick beam --trace FILE`) instead of searching
    #[arg(long, value_name = "FILE", help_heading = "Input", conflicts_with = "input")]
    from_trace: Option<PathBuf>,
    /// Search for the true best sequence, too (exact search, for small cases)
    #[arg(long, help_heading = "Beam search")]
    exact: bool,
    #[command(flatten)]
    budget: BudgetArgs,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    history: HistoryArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Seed of a search with noise, and of processors' coins
    #[arg(long, short, value_name = "N", help_heading = "Beam search")]
    seed: Option<u64>,
    /// At most so many pruned continuations of each beam are drawn (JSON has all)
    #[arg(long, value_name = "N", default_value_t = 2, help_heading = "Output")]
    pruned: usize,
    #[command(flatten)]
    report: ReportArgs<FormatName>,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatName {
    /// For reading
    #[default]
    Text,
    /// One document, with every continuation
    Json,
    /// A graph for Graphviz
    Dot,
    /// A flowchart for Mermaid
    Mermaid,
    /// A picture
    Svg,
    /// A page with the pictures and what was found, in one file
    Html,
}

/// Whether a flag says something about the tree of a trace.
fn is_of_traces(flag: &str) -> bool {
    let shown = ReportArgs::<FormatName>::augment_args(VocabArgs::augment_args(Command::new("tree")));
    ["from-trace", "pruned"].contains(&flag) || shown.get_arguments().any(|arg| arg.get_long() == Some(flag))
}

impl Execute for Tree {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick tree steps-small.json --num-beams 3 --vocab vocab.json",
            "tokpick tree steps-small.json --num-beams 3 -f svg -o tree.svg",
        ],
        flags: &[
            "num-beams",
            "length-penalty",
            "from-trace",
            "pruned",
            "prompt-ids",
            "max-new-tokens",
            "vocab",
            "format",
            "output",
        ],
    };

    fn execute(self, given: &Given) -> anyhow::Result<Status> {
        let mut out = self.report.open()?;
        if let Some(path) = &self.from_trace {
            let idle = given.flags().filter(|flag| !is_of_traces(flag)).map(|flag| format!("--{flag}"));
            let idle: Vec<String> = idle.collect();
            let idle: Vec<&str> = idle.iter().map(String::as_str).collect();
            no_effect(&idle, "with --from-trace: the search has been made");
            let drawn = read(path)?.trees(|_| (Vec::new(), None, None));
            let tokens = self.input.vocab.open()?;
            self.write(&drawn, tokens.as_ref(), &made(given, None), &mut out)?;
            out.finish()?;
            return Ok(Status::Done);
        }
        if self.input.is_missing() {
            return Ok(Status::Helped);
        }
        let files = Files::read(&self.settings)?;
        let search = self.search.beam(&files)?;
        let files = files.for_beams(&search);
        let mut opened = self.input.open()?;
        let (shape, tokens) = (opened.source.shape(), opened.tokens.as_ref());
        self.search.note_do_sample(&files, &search.variant);
        let mut search = self.search.with_phrases(search, tokens)?;
        let asked =
            Asked { settings: &self.settings, limits: &self.limits, history: &self.history, draw: None };
        let resolved = asked.resolve(&files, opened.source.as_ref(), shape.steps(), tokens)?;
        let seeded = resolved.chain.needs().coin || search.variant.is_random();
        let seed = seeded.then(|| resolve_seed(self.seed.or_else(|| files.get(|s| s.seed))));
        no_effect(
            &self.seed.filter(|_| !seeded).map_or(vec![], |_| vec!["--seed"]),
            "in a search without noise",
        );
        let job = Job { logprobs: true, ..resolved.job(seed.unwrap_or(0)) };
        let mut growing = Growing::default();
        let mut found = Vec::new();
        search.run(opened.source.as_mut(), &job, &mut growing, &mut |event| {
            if let Event::Done(hypothesis) = event {
                found.push(hypothesis);
            }
            Ok(())
        })?;
        let greedy = Greedy.decode(opened.source.as_mut(), &job)?;
        let mut search = self.exact.then(|| self.budget.search(1)).transpose()?;
        let exact = match &mut search {
            Some(search) => Some(search.decode(opened.source.as_mut(), &job)?),
            None => None,
        };
        let of = |all: &[Hypothesis], sequence: usize| {
            all.iter().filter(|h| h.sequence == sequence).map(Ending::from).collect::<Vec<_>>()
        };
        let drawn = growing.trees(|s| {
            let exact = exact.as_ref().and_then(|all| of(all, s).into_iter().next());
            (of(&found, s), of(&greedy, s).into_iter().next(), exact)
        });
        let made = made(given, seed.map(|s| s.to_string()).as_deref());
        let made = made_of(made, opened.source.name(), opened.left_out.as_ref(), renormalised);
        self.write(&drawn, opened.tokens.as_ref(), &made, &mut out)?;
        out.finish()?;
        search.iter().for_each(|search| BudgetArgs::said(search, false));
        missing(opened.tokens.as_ref());
        left_out(&opened, renormalised);
        Ok(Status::Done)
    }
}

impl Tree {
    fn write(&self, trees: &[Drawn], tokens: Option<&Tokens>, made: &str, out: &mut Out) -> Result<()> {
        let look = self.report.look(out);
        let view = TreeView { trees, tokens, pruned: self.pruned, made };
        out.write(|to| match self.report.format {
            FormatName::Text => view.text(&look, to),
            FormatName::Json => {
                writeln!(to, "{}", json!({"tokpick": env!("CARGO_PKG_VERSION"), "trees": trees}))
            }
            FormatName::Dot => to.write_all(view.dot().as_bytes()),
            FormatName::Mermaid => to.write_all(view.mermaid().as_bytes()),
            FormatName::Svg => to.write_all(view.svg().as_bytes()),
            FormatName::Html => to.write_all(view.html().as_bytes()),
        })
    }
}

/// The trees of a trace.
fn read(path: &Path) -> Result<Growing> {
    let file = path.display().to_string();
    let opened = File::open(path).map_err(|source| Error::Io { file: file.clone(), source })?;
    let mut growing = Growing::default();
    read_beams(&file, BufReader::new(opened))?.iter().for_each(|step| growing.add(step));
    Ok(growing)
}
