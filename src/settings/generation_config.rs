use serde_json::{Value, json};

use super::imported::{Imported, Reader};
use crate::processor::{Config, INFOS, Info, Part};
use crate::{Result, TokenId};

/// Reads Hugging Face's `generation_config.json`; `file` names it in messages.
///
/// `null` is no setting, a whole number may have a point (`1.0`), and negative ids name no token. Fields that say nothing about decoding
/// from logits, that need more than logits, or that aren't known
/// come back as notes; so does what transformers would do without being told (top-k 50).
///
/// # Errors
/// Text that is not one JSON object, a value of the wrong type.
///
/// ```
/// use serde_json::json;
/// use tokpick::settings;
///
/// let text = r#"{"do_sample":true,"temperature":0.6,"top_p":0.95,"eos_token_id":[128001,128009],"use_cache":true}"#;
/// let config = settings::generation_config("generation_config.json", text)?;
/// assert_eq!(config.entries, [("temperature".into(), json!(0.6)), ("top_p".into(), json!(0.95))]);
/// assert_eq!(config.strategy.eos_token_id, Some(vec![128001, 128009]));
/// assert_eq!(config.notes[0], "use_cache: says nothing about decoding");
/// # Ok::<(), tokpick::Error>(())
/// ```
pub fn generation_config(file: &str, text: &str) -> Result<Imported> {
    let (mut reader, object) = Reader::open(file, text)?;
    let has_top_k = object.get("top_k").is_some_and(|v| !v.is_null());
    for (field, value) in object {
        if !value.is_null() && !field.starts_with('_') && field != "transformers_version" {
            field_of(&mut reader, &field, value)?;
        }
    }
    let mut read = reader.finish();
    if read.strategy.do_sample == Some(true) {
        if !has_top_k {
            read.notes.push("top_k: not set, but transformers samples with 50 unless told otherwise".into());
        }
        return Ok(read);
    }
    let sampling = |name: &str| info(name).is_some_and(|info| info.places.hf.0 == Part::Sampling);
    let idle: Vec<&str> = read.entries.iter().map(|e| e.0.as_str()).filter(|name| sampling(name)).collect();
    if !idle.is_empty() {
        let idle = idle.join(", ");
        read.notes
            .push(format!("do_sample: not true: transformers would draw nothing, and leave out {idle}"));
    }
    Ok(read)
}

fn info(name: &str) -> Option<&'static Info> {
    INFOS.iter().copied().find(|info| info.name == name)
}

/// One field.
pub(super) fn field_of(r: &mut Reader<'_>, field: &str, value: Value) -> Result<()> {
    if let Some(info) = info(field)
        && processor(r, info, &value)?
    {
        return Ok(());
    }
    let (file, s) = (r.file, &mut r.out.strategy);
    match field {
        "do_sample" => s.do_sample = Some(file.read(field, value)?),
        "num_beams" => s.num_beams = Some(file.read(field, value)?),
        "num_beam_groups" => s.num_beam_groups = Some(file.read(field, value)?),
        "diversity_penalty" => s.diversity_penalty = Some(file.read(field, value)?),
        "length_penalty" => s.length_penalty = Some(file.read(field, value)?),
        "early_stopping" => s.early_stopping = Some(file.early_stopping(field, value)?),
        "force_words_ids" => s.force_words_ids = Some(file.phrases(field, value)?),
        "num_return_sequences" => s.num_return_sequences = Some(file.read(field, value)?),
        "max_new_tokens" => s.max_new_tokens = Some(file.read(field, value)?),
        "max_length" => s.max_length = Some(file.read(field, value)?),
        "eos_token_id" => {
            let ids = r.without_negative(field, value);
            r.out.strategy.eos_token_id =
                Some(r.file.ids(field, ids)?).filter(|ids: &Vec<TokenId>| !ids.is_empty());
        }
        "pad_token_id" | "bos_token_id" => {
            if let Value::Number(id) = r.without_negative(field, value) {
                let id = Some(r.file.read(field, id.into())?);
                let s = &mut r.out.strategy;
                *(if field == "pad_token_id" { &mut s.pad_token_id } else { &mut s.bos_token_id }) = id;
            }
        }
        "stop_strings" => r.note(field, "needs a tokenizer: give the ids of the end tokens"),
        "penalty_alpha" => r.note(field, "contrastive search needs the model's hidden states"),
        "dola_layers" => r.note(field, "DoLa needs the logits of the model's layers"),
        "constraints" => r.note(field, "not data: give force_words_ids"),
        "watermarking_config" => r.note(field, "tokpick doesn't watermark"),
        "forced_decoder_ids" => r.note(field, "not applied: give forced tokens as a prefix"),
        "max_time" => r.note(field, "tokpick has no time limit"),
        "token_healing" => r.note(field, "needs a tokenizer"),
        "decoder_start_token_id" => r.note(field, "give it as the prompt"),
        _ if is_about_models(field) => r.silent(field),
        _ => r.unknown(field, &known()),
    }
    Ok(())
}

/// A field that sets a processor, unless transformers makes none of this value; false where no such field exists.
fn processor(r: &mut Reader<'_>, info: &'static Info, value: &Value) -> Result<bool> {
    let form = match info.config {
        Config::None => return Ok(false),
        Config::ValueUnless(skips) if value.as_f64().is_some_and(skips) => return Ok(true),
        Config::Value | Config::ValueUnless(_) => value.clone(),
        Config::Ids => r.without_negative(info.name, value.clone()),
        Config::Parameter(parameter) => json!({parameter: value}),
        Config::Pair(first, second) => {
            let pair: (Value, Value) = r.file.read(info.name, value.clone())?;
            json!({first: pair.0, second: pair.1})
        }
    };
    // what takes the place of another one does so at its disabling value, too
    let replaces = INFOS.iter().any(|other| other.gives_way_to == Some(info.name));
    if replaces || !info.is_off(&form) {
        r.entry(info.name, form);
    }
    Ok(true)
}

fn is_about_models(field: &str) -> bool {
    const FIELDS: [&str; 22] = [
        "use_cache",
        "use_mtp",
        "max_cache_len",
        "speculation_type",
        "continuous_batching_config",
        "return_legacy_cache",
        "low_memory",
        "output_attentions",
        "output_hidden_states",
        "output_scores",
        "output_logits",
        "return_dict_in_generate",
        "compile_config",
        "disable_compile",
        "prefill_chunk_size",
        "prompt_lookup_num_tokens",
        "max_matching_ngram_size",
        "num_assistant_tokens",
        "num_assistant_tokens_schedule",
        "target_lookbehind",
        "is_assistant",
        "generation_kwargs",
    ];
    FIELDS.contains(&field) || field.starts_with("cache_") || field.starts_with("assistant_")
}

/// The fields that are worth a suggestion.
fn known() -> Vec<&'static str> {
    const STRATEGY: [&str; 8] = [
        "do_sample",
        "num_beams",
        "length_penalty",
        "early_stopping",
        "num_return_sequences",
        "max_new_tokens",
        "max_length",
        "eos_token_id",
    ];
    let processors = INFOS.iter().filter(|info| !matches!(info.config, Config::None)).map(|info| info.name);
    processors.chain(STRATEGY).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampler::{EarlyStopping, Phrase};
    use crate::settings::{self, Order};

    /// meta-llama/Llama-3.1-8B-Instruct
    const LLAMA: &str = r#"{"bos_token_id":128000,"do_sample":true,"eos_token_id":[128001,128008,128009],
        "temperature":0.6,"top_p":0.9,"transformers_version":"4.42.3"}"#;
    /// Qwen/Qwen2.5-7B-Instruct
    const QWEN: &str = r#"{"bos_token_id":151643,"pad_token_id":151643,"do_sample":true,"eos_token_id":[151645,151643],
        "repetition_penalty":1.05,"temperature":0.7,"top_p":0.8,"top_k":20,"transformers_version":"4.37.0"}"#;
    /// facebook/bart-large-cnn
    const BART: &str = r#"{"_from_model_config":true,"bos_token_id":0,"decoder_start_token_id":2,"early_stopping":true,
        "eos_token_id":2,"forced_bos_token_id":0,"forced_eos_token_id":2,"length_penalty":2.0,"max_length":142,
        "min_length":56,"no_repeat_ngram_size":3,"num_beams":4,"pad_token_id":1,"transformers_version":"4.27.0"}"#;

    #[test]
    fn published_files() {
        let llama = generation_config("f", LLAMA).unwrap();
        assert_eq!(llama.entries, [("temperature".into(), json!(0.6)), ("top_p".into(), json!(0.9))]);
        assert_eq!(llama.strategy.eos_token_id, Some(vec![128001, 128008, 128009]));
        assert_eq!(llama.notes, ["top_k: not set, but transformers samples with 50 unless told otherwise"]);

        let qwen = generation_config("f", QWEN).unwrap();
        assert_eq!(qwen.notes, [""; 0]);
        assert_eq!(qwen.strategy.pad_token_id, Some(151643));
        let chain = settings::build(qwen.entries, &Order::hf()).unwrap();
        let want = json!([{"repetition_penalty": 1.05}, {"temperature": 0.7}, {"top_k": 20}, {"top_p": 0.8}]);
        assert_eq!(chain.json(), want);

        let bart = generation_config("f", BART).unwrap();
        assert_eq!(bart.strategy.num_beams, Some(4));
        assert_eq!(bart.strategy.early_stopping, Some(EarlyStopping::True));
        assert_eq!(bart.strategy.length_penalty, Some(2.0));
        assert_eq!(bart.strategy.max_length, Some(142));
        let names: Vec<&str> = bart.entries.iter().map(|e| e.0.as_str()).collect();
        assert_eq!(
            names,
            ["forced_bos_token_id", "forced_eos_token_id", "min_length", "no_repeat_ngram_size"]
        );
        assert_eq!(bart.notes, ["decoder_start_token_id: give it as the prompt"]);
    }

    /// Field and value; entry, or what the note says.
    #[test]
    fn fields() {
        let entries = [
            (r#""exponential_decay_length_penalty":[15,1.6]"#, json!({"start": 15, "factor": 1.6})),
            (r#""bad_words_ids":[[5],[7,8]]"#, json!([[5], [7, 8]])),
            (r#""sequence_bias":[[[5],-1.5]]"#, json!([[[5], -1.5]])),
            (r#""renormalize_logits":true"#, json!(true)),
            (r#""top_k":1.0"#, json!(1)),
            (r#""top_p":0.5"#, json!(0.5)),
            (r#""typical_p":0.5"#, json!(0.5)),
            (r#""epsilon_cutoff":0.5"#, json!(0.5)),
            (r#""eta_cutoff":0.5"#, json!(0.5)),
            (r#""suppress_tokens":[-1,5]"#, json!([5])),
            (r#""min_new_tokens":0"#, json!(0)),
        ];
        for (field, form) in entries {
            let text = format!("{{{field},\"do_sample\":true}}");
            assert_eq!(generation_config("f", &text).unwrap().entries[0].1, form, "{field}");
        }
        let notes = [
            (r#""stop_strings":["\n"]"#, "stop_strings: needs a tokenizer"),
            (r#""cache_implementation":"hybrid""#, "says nothing about decoding"),
            (r#""temprature":0.5"#, "did you mean temperature?"),
            (r#""alignment_heads":[[1,2]]"#, "no setting that tokpick knows"),
            (r#""temperature":0.5,"do_sample":false"#, "leave out temperature"),
        ];
        for (field, note) in notes {
            let config = generation_config("f", &format!("{{{field}}}")).unwrap();
            assert!(config.notes.iter().any(|n| n.contains(note)), "{field}: {:?}", config.notes);
        }
        for off in [
            r#""typical_p":1.0"#,
            r#""epsilon_cutoff":0.0"#,
            r#""epsilon_cutoff":-0.5"#,
            r#""epsilon_cutoff":1.0"#,
            r#""eta_cutoff":0.0"#,
            r#""eta_cutoff":-0.5"#,
            r#""eta_cutoff":1.0"#,
            r#""guidance_scale":1"#,
            r#""top_p":null"#,
            r#""top_k":0"#,
            r#""temperature":1.0"#,
            r#""min_p":0.0"#,
            r#""suppress_tokens":[-1]"#,
            r#""min_length":0"#,
        ] {
            let config = generation_config("f", &format!("{{{off}}}")).unwrap();
            assert_eq!(config.entries, [], "{off}");
            assert!(!config.notes.iter().any(|note| note.contains("do_sample")), "{off}: {:?}", config.notes);
        }
        let config =
            generation_config("f", r#"{"pad_token_id":-1,"eos_token_id":[-1,2],"num_beams":4.0}"#).unwrap();
        assert_eq!((config.strategy.pad_token_id, config.strategy.eos_token_id), (None, Some(vec![2])));
        assert_eq!(config.strategy.num_beams, Some(4));
        assert_eq!(config.notes[0], "pad_token_id: -1 names no token, and transformers ignores it");
        // one note for all that is unknown, and for all that is about something else
        let config =
            generation_config("f", r#"{"a":1,"use_cache":true,"temprature":1,"low_memory":true}"#).unwrap();
        assert_eq!(
            config.notes,
            [
                "use_cache, low_memory: say nothing about decoding",
                "no setting that tokpick knows: a, temprature (did you mean temperature?)"
            ]
        );
        // what has no effect is what is on, and the search is the one that the file asks for
        let config =
            generation_config("f", r#"{"num_beams":4,"top_p":0.5,"top_k":0,"temperature":1.0}"#).unwrap();
        let beams = "do_sample: not true: transformers would draw nothing, and leave out top_p";
        assert_eq!(config.notes, [beams]);
        // a phrase, and one that may take one of several forms
        let config = generation_config("f", r#"{"force_words_ids":[[5,6],[[7],[8,9]]]}"#).unwrap();
        let either = Phrase { forms: vec![vec![7], vec![8, 9]] };
        assert_eq!(config.strategy.force_words_ids, Some(vec![vec![5, 6].into(), either]));

        for (bad, what) in [
            ("[]", "must be one JSON object"),
            (r#"{"force_words_ids":[5,[7]]}"#, "f: force_words_ids [5,[7]]: "),
            (r#"{"num_beams":"four"}"#, "f: num_beams \"four\": invalid type"),
            (r#"{"early_stopping":"maybe"}"#, "must be true, false or \"never\""),
        ] {
            let said = generation_config("f", bad).unwrap_err().to_string();
            assert!(said.contains(what), "{said}");
        }
    }
}
