//! Settings from files: what `--generation-config` and `--sampling-params` say.

use std::path::Path;

use serde_json::Value;
use tokpick::processor::{INFOS, Part};
use tokpick::render::kit::count_of;
use tokpick::sampler::{Beam, Variant};
use tokpick::settings::{self, Imported, StrategyFields};
use tokpick::source::read_text;
use tokpick::text::Tokens;
use tokpick::{Error, Result, TokenId};

use crate::cli::args::SettingsArgs;
use crate::cli::note::note;

/// The settings files of a run, by name; the later ones win.
#[derive(Debug, Default)]
pub struct Files {
    files: Vec<(String, Imported)>,
    /// How many of the files, from the first one, are transformers' own.
    of_transformers: usize,
    /// The run samples its beams, as transformers does.
    samples_beams: bool,
}

impl Files {
    /// Reads the files, and says what of them doesn't apply.
    ///
    /// # Errors
    /// A file that can't be read, or holds no settings.
    pub fn read(args: &SettingsArgs) -> Result<Files> {
        let mut files = Files::default();
        if let Some(path) = &args.generation_config {
            files.add(path, settings::generation_config)?;
            files.of_transformers = files.files.len();
        }
        if let Some(path) = &args.sampling_params {
            files.add(path, settings::sampling_params)?;
        }
        Ok(files)
    }

    fn add(&mut self, path: &Path, parse: fn(&str, &str) -> Result<Imported>) -> Result<()> {
        let name = path.display().to_string();
        let text = read_text(path)?;
        let imported = parse(&name, &text)?;
        for remark in &imported.notes {
            note(format!("{name}: {remark}"));
        }
        self.files.push((name, imported));
        Ok(())
    }

    /// The files as a beam search follows them: beam sampling has truncations keep enough tokens to go on with.
    pub fn for_beams(mut self, search: &Beam) -> Files {
        self.samples_beams = search.variant == Variant::Sample && search.num_beams > 1;
        if search.variant.is_random() { self } else { self.without_draws() }
    }

    /// The files as a search that draws nothing follows them: without what transformers leaves out where it doesn't sample.
    pub fn without_draws(mut self) -> Files {
        for (file, settings) in &mut self.files[..self.of_transformers] {
            let (idle, left): (Vec<_>, Vec<_>) =
                settings.entries.drain(..).partition(|(name, _)| samples(name));
            settings.entries = left;
            // else it was said when the file was read
            if settings.strategy.do_sample == Some(true) && !idle.is_empty() {
                let idle: Vec<&str> = idle.iter().map(|e| e.0.as_str()).collect();
                note(format!(
                    "{file}: left out where nothing is drawn, as in transformers: {}",
                    idle.join(", ")
                ));
            }
        }
        self
    }

    /// The files as a command follows them that draws, or shows what would be drawn, whatever they say; `why` is what a user reads.
    pub fn drawing(self, why: &str) -> Files {
        for (file, settings) in &self.files[..self.of_transformers] {
            let kept: Vec<&str> =
                settings.entries.iter().map(|e| e.0.as_str()).filter(|name| samples(name)).collect();
            if settings.strategy.do_sample != Some(true) && !kept.is_empty() {
                note(format!("{file}: kept all the same, as {why}: {}", kept.join(", ")));
            }
        }
        self
    }

    /// True if the run samples its beams, as transformers does.
    pub fn samples_beams(&self) -> bool {
        self.samples_beams
    }

    /// The processors, by name and JSON form; of a name in several files, the last one.
    pub fn entries(&self) -> Vec<(String, Value)> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        for (name, form) in self.files.iter().flat_map(|(_, file)| file.entries.iter().cloned()) {
            entries.retain(|e| e.0 != name);
            entries.push((name, form));
        }
        entries
    }

    /// The file that sets a processor.
    pub fn origin(&self, processor: &str) -> Option<&str> {
        let sets = |file: &&(String, Imported)| file.1.entries.iter().any(|e| e.0 == processor);
        self.files.iter().rev().find(sets).map(|(name, _)| name.as_str())
    }

    /// Says which fields have no effect where no beams are searched.
    pub fn note_beams(&self) {
        if let Some(beams) = self.get(|s| s.num_beams).filter(|&beams| beams > 1) {
            note(format!("no effect: num_beams {beams} (it is for `tokpick beam`)"));
        }
    }

    /// A field of the strategy.
    pub fn get<T>(&self, field: impl Fn(&StrategyFields) -> Option<T>) -> Option<T> {
        self.named(field).map(|(_, value)| value)
    }

    /// A field of the strategy, behind the name of its file.
    fn named<T>(&self, field: impl Fn(&StrategyFields) -> Option<T>) -> Option<(&str, T)> {
        self.files.iter().rev().find_map(|(name, file)| Some((name.as_str(), field(&file.strategy)?)))
    }

    /// The stop strings, where token strings tell the text.
    pub fn stop(&self, tokens: Option<&Tokens>) -> Option<Vec<String>> {
        let (file, strings) = self.named(|s| s.stop.clone())?;
        if tokens.is_none() {
            note(format!(
                "{file}: stop: needs token strings (--tokenizer FILE, --vocab FILE), and ends nothing here"
            ));
            return None;
        }
        Some(strings)
    }

    /// The forbidden words, where a tokenizer tells their ids.
    pub fn bad_words(&self, tokens: Option<&Tokens>) -> Vec<String> {
        let Some((file, words)) = self.named(|s| s.bad_words.clone()) else { return Vec::new() };
        if words.is_empty() || tokens.is_some_and(Tokens::is_tokenizer) {
            return words;
        }
        note(format!(
            "{file}: bad_words: needs a tokenizer (--tokenizer FILE), or lists of ids; they forbid nothing here"
        ));
        Vec::new()
    }

    /// The files as a search follows them that knows no text.
    pub fn without_stop(mut self) -> Files {
        self.note_stop();
        self.files.iter_mut().for_each(|(_, file)| file.strategy.stop = None);
        self
    }

    /// Says that stop strings have no effect where nothing is decoded.
    pub fn note_stop(&self) {
        if let Some((file, _)) = self.named(|s| s.stop.clone()) {
            note(format!("{file}: no effect: stop (it is for `greedy`, `sample` and `beam`)"));
        }
    }

    /// The end tokens, where `given` are those of a flag, and `model` those that a model's folder names.
    ///
    /// As in vLLM: the stop tokens of every file end a sequence beside the end tokens, which the flag gives or else a file; a file may
    /// say that the end tokens are ignored, but not those of the flag.
    pub fn ends(&self, given: Option<Vec<TokenId>>, model: Option<&[TokenId]>) -> Ends {
        let ignored = given.is_none() && self.get(|s| s.ignore_eos) == Some(true);
        let eos = given.or_else(|| self.get(|s| s.eos_token_id.clone()));
        let eos = eos.or_else(|| model.map(<[_]>::to_vec)).unwrap_or_default();
        let stop = self.files.iter().filter_map(|(_, file)| file.strategy.stop_token_ids.as_ref()).flatten();
        let stop: Vec<TokenId> = stop.copied().collect();
        let united = |eos: &[TokenId]| {
            let mut ids = [eos, &stop].concat();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        Ends { ending: united(if ignored { &[] } else { &eos }), all: united(&eos) }
    }

    /// The limit of new tokens after `before` ids.
    ///
    /// # Errors
    /// A maximum length that leaves no room for a token: transformers refuses it, too.
    pub fn max_new_tokens(&self, before: usize) -> Result<Option<usize>> {
        let limits = |s: &StrategyFields| match (s.max_new_tokens, s.max_length) {
            (Some(new), _) => Some(Ok(new)),
            (None, Some(max)) => Some(max.checked_sub(before).filter(|&new| new > 0).ok_or(max)),
            (None, None) => None,
        };
        self.get(limits).transpose().map_err(|max| {
            let what = format!(
                "{} before the first new token leave no room for it: raise it, or give --max-new-tokens",
                count_of(before, "id")
            );
            Error::setting("max_length", max, what)
        })
    }
}

/// True for a processor that transformers applies only where it samples.
fn samples(name: &str) -> bool {
    INFOS.iter().any(|info| info.name == name && info.places.hf.0 == Part::Sampling)
}

/// The tokens at which a sequence may end.
pub struct Ends {
    /// Those that end one; ascending.
    pub ending: Vec<TokenId>,
    /// Those and the ones that are ignored: a minimum of tokens bars these, too.
    pub all: Vec<TokenId>,
}
