use serde_json::{Map, Value, json};

use super::generation_config::field_of;
use super::imported::{Imported, Reader};
use crate::Result;
use crate::processor::INFOS;

/// Reads the settings of an OpenAI-style request, as vLLM's `SamplingParams` and Qwen's model cards write them too; `file` names
/// the source in messages.
///
/// - `top_k` −1 and 0, `seed` −1 and `null` anywhere are no setting. `temperature` 0 is greedy.
/// - `presence_penalty` and `frequency_penalty` count generated ids, `repetition_penalty` the prompt too (vLLM).
/// - `logit_bias` is an object id → bias; beyond ±100 vLLM clamps, and so does this, with a note.
/// - `max_completion_tokens` wins over `max_tokens`. `stop_token_ids` end a sequence beside the end token.
/// - `stop` is a string or a list of them; `bad_words` are lists of ids, or texts for which a tokenizer is needed.
/// - An `extra_body` inside is read as well; names of transformers and of tokpick's own processors are understood.
///
/// # Errors
/// Text that is not one JSON object, a value of the wrong type.
///
/// ```
/// use serde_json::json;
/// use tokpick::settings;
///
/// let text = r#"{"temperature":0.7,"top_k":-1,"logit_bias":{"50256":-100},"max_tokens":32,"stop":["\n"]}"#;
/// let params = settings::sampling_params("params.json", text)?;
/// assert_eq!(params.entries, [("temperature".into(), json!(0.7)), ("logit_bias".into(), json!([[50256, -100.0]]))]);
/// assert_eq!(params.strategy.max_new_tokens, Some(32));
/// assert_eq!(params.strategy.stop, Some(vec!["\n".to_string()]));
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn sampling_params(file: &str, text: &str) -> Result<Imported> {
    let (mut reader, object) = Reader::open(file, text)?;
    object_of(&mut reader, object)?;
    Ok(reader.finish())
}

fn object_of(r: &mut Reader<'_>, mut object: Map<String, Value>) -> Result<()> {
    let has = |object: &Map<String, Value>, field: &str| object.get(field).is_some_and(|v| !v.is_null());
    if has(&object, "max_completion_tokens") && has(&object, "max_tokens") {
        object.shift_remove("max_tokens");
        r.note("max_tokens", "max_completion_tokens takes its place");
    }
    for (field, value) in object {
        match value {
            Value::Null => {}
            Value::Object(inner) if field == "extra_body" => object_of(r, inner)?,
            value => one_field(r, &field, value)?,
        }
    }
    Ok(())
}

fn one_field(r: &mut Reader<'_>, field: &str, value: Value) -> Result<()> {
    let (file, s) = (r.file, &mut r.out.strategy);
    match field {
        "top_k" => {
            let k: i64 = file.read(field, value)?;
            match k {
                -1 | 0 => {}
                1.. => r.entry(field, k),
                _ => {
                    return Err(file.wrong(
                        field,
                        &k.to_string(),
                        "must be 1 or more, or -1 or 0 for all tokens",
                    ));
                }
            }
        }
        "logit_bias" => logit_bias(r, value)?,
        "allowed_token_ids" => r.entry("allowed_tokens", value),
        "min_tokens" => {
            let min: usize = file.read(field, value)?;
            if min > 0 {
                r.entry("min_new_tokens", min);
            }
        }
        "bad_words" if is_ids(&value) => r.entry("bad_words_ids", value),
        "bad_words" => s.bad_words = Some(file.read(field, value)?),
        "max_tokens" | "max_completion_tokens" => s.max_new_tokens = Some(file.read(field, value)?),
        "n" => s.num_return_sequences = Some(file.read(field, value)?),
        "stop_token_ids" => s.stop_token_ids = Some(file.ids(field, value)?),
        "ignore_eos" => s.ignore_eos = Some(file.read(field, value)?),
        "seed" => match file.read::<Value>(field, value)? {
            minus if minus.as_i64() == Some(-1) => {}
            Value::String(text) => {
                let seed =
                    text.parse().map_err(|_| file.wrong(field, &text, "must be an integer, 0 or more"))?;
                s.seed = Some(seed);
            }
            seed => s.seed = Some(file.read(field, seed)?),
        },
        "logprobs" => s.logprobs = Some(value != Value::Bool(false)),
        "beam_width" => s.num_beams = Some(file.read(field, value)?),
        "stop" => match value {
            Value::String(text) => s.stop = Some(vec![text]),
            list => s.stop = Some(file.read(field, list)?).filter(|list: &Vec<String>| !list.is_empty()),
        },
        "include_stop_str_in_output" => s.include_stop = Some(file.read(field, value)?),
        "best_of" => r.note(field, "tokpick returns all n sequences"),
        "use_beam_search" => r.note(field, "beam search is a command of its own"),
        "response_format" | "structured_outputs" | "guided_json" | "guided_regex" | "guided_choice"
        | "guided_grammar" => r.note(field, "needs a tokenizer: give a prefix constraint"),
        "prompt_logprobs" | "top_logprobs" => {
            r.note(field, "not reported here: see the log-probabilities of a score")
        }
        _ if is_about_requests(field) => r.silent(field),
        _ if is_strategy_of_transformers(field) => field_of(r, field, value)?,
        _ if INFOS.iter().any(|info| info.name == field) => r.entry(field, value),
        _ => {
            let names: Vec<&str> = KNOWN.into_iter().chain(INFOS.iter().map(|info| info.name)).collect();
            r.unknown(field, &names);
        }
    }
    Ok(())
}

/// An object id → bias, or a list of pairs.
fn logit_bias(r: &mut Reader<'_>, value: Value) -> Result<()> {
    let file = r.file;
    let Value::Object(biases) = value else {
        r.entry("logit_bias", value);
        return Ok(());
    };
    let mut pairs = Vec::with_capacity(biases.len());
    for (id, bias) in biases {
        let token: crate::TokenId =
            id.trim().parse().map_err(|_| file.wrong("logit_bias", &id, "must be a token id"))?;
        let bias: f64 = file.read("logit_bias", bias)?;
        let clamped = bias.clamp(-100.0, 100.0);
        if clamped != bias {
            r.note("logit_bias", &format!("{bias} of token {token} becomes {clamped}, as in vLLM"));
        }
        pairs.push(json!([token, clamped]));
    }
    r.entry("logit_bias", pairs);
    Ok(())
}

fn is_ids(value: &Value) -> bool {
    value.as_array().is_some_and(|words| !words.is_empty() && words.iter().all(Value::is_array))
}

fn is_strategy_of_transformers(field: &str) -> bool {
    const FIELDS: [&str; 14] = [
        "do_sample",
        "num_beams",
        "num_beam_groups",
        "diversity_penalty",
        "length_penalty",
        "early_stopping",
        "num_return_sequences",
        "max_new_tokens",
        "max_length",
        "eos_token_id",
        "pad_token_id",
        "bos_token_id",
        "exponential_decay_length_penalty",
        "forced_eos_token_id",
    ];
    FIELDS.contains(&field)
}

fn is_about_requests(field: &str) -> bool {
    const FIELDS: [&str; 28] = [
        "model",
        "messages",
        "prompt",
        "input",
        "suffix",
        "echo",
        "stream",
        "stream_options",
        "stream_interval",
        "user",
        "store",
        "metadata",
        "service_tier",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "modalities",
        "reasoning_effort",
        "detokenize",
        "skip_special_tokens",
        "spaces_between_special_tokens",
        "output_kind",
        "truncate_prompt_tokens",
        "add_generation_prompt",
        "chat_template",
        "chat_template_kwargs",
        "enable_thinking",
        "priority",
    ];
    FIELDS.contains(&field)
}

/// The fields, beside processors, that are worth a suggestion.
const KNOWN: [&str; 11] = [
    "max_tokens",
    "max_completion_tokens",
    "min_tokens",
    "stop",
    "stop_token_ids",
    "ignore_eos",
    "seed",
    "n",
    "logprobs",
    "bad_words",
    "allowed_token_ids",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{self, Order};

    /// The settings that Qwen3's model card recommends, as a request to a vLLM server.
    #[test]
    fn a_request_of_qwen() {
        let text = r#"{"model":"Qwen/Qwen3-8B","messages":[],"temperature":0.6,"top_p":0.95,"presence_penalty":1.5,
            "max_tokens":32768,"extra_body":{"top_k":20,"min_p":0,"chat_template_kwargs":{"enable_thinking":false}}}"#;
        let params = sampling_params("f", text).unwrap();
        assert_eq!(params.strategy.max_new_tokens, Some(32768));
        let chain = settings::build(params.entries, &Order::vllm()).unwrap();
        let want = json!([{"presence_penalty": 1.5}, {"temperature": 0.6}, {"min_p": 0.0}, {"top_k": 20}, {"top_p": 0.95}]);
        assert_eq!(chain.json(), want);
        assert_eq!(params.notes, ["model, messages, chat_template_kwargs: say nothing about decoding"]);
    }

    /// Field and value; entry, or what the note says.
    #[test]
    fn fields() {
        let read = |field: &str| sampling_params("f", &format!("{{{field}}}"));
        let entries = [
            (r#""logit_bias":{"5":1,"7":-2.5}"#, "logit_bias", json!([[5, 1.0], [7, -2.5]])),
            (r#""logit_bias":{"5":-1000}"#, "logit_bias", json!([[5, -100.0]])),
            (r#""min_tokens":3"#, "min_new_tokens", json!(3)),
            (r#""allowed_token_ids":[4,5]"#, "allowed_tokens", json!([4, 5])),
            (r#""bad_words":[[4,5]]"#, "bad_words_ids", json!([[4, 5]])),
            (r#""typical_p":0.9"#, "typical_p", json!(0.9)),
            (r#""top_k":7"#, "top_k", json!(7)),
        ];
        for (field, name, form) in entries {
            assert_eq!(read(field).unwrap().entries, [(name.to_string(), form)], "{field}");
        }
        for none in [r#""top_k":-1"#, r#""top_k":0"#, r#""min_tokens":0"#, r#""seed":-1"#, r#""top_p":null"#]
        {
            assert_eq!(read(none).unwrap(), Imported::default(), "{none}");
        }
        let notes = [
            (r#""logit_bias":{"5":-1000}"#, "-1000 of token 5 becomes -100"),
            (r#""temprature":0.5"#, "did you mean temperature?"),
            (r#""max_tokens":5,"max_completion_tokens":6"#, "max_completion_tokens takes its place"),
        ];
        for (field, note) in notes {
            let params = read(field).unwrap();
            assert!(params.notes.iter().any(|n| n.contains(note)), "{field}: {:?}", params.notes);
        }
        for (bad, what) in [
            (r#""top_k":-2"#, "must be 1 or more"),
            (r#""logit_bias":{"five":1}"#, "must be a token id"),
            (r#""seed":1.5"#, "f: seed 1.5: invalid type"),
        ] {
            let said = read(bad).unwrap_err().to_string();
            assert!(said.contains(what), "{said}");
        }
    }

    #[test]
    fn strategy() {
        let text = r#"{"n":3,"seed":"18446744073709551615","stop_token_ids":[9,2],"stop":"\n","bad_words":["no"],"ignore_eos":true,"logprobs":0,
            "max_tokens":5,"max_completion_tokens":6,"eos_token_id":1}"#;
        let s = sampling_params("f", text).unwrap().strategy;
        assert_eq!((s.num_return_sequences, s.seed), (Some(3), Some(u64::MAX)));
        assert_eq!((s.stop, s.bad_words), (Some(vec!["\n".to_string()]), Some(vec!["no".to_string()])));
        assert_eq!((s.max_new_tokens, s.logprobs), (Some(6), Some(true)));
        assert_eq!((s.eos_token_id, s.stop_token_ids), (Some(vec![1]), Some(vec![2, 9])));
        assert_eq!(s.ignore_eos, Some(true));
    }
}
