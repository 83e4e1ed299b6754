use clap::Args;
use tokpick::Result;
use tokpick::draw::Draw;
use tokpick::sampler::Exact;

use crate::cli::args::resolve_seed;
use crate::cli::decode::{self, Decode, DecodeArgs, Setup, Strategy};
use crate::cli::files::Files;
use crate::cli::{Run, Status, note::note};

#[derive(Args)]
#[command(mut_args(|arg| decode::hide(arg, &["draw", "engine", "row_seeds", "replacement", "mirostat", "mirostat_tau", "mirostat_eta", "mirostat_m", "adaptive_target", "adaptive_decay", "num_samples", "stream", "num_beams", "length_penalty", "length_norm", "early_stopping", "beam_margin", "beam_sample", "stochastic", "num_beam_groups", "diversity_penalty", "force_ids"])))]
pub struct Search {
    /// Find the true best: uniform-cost search for the largest sum of log-probabilities (length penalty 0)
    #[arg(long, required = true)]
    exact: bool,
    /// Ask for at most N rows of each sequence; then the best found comes with a bound on what was missed
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    max_nodes: Option<usize>,
    #[command(flatten)]
    decode: DecodeArgs,
}

impl Search {
    fn search(&self, files: &Files) -> Result<Exact> {
        let n = self.decode.search.num_return_sequences.or_else(|| files.get(|s| s.num_return_sequences));
        let mut exact = Exact::new(n.unwrap_or(1))?;
        exact.max_nodes = self.max_nodes;
        Ok(exact)
    }

    fn seed(&self, files: &Files, setup: &Setup) -> Result<Option<u64>> {
        let number = self.decode.draw.number(files)?;
        Ok(setup.chain.needs().coin.then(|| resolve_seed(number)))
    }
}

impl Run for Search {
    fn run(self) -> anyhow::Result<Status> {
        let args = &self.decode;
        if args.input.is_missing() {
            return decode::help("search");
        }
        if args.output.stream {
            anyhow::bail!("--stream: a search knows its tokens only at its end; leave it out");
        }
        let files = Files::read(&args.settings)?;
        args.draw.refuse_engine("exact search draws nothing")?;
        let mut exact = self.search(&files)?;
        let setup = args.setup(&files)?;
        let coin = setup.chain.needs().coin;
        let mut idle = args.search.given();
        idle.retain(|flag| *flag != "--num-return-sequences");
        idle.extend(args.draw.given());
        idle.extend(args.draw.seed.as_ref().filter(|_| !coin).map(|_| "--seed"));
        decode::no_effect(&idle, "in exact search");
        let seed = self.seed(&files, &setup)?;
        let status = args.run(setup, Strategy::new(Box::new(&mut exact), None, seed))?;
        for outcome in exact.outcomes() {
            let (sequence, nodes, best) = (outcome.sequence, outcome.nodes, outcome.best);
            note(match outcome.bound {
                None => format!("sequence {sequence}: exact, after {nodes} rows"),
                Some(bound) => format!(
                    "sequence {sequence}: the node budget ended the search after {nodes} rows: the best found has log-probability \
                     {best:.6}, no other can have more than {bound:.6} (gap at most {:.6} nats)",
                    outcome.gap()
                ),
            });
        }
        Ok(status)
    }
}

impl Decode for Search {
    fn args(&self) -> &DecodeArgs {
        &self.decode
    }

    fn args_mut(&mut self) -> &mut DecodeArgs {
        &mut self.decode
    }

    fn strategy(&self, files: &Files, setup: &Setup) -> Result<Strategy<'static>> {
        Ok(Strategy::new(Box::new(self.search(files)?), None, self.seed(files, setup)?))
    }

    fn draw(&self, _: &Files, _: &Setup) -> Result<Option<Box<dyn Draw>>> {
        Ok(None)
    }
}
