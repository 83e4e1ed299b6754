use std::io::{self, Write};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Exp1, StandardNormal, StandardUniform};
use tokpick::Error;
use tokpick::source::write::{JsonWriter, NpyWriter};

use crate::cli::args::{ToArgs, resolve_seed};
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
#[command(after_long_help = "Written row by row: any size fits in memory.")]
pub struct Synth {
    /// The axes: V, TxV or BxTxV
    #[arg(value_name = "SHAPE")]
    shape: Axes,
    /// How logits are distributed
    #[arg(long, value_name = "NAME", default_value = "zipf")]
    dist: Dist,
    /// normal: standard deviation; uniform: width; zipf: exponent
    #[arg(long, value_name = "X", allow_hyphen_values = true, default_value_t = 1.0)]
    scale: f64,
    /// Seed, 0 to 2^64 − 1 (default: a fresh one, said on standard error)
    #[arg(long, short, value_name = "N")]
    seed: Option<u64>,
    /// How they are written (default: json where the file is named so, else npy)
    #[arg(long, short, value_name = "FORMAT")]
    format: Option<FormatName>,
    #[command(flatten)]
    to: ToArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// NPY, float32
    Npy,
    /// Nested lists
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Dist {
    /// Normal logits, mean 0
    Normal,
    /// Logits evenly in [0, width)
    Uniform,
    /// Probabilities that fall with the rank to the power of the exponent, as words do
    Zipf,
}

impl Dist {
    /// One logit before scaling. Exponential logits are Pareto weights, and those follow Zipf's law when they are ranked.
    fn draw(self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Dist::Normal => StandardNormal.sample(rng),
            Dist::Uniform => StandardUniform.sample(rng),
            Dist::Zipf => Exp1.sample(rng),
        }
    }
}

/// The largest V: a row is held in memory.
const LARGEST: usize = 1 << 24;

/// One to three axes.
#[derive(Debug, Clone)]
struct Axes(Vec<usize>);

impl FromStr for Axes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let axes: Option<Vec<usize>> =
            text.split(['x', 'X', '×']).map(|n| n.trim().parse().ok().filter(|&n| n > 0)).collect();
        let fits = |axes: &Vec<usize>| {
            let size = axes.iter().try_fold(4usize, |size, &n| size.checked_mul(n));
            axes.len() <= 3 && size.is_some() && axes.last() <= Some(&LARGEST)
        };
        let what = "write V, TxV or BxTxV with numbers above 0, V at most 2^24, as in 64x32000";
        axes.filter(fits).map(Axes).ok_or_else(|| what.to_string())
    }
}

impl Execute for Synth {
    const SCREEN: Screen = Screen {
        examples: &[
            "tokpick synth 64x32000 --seed 1 -o logits.npy",
            "tokpick synth 3x8 --dist normal --seed 1 -f json",
        ],
        flags: &["dist", "scale", "seed", "format", "output"],
    };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        let fits = self.scale.is_finite() && self.scale.abs() <= 1e6;
        if !fits {
            return Err(Error::setting("--scale", self.scale, "must be a number between -1e6 and 1e6").into());
        }
        let named = self.to.output.as_ref().and_then(|p| p.extension()).is_some_and(|e| e == "json");
        let format = self.format.unwrap_or(if named { FormatName::Json } else { FormatName::Npy });
        let mut out = self.to.open()?;
        if format == FormatName::Npy && out.is_terminal() {
            anyhow::bail!("NPY is binary: write it to a file with -o FILE, or choose --format json");
        }
        let mut rng = ChaCha8Rng::seed_from_u64(resolve_seed(self.seed));
        out.write(|to| self.write(format, &mut rng, to))?;
        out.finish()?;
        Ok(Status::Done)
    }
}

impl Synth {
    fn write(&self, format: FormatName, rng: &mut ChaCha8Rng, to: &mut dyn Write) -> io::Result<()> {
        let axes = &self.shape.0;
        let vocab = axes.last().copied().unwrap_or(0);
        let rows = axes.iter().rev().skip(1).product::<usize>();
        let mut row = vec![0f32; vocab];
        let mut fill = |row: &mut [f32]| {
            row.iter_mut().for_each(|x| *x = (self.dist.draw(rng) * self.scale) as f32);
        };
        match format {
            FormatName::Npy => {
                let mut npy = NpyWriter::new(to, axes)?;
                for _ in 0..rows {
                    fill(&mut row);
                    npy.row(&row)?;
                }
                npy.finish().map(|_| ())
            }
            FormatName::Json => {
                let mut json = JsonWriter::new(to, axes)?;
                for _ in 0..rows {
                    fill(&mut row);
                    json.row(&row)?;
                }
                json.finish().map(|_| ())
            }
        }
    }
}
