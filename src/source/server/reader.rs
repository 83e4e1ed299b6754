//! Documents into answers: which layout a document has, and which parts of a stream belong together.

use std::collections::HashMap;
use std::sync::Arc;

use super::answer::{Answer, Asked, Found, Step};
use super::pool::{MOST_TOKENS, Pool, shown};
use super::prompts::{Prompts, same};
use super::value::Value;
use super::{chat, gemini, legacy, llama_cpp, ollama, sglang, tgi, vllm};
use crate::TokenId;

/// Everything that was read.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub pool: Pool,
    pub answers: Vec<Answer>,
    /// What servers said instead of an answer.
    pub failures: Vec<String>,
    /// The names of streams.
    names: HashMap<Box<str>, usize>,
    /// Answers that later parts of a stream go on with: by the number of the stream's name and that of the choice.
    open: HashMap<(usize, i64), usize>,
    /// Documents are parts of streams.
    pub streams: bool,
}

/// The name of what has none.
const NAMELESS: &str = "";

/// The longest name of a request: it stands beside everything that is said of its answers.
const LONGEST_NAME: usize = 4096;

/// The ids of a prompt, and its steps.
type SharedPrompt = (Option<Arc<[TokenId]>>, Arc<Vec<Step>>);

/// What surrounds a document.
#[derive(Debug, Clone, Default)]
struct Around {
    line: usize,
    name: Option<serde_json::Value>,
    asked: Asked,
}

impl Reader {
    /// Takes a document that begins in a line.
    pub fn document(&mut self, d: &Value, line: usize) -> Found<()> {
        self.read(d, &Around { line, ..Around::default() })?;
        match self.pool.is_full {
            true => Err(format!("more than {MOST_TOKENS} different tokens: no vocabulary has so many")),
            false => Ok(()),
        }
    }

    fn read(&mut self, d: &Value, around: &Around) -> Found<()> {
        if let Some(list) = d.list() {
            return self.list(list, around);
        }
        let mut around = around.clone();
        if d.has("custom_id") {
            let name = d.get("custom_id").text();
            if let Some(long) = name.map(str::len).filter(|len| *len > LONGEST_NAME) {
                return Err(format!("\"custom_id\" has {long} bytes: the longest name has {LONGEST_NAME}"));
            }
            around.name = name.map(serde_json::Value::from);
        }
        if let Some(what) = failure(d) {
            self.fail(what, &around);
            return Ok(());
        }
        let parts = [d.get("request"), d.get("config")];
        for part in [
            d,
            parts[0],
            parts[1],
            parts[0].get("sampling_params"),
            parts[1].get("sampling_params"),
            d.get("sampling_params"),
        ] {
            around.asked.learn(part)?;
        }
        if d.has("custom_id") {
            around.asked.learn(d.get("response").get("body"))?;
        }
        if let Some(response) = Some(d.get("response")).filter(|r| r.is_object() || r.list().is_some()) {
            let whole = response.get("body");
            let is_event = d.get("type").text().is_some_and(|t| t.starts_with("response."));
            return match (whole.is_null(), is_event) {
                (_, true) => self.event(d, &around),
                (false, _) => self.read(whole, &around),
                (true, _) => self.read(response, &around),
            };
        }
        if let Some(samples) = d.get("samples").list() {
            return samples.iter().try_for_each(|sample| self.read(sample, &around));
        }
        if d.has("output_ids") || d.get("meta_info").get("output_token_logprobs").list().is_some() {
            let stream = self.stream(d.get("meta_info").get("id").text());
            let at = self.answer(&around, stream, d.get("index").int().unwrap_or(0));
            return sglang::answer(&mut self.pool, d, &mut self.answers[at]);
        }
        if let Some(choices) = d.any(&["choices", "outputs"]).list() {
            return self.choices(d, choices, &around);
        }
        if let Some(candidates) = d.get("candidates").list() {
            let id = d.any(&["responseId", "response_id"]).text().unwrap_or(NAMELESS);
            let stream = self.stream(Some(id));
            return candidates.iter().zip(0..).try_for_each(|(candidate, n)| {
                let index = candidate.get("index").int().unwrap_or(n);
                // a stream may also be one list of its parts
                self.streams |= !id.is_empty() && self.open.contains_key(&(stream, index));
                let at = self.answer(&around, stream, index);
                gemini::candidate(&mut self.pool, candidate, &mut self.answers[at])
            });
        }
        if d.get("type").text().is_some_and(|t| t.starts_with("response.")) {
            return self.event(d, &around);
        }
        if d.get("output").list().is_some() {
            let at = self.nameless(&around, 0);
            return chat::response(&mut self.pool, d, &mut self.answers[at]);
        }
        if d.has("details") || d.has("generated_text") || d.get("token").is_object() {
            return self.tgi(d, &around);
        }
        if d.has("done") || (d.get("logprobs").list().is_some() && d.has("model")) {
            self.streams |= d.get("done") == &Value::Bool(false);
            let at = self.nameless(&around, 0);
            ollama::answer(&mut self.pool, d, &mut self.answers[at])?;
            if d.get("done") == &Value::Bool(true) {
                self.end();
            }
            return Ok(());
        }
        if d.has("completion_probabilities") || d.has("content") {
            let index = d.get("index").int().unwrap_or(0);
            let at = self.nameless(&around, index);
            llama_cpp::answer(&mut self.pool, d, &mut self.answers[at])?;
            if d.get("stop") == &Value::Bool(true) {
                self.answers[at].ended = true;
                self.close(index);
            }
            return Ok(());
        }
        // a dump of vLLM, a place each line
        if vllm::is_place(d) {
            self.streams = true;
            let stream = self.stream(Some("a dump"));
            let at = self.answer(&around, stream, 0);
            let steps = vllm::steps(&mut self.pool, std::slice::from_ref(d), None)?;
            self.answers[at].add(steps);
            // places are no events
            self.answers[at].ended = true;
            return Ok(());
        }
        if d.has("added_tokens") && d.has("model") {
            return Err("a tokenizer, which gives ids their texts, and holds no logits".into());
        }
        let keys: Vec<&str> = d.entries().iter().map(|(key, _)| &**key).take(6).collect();
        Err(format!("no answer of a server that is known here: its keys are {}", keys.join(", ")))
    }

    /// A list of answers, or a dump of vLLM: the places of one output, or a list of such lists.
    fn list(&mut self, list: &[Value], around: &Around) -> Found<()> {
        let places = |list: &[Value]| {
            list.iter().any(vllm::is_place) && list.iter().all(|p| p.is_null() || vllm::is_place(p))
        };
        if places(list) {
            let at = self.nameless(around, 0);
            let steps = vllm::steps(&mut self.pool, list, None)?;
            self.answers[at].add(steps);
            return Ok(());
        }
        list.iter().try_for_each(|one| match one {
            Value::List(_) | Value::Object(_) => self.read(one, around),
            other => Err(format!("{} where an answer belongs", shown(other))),
        })
    }

    /// `choices` of OpenAI's interface, or `outputs` of vLLM's `RequestOutput`.
    fn choices(&mut self, d: &Value, choices: &[Value], around: &Around) -> Found<()> {
        let stream = self.stream(d.any(&["id", "request_id"]).text());
        self.streams |= d.get("object").text().is_some_and(|o| o.ends_with(".chunk"));
        let completion_tokens = d.get("usage").get("completion_tokens").int().filter(|_| choices.len() == 1);
        let mut before = Prompts::default();
        let whole = d.get("prompt_logprobs");
        // the prompt that all have in common is read once
        let mut shared: Option<SharedPrompt> = None;
        for (choice, n) in choices.iter().zip(0..) {
            let mut around = around.clone();
            let base = around.asked.seed.take();
            around.asked.learn(choice)?;
            // vLLM gives the n-th sample of a prompt the seed + n
            let nth = before.seen(around.asked.prompt.as_ref());
            around.asked.seed = around.asked.seed.or(base.and_then(|seed| seed.checked_add(nth)));
            let at = self.answer(&around, stream, choice.get("index").int().unwrap_or(n));
            let answer = &mut self.answers[at];
            if answer.prompt.steps.is_empty() {
                let (ids, own) = (&around.asked.prompt, choice.list_of(&["prompt_logprobs"])?);
                answer.prompt.steps = match &shared {
                    _ if !own.is_empty() => Arc::new(vllm::steps(&mut self.pool, own, ids.as_deref())?),
                    Some((of, steps)) if same(of.as_ref(), ids.as_ref()) => steps.clone(),
                    _ => {
                        let places = whole.as_list(|| "\"prompt_logprobs\"".into())?;
                        let steps = Arc::new(vllm::steps(&mut self.pool, places, ids.as_deref())?);
                        shared = Some((ids.clone(), steps.clone()));
                        steps
                    }
                };
            }
            let logprobs = choice.get("logprobs");
            let ids = choice.any(&["token_ids", "output_token_ids"]).ids();
            // Together and Fireworks have them beside the legacy arrays
            let ids = ids.or_else(|| logprobs.get("token_ids").ids());
            match logprobs {
                Value::List(places) => {
                    answer.add(vllm::steps(&mut self.pool, places, ids.as_deref())?);
                    answer.say(choice.get("text"));
                }
                _ if logprobs.has("tokens") => legacy::choice(&mut self.pool, choice, answer)?,
                _ => chat::choice(&mut self.pool, choice, answer)?,
            }
            if let Some(ids) = ids {
                let from = answer.generated.ids.as_ref().map_or(0, Vec::len);
                let steps = Arc::make_mut(&mut answer.generated.steps);
                identify(&mut self.pool, steps.get_mut(from..).unwrap_or_default(), &ids)?;
                answer.generated.ids.get_or_insert_default().extend(ids);
            }
            if let Some(n) = completion_tokens {
                answer.completion_tokens = n.try_into().ok();
            }
            answer.ended |= !choice.any(&["finish_reason", "stop_reason"]).is_null();
            if let Some(why) = choice.get("finish_reason").text() {
                answer.stopped = why != "length";
            }
        }
        // the last event of a stream has counts alone
        if let (Some(n), Some(answer)) =
            (d.get("usage").get("completion_tokens").int(), self.answers.last_mut())
            && choices.is_empty()
            && self.open.len() == 1
        {
            answer.completion_tokens = n.try_into().ok();
        }
        Ok(())
    }

    /// The stream is over: what follows is another answer.
    pub fn end(&mut self) {
        for at in self.open.values() {
            self.answers[*at].ended = true;
        }
        self.open.clear();
    }

    /// What stands under llama-server's `error:`.
    pub fn error(&mut self, said: &Value, line: usize) {
        let what = failure(said).unwrap_or_else(|| describe(said, said.get("message")));
        self.fail(what, &Around { line, ..Around::default() });
    }

    /// The server says an error: an answer that it was sending is cut off, or one is missing, whose place is kept.
    fn fail(&mut self, what: String, around: &Around) {
        self.failures.push(what);
        match self.streams && !self.open.is_empty() {
            true => {
                for at in self.open.values() {
                    let answer = &mut self.answers[*at];
                    // nothing came of it
                    answer.failed = answer.generated.steps.is_empty() && answer.text.is_empty();
                }
                self.end();
            }
            false => self.answers.push(Answer {
                line: around.line,
                name: around.name.clone(),
                failed: true,
                ended: true,
                ..Answer::default()
            }),
        }
    }

    /// An event of a stream of OpenAI's responses.
    fn event(&mut self, d: &Value, around: &Around) -> Found<()> {
        self.streams = true;
        if let Some("response.created" | "response.queued") = d.get("type").text() {
            self.close(0);
        }
        let at = self.nameless(around, 0);
        let answer = &mut self.answers[at];
        match d.get("type").text() {
            Some("response.output_text.delta") => {
                answer.add(chat::steps(&mut self.pool, d.list_of(&["logprobs"])?)?);
                answer.say(d.get("delta"));
            }
            Some("response.completed" | "response.incomplete") => {
                let whole = d.get("response");
                match answer.generated.steps.is_empty() {
                    true => {
                        answer.text.clear();
                        chat::response(&mut self.pool, whole, answer)?;
                    }
                    false => answer.stopped = whole.get("status").text() != Some("incomplete"),
                }
                answer.ended = true;
                self.close(0);
            }
            Some("response.failed") => {
                let is_empty = answer.generated.steps.is_empty() && answer.text.is_empty();
                // nothing came of it
                (answer.failed, answer.ended) = (is_empty, true);
                self.failures.extend(failure(d.get("response")));
                self.close(0);
            }
            _ => {}
        }
        Ok(())
    }

    fn tgi(&mut self, d: &Value, around: &Around) -> Found<()> {
        let is_event = d.get("token").is_object();
        self.streams |= is_event;
        let at = self.nameless(around, 0);
        let mut around = around.clone();
        around.asked.learn(d.get("details"))?;
        self.answers[at].asked.fill(&around.asked);
        tgi::answer(&mut self.pool, d, &mut self.answers[at])?;
        if is_event && !d.get("generated_text").is_null() {
            self.end();
        }
        for other in d.get("details").list_of(&["best_of_sequences"])? {
            let at = self.nameless(&around, self.answers.len() as i64);
            tgi::details(&mut self.pool, other, &mut self.answers[at])?;
            self.answers[at].say(other.get("generated_text"));
        }
        Ok(())
    }

    /// The number of a stream's name.
    fn stream(&mut self, name: Option<&str>) -> usize {
        let (name, next) = (name.unwrap_or(NAMELESS), self.names.len());
        match self.names.get(name) {
            Some(known) => *known,
            None => *self.names.entry(name.into()).or_insert(next),
        }
    }

    fn nameless(&mut self, around: &Around, index: i64) -> usize {
        let stream = self.stream(None);
        self.answer(around, stream, index)
    }

    /// An answer of a stream without a name is over.
    fn close(&mut self, index: i64) {
        let stream = self.stream(None);
        self.open.remove(&(stream, index));
    }

    /// The answer that a document belongs to: a new one, unless it goes on with a stream.
    fn answer(&mut self, around: &Around, stream: usize, index: i64) -> usize {
        let key = (stream, index);
        if let Some(at) = self.open.get(&key).filter(|_| self.streams) {
            self.answers[*at].asked.fill(&around.asked);
            return *at;
        }
        let Around { line, name, asked } = around.clone();
        self.open.insert(key, self.answers.len());
        self.answers.push(Answer { line, name, asked, ..Answer::default() });
        self.answers.len() - 1
    }
}

/// Gives the taken tokens of steps their ids, where there is one for each.
fn identify(pool: &mut Pool, steps: &mut [Step], ids: &[TokenId]) -> Found<()> {
    if steps.len() != ids.len() {
        return Ok(());
    }
    for (at, (step, id)) in steps.iter_mut().zip(ids).enumerate() {
        let Some(known) = step.taken else { continue };
        let own = pool.tokens.get(known as usize).and_then(|token| token.id);
        if let Some(own) = own.filter(|own| own != id) {
            return Err(format!(
                "token {at} is {own} among the log-probabilities (\"token_id:{own}\"), and {id} in \"token_ids\""
            ));
        }
        let number = pool.with_id(known, *id);
        step.taken = Some(number);
        for (listed, _) in step.listed.iter_mut().filter(|(listed, _)| *listed == known) {
            *listed = number;
        }
    }
    Ok(())
}

/// What a server says instead of an answer: `{"error": {code, type, message}}` or text, vLLM's `{"object": "error"}`, FastAPI's `detail`.
fn failure(d: &Value) -> Option<String> {
    let error = d.get("error");
    let (body, message) = match error {
        Value::Null if d.get("object").text() == Some("error") || d.get("type").text() == Some("error") => {
            (d, d.get("message"))
        }
        Value::Null if d.has("detail") && d.entries().len() == 1 => (d, d.get("detail")),
        Value::Null => return None,
        Value::Object(_) => (error, error.get("message")),
        text => (d, text),
    };
    Some(describe(body, message))
}

/// An error in words: its codes, and its message.
fn describe(body: &Value, message: &Value) -> String {
    let label = ["code", "status", "type", "error_type"].map(|key| body.get(key));
    let mut words: Vec<String> = label
        .into_iter()
        .filter(|v| v.number().is_some() || v.text().is_some_and(|t| t != "error"))
        .map(|v| v.text().map_or_else(|| shown(v), str::to_string))
        .collect();
    words.dedup();
    let message = match message {
        Value::List(list) => {
            list.iter().filter_map(|one| one.get("msg").text()).collect::<Vec<_>>().join("; ")
        }
        other => other.text().map_or_else(|| shown(other), str::to_string),
    };
    let label = if words.is_empty() { String::new() } else { format!("{}: ", words.join(" ")) };
    format!("{label}{message}")
}
