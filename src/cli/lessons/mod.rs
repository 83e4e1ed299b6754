//! The guided lessons: texts with commands, as data, and the small inputs that the commands read.
//!
//! A lesson is a text: its title on the first line; then paragraphs; a line `$ command` is run and shown with what it prints; a
//! line `! command` makes a picture (the file of its `-o`), and the line below says what is to be seen in it.

/// A lesson.
#[derive(Debug, Clone, Copy)]
pub struct Lesson {
    pub title: &'static str,
    text: &'static str,
}

/// What a lesson is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Lines of text.
    Text(Vec<&'static str>),
    /// Commands, one after the other.
    Commands(Vec<&'static str>),
    /// A command that writes a picture, and what is to be seen.
    Picture { command: &'static str, seen: &'static str },
}

/// The texts, in the order of their numbers.
const TEXTS: [&str; 8] = [
    include_str!("1-greedy.txt"),
    include_str!("2-temperature.txt"),
    include_str!("3-top-p.txt"),
    include_str!("4-min-p.txt"),
    include_str!("5-length-penalty.txt"),
    include_str!("6-repetition.txt"),
    include_str!("7-seeds.txt"),
    include_str!("8-logprobs.txt"),
];

/// The inputs under the short names that the commands know them by.
pub const FILES: [(&str, &[u8]); 5] = [
    ("dog.jsonl", include_bytes!("../../../fixtures/teaching/the-dog-has.jsonl")),
    ("dog-vocab.json", include_bytes!("../../../fixtures/teaching/the-dog-has-vocab.json")),
    ("cat.json", include_bytes!("../../../fixtures/teaching/the-cat-sat.json")),
    ("steps.npy", include_bytes!("../../../fixtures/tiny-lm/steps.npy")),
    ("vocab.json", include_bytes!("../../../fixtures/tiny-lm/vocab.json")),
];

/// All lessons, in the order of their numbers, which begin with 1.
pub fn all() -> impl Iterator<Item = Lesson> {
    TEXTS.into_iter().map(|text| {
        let (title, text) = text.split_once('\n').unwrap_or((text, ""));
        Lesson { title, text }
    })
}

impl Lesson {
    /// Its parts, in their order.
    pub fn parts(&self) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(command) = line.strip_prefix("! ") {
                parts.push(Part::Picture { command, seen: lines.next().unwrap_or_default() });
            } else if let Some(command) = line.strip_prefix("$ ") {
                let more = std::iter::from_fn(|| lines.next_if(|l| l.starts_with("$ ")));
                parts.push(Part::Commands(std::iter::once(command).chain(more.map(|l| &l[2..])).collect()));
            } else if !line.is_empty() {
                let is_text = |l: &&str| !l.is_empty() && !l.starts_with(['$', '!']);
                let more = std::iter::from_fn(|| lines.next_if(is_text));
                parts.push(Part::Text(std::iter::once(line).chain(more).collect()));
            }
        }
        parts
    }
}
