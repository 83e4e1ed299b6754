use serde_json::Value;

use super::chain::find;
use super::processor;
use crate::processor::{At, Chain, INFOS, Places};
use crate::{Error, Result};

/// An order of processors: that of an engine, or a list of names.
///
/// An engine's own processors stand in its own order. What it lacks is placed so that it means what its author meant:
///
/// - methods of two models first: they make the row that everything else works on;
/// - penalties and constraints after the engine's own (transformers: where it runs a user's own processors);
/// - truncations and shapes after the engine's own truncations, before the temperature where that comes last.
///
/// ```
/// use tokpick::settings;
/// let order = settings::order("llama.cpp")?;
/// let at = |name| order.names().iter().position(|n| *n == name);
/// assert!(at("repetition_penalty") < at("top_k") && at("xtc") < at("temperature"));
/// # Ok::<(), tokpick::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    preset: Option<&'static str>,
    names: Vec<&'static str>,
}

/// The processors by their place in an engine's order.
fn by_place(place: fn(&Places) -> At) -> Vec<&'static str> {
    let mut infos = INFOS.to_vec();
    infos.sort_by_key(|info| place(&info.places));
    infos.into_iter().map(|info| info.name).collect()
}

impl Order {
    /// The names of the presets; the first is the default.
    pub const PRESETS: [&'static str; 3] = ["hf", "llama.cpp", "vllm"];

    /// The order of transformers, the default.
    pub fn hf() -> Self {
        Order { preset: Some("hf"), names: by_place(|p| p.hf) }
    }

    /// The order of llama.cpp: temperature last, so that truncations see the distribution before it.
    pub fn llama_cpp() -> Self {
        Order { preset: Some("llama.cpp"), names: by_place(|p| p.llama_cpp) }
    }

    /// The order of vLLM's V1 engine: min-p between temperature and top-k.
    pub fn vllm() -> Self {
        Order { preset: Some("vllm"), names: by_place(|p| p.vllm) }
    }

    /// The processors by name, first to last.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The preset's name; `None` for a list.
    pub fn preset(&self) -> Option<&'static str> {
        self.preset
    }
}

impl Default for Order {
    fn default() -> Self {
        Order::hf()
    }
}

/// Reads an order: `hf`, `llama.cpp`, `vllm`, or a list of processor names separated by commas (written with `-` or `_`).
///
/// # Errors
/// A name that is neither (the message has the nearest one), a name that comes twice, an empty list.
///
/// ```
/// use tokpick::settings;
/// let order = settings::order("top-k,top-p,temperature")?;
/// assert_eq!(order.names(), ["top_k", "top_p", "temperature"]);
/// assert!(settings::order("temprature").unwrap_err().to_string().contains("did you mean temperature?"));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn order(text: &str) -> Result<Order> {
    match text.trim() {
        "hf" => return Ok(Order::hf()),
        "llama.cpp" => return Ok(Order::llama_cpp()),
        "vllm" => return Ok(Order::vllm()),
        _ => {}
    }
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if let [lone] = parts.as_slice()
        && find(lone).is_err()
    {
        let names: Vec<&str> = Order::PRESETS.into_iter().chain(INFOS.iter().map(|info| info.name)).collect();
        return Err(Error::setting("order", text, super::unknown("order", &lone.replace('-', "_"), &names)));
    }
    let mut names = Vec::with_capacity(parts.len());
    for part in parts {
        let info = find(part).map_err(|e| match e {
            Error::Setting { value, what, .. } => Error::setting("order", value, what),
            other => other,
        })?;
        if names.contains(&info.name) {
            let what = format!("names {} twice: each processor has one place", info.name);
            return Err(Error::setting("order", text, what));
        }
        names.push(info.name);
    }
    if names.is_empty() {
        let what = format!("names no processor: give one of {}, or a list", Order::PRESETS.join(", "));
        return Err(Error::setting("order", format!("{text:?}"), what));
    }
    Ok(Order { preset: None, names })
}

/// Puts processors, by name and JSON form, into an order; what comes twice keeps the order in which it is given.
///
/// # Errors
/// An unknown name, a value out of range; a processor that is on and that a list doesn't name.
///
/// ```
/// use serde_json::json;
/// use tokpick::settings::{self, Order};
///
/// let entries = vec![("top_k".into(), json!(40)), ("temperature".into(), json!(0.8))];
/// let chain = settings::build(entries.clone(), &Order::hf())?;
/// assert_eq!(chain.json(), json!([{"temperature": 0.8}, {"top_k": 40}]));
/// let chain = settings::build(entries, &Order::llama_cpp())?;
/// assert_eq!(chain.json(), json!([{"top_k": 40}, {"temperature": 0.8}]));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn build(entries: Vec<(String, Value)>, order: &Order) -> Result<Chain> {
    let mut placed = Vec::with_capacity(entries.len());
    let mut missing = Vec::new();
    for (name, form) in entries {
        let processor = processor(&name, &form)?;
        let name = processor.info().name;
        match order.names.iter().position(|n| *n == name) {
            Some(place) => placed.push((place, processor)),
            None if processor.is_off() => {}
            None => missing.push(name),
        }
    }
    if !missing.is_empty() {
        let what = format!("must name every processor that is set: {} is missing", missing.join(", "));
        return Err(Error::setting("order", order.names.join(","), what));
    }
    placed.sort_by_key(|(place, _)| *place);
    Ok(Chain::new(placed.into_iter().map(|(_, processor)| processor)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The orders as they were when tokpick 0.1 was released; of the engines' own processors, as in their sources.
    #[test]
    fn presets_are_what_they_were() {
        let presets = [
            (
                "hf",
                "guidance_scale,contrastive,sequence_bias,encoder_repetition_penalty, \
                 repetition_penalty,no_repeat_ngram_size,encoder_no_repeat_ngram_size,bad_words_ids, \
                 min_length,min_new_tokens,prefix_constraint,forced_bos_token_id,forced_eos_token_id, \
                 remove_invalid_values,exponential_decay_length_penalty,suppress_tokens, \
                 begin_suppress_tokens,logit_bias,frequency_penalty,presence_penalty,dry, \
                 allowed_tokens,temperature,top_h,top_k,top_p,min_p,typical_p,epsilon_cutoff, \
                 eta_cutoff,softcap,smoothing,dynamic_temperature,top_n_sigma,top_a,tail_free,p_less, \
                 xtc,renormalize_logits",
            ),
            (
                "llama.cpp",
                "remove_invalid_values,guidance_scale,contrastive,logit_bias,repetition_penalty, \
                 frequency_penalty,presence_penalty,dry,encoder_repetition_penalty, \
                 no_repeat_ngram_size,encoder_no_repeat_ngram_size,sequence_bias,bad_words_ids, \
                 min_length,min_new_tokens,prefix_constraint,exponential_decay_length_penalty, \
                 suppress_tokens,begin_suppress_tokens,allowed_tokens,forced_bos_token_id, \
                 forced_eos_token_id,top_n_sigma,top_k,typical_p,top_p,min_p,xtc,top_h,epsilon_cutoff, \
                 eta_cutoff,top_a,tail_free,p_less,softcap,smoothing,renormalize_logits, \
                 dynamic_temperature,temperature",
            ),
            (
                "vllm",
                "remove_invalid_values,guidance_scale,contrastive,allowed_tokens,bad_words_ids, \
                 min_new_tokens,logit_bias,repetition_penalty,frequency_penalty,presence_penalty,dry, \
                 encoder_repetition_penalty,no_repeat_ngram_size,encoder_no_repeat_ngram_size, \
                 sequence_bias,min_length,prefix_constraint,exponential_decay_length_penalty, \
                 suppress_tokens,begin_suppress_tokens,forced_bos_token_id,forced_eos_token_id, \
                 temperature,min_p,top_k,top_p,softcap,smoothing,dynamic_temperature,top_n_sigma, \
                 top_h,typical_p,epsilon_cutoff,eta_cutoff,top_a,tail_free,p_less,xtc, \
                 renormalize_logits",
            ),
        ];
        for (preset, released) in presets {
            let released = order(released).unwrap().names;
            let mut names = order(preset).unwrap().names;
            names.retain(|name| released.contains(name));
            assert_eq!(names, released, "{preset}");
        }
    }

    #[test]
    fn lists_must_name_what_is_set() {
        let entries = || vec![("top_k".to_string(), json!(4)), ("min-p".to_string(), json!(0.1))];
        let say = |text: &str| build(entries(), &order(text).unwrap()).map_err(|e| e.to_string());
        assert_eq!(say("min-p,temperature,top-k").unwrap().json(), json!([{"min_p": 0.1}, {"top_k": 4}]));
        assert!(say("top-k").unwrap_err().contains("min_p is missing"));
        // a processor that is off needs no place
        assert!(build(vec![("top_p".into(), json!(1))], &order("top-k").unwrap()).is_ok());
    }

    /// Of a name that comes twice, the first stays first.
    #[test]
    fn twice_the_same_name_keeps_its_order() {
        let entries = [("top_k", 4), ("temperature", 2), ("top_k", 3), ("temperature", 3)];
        let entries = entries.map(|(name, x)| (name.to_string(), json!(x))).to_vec();
        let chain = build(entries, &Order::hf()).unwrap();
        let want = json!([{"temperature": 2.0}, {"temperature": 3.0}, {"top_k": 4}, {"top_k": 3}]);
        assert_eq!(chain.json(), want);
    }

    #[test]
    fn bad_orders_say_why() {
        let cases = [
            ("", "names no processor"),
            ("llama", "there are: hf, llama.cpp, vllm"),
            ("top_k,typicl_p", "did you mean typical_p?"),
            ("top-k,top_k", "names top_k twice"),
        ];
        for (text, what) in cases {
            let said = order(text).unwrap_err().to_string();
            assert!(said.contains(what), "{text}: {said}");
        }
    }
}
