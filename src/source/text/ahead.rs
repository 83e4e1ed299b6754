//! Lines of JSON that are parsed before they are asked for, by the threads of the present pool and by the one that asks.
//!
//! Who has nothing else to do takes the next line of the file, parses it, and puts it where the one that asks finds it by its number.
//! What goes wrong in a line stays with it until it is asked for, so that errors come in the order of the lines.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::json::{Content, Hints};
use super::lines::Lines;
use crate::Result;

/// Bytes from which on a line is worth another thread.
pub(crate) const LONG_LINE: usize = 1 << 14;
/// Bytes from which on the rest of a file is.
pub(crate) const LONG_FILE: u64 = 1 << 21;

/// Parsed lines that may wait, for each thread …
const WAITING: usize = 4;
/// … and the bytes of text that may have been read for them before another line is.
const BYTES: usize = 1 << 26;

/// The largest text whose buffers are kept for another line.
const SPARE: usize = 1 << 22;

/// The lines of a file from some step on.
pub(super) struct Ahead {
    shared: Arc<Shared>,
    threads: usize,
    /// Number of the step that is asked for next.
    next: usize,
}

struct Shared {
    file: String,
    null_is_masked: bool,
    probs: bool,
    most: usize,
    reader: Mutex<Reader>,
    desk: Mutex<Desk>,
    come: Condvar,
}

/// The file: who reads a line holds it.
struct Reader {
    lines: Lines,
    /// Number of the next step.
    step: usize,
    ended: bool,
}

/// What was parsed, and who is at it.
#[derive(Default)]
struct Desk {
    parsed: BTreeMap<usize, Parsed>,
    /// Bytes of the lines that were read and not asked for.
    bytes: usize,
    /// Tasks of the pool.
    tasks: usize,
    /// Buffers for further lines.
    spare: Vec<(Vec<u8>, Content)>,
}

enum Parsed {
    Line(Box<Line>),
    /// The end of the input, or why it can't be read on.
    End(Result<()>),
}

struct Line {
    number: usize,
    text: Vec<u8>,
    content: Content,
    done: Result<()>,
}

impl Ahead {
    /// `lines` stands before the step of this number.
    pub fn new(lines: Lines, step: usize, null_is_masked: bool, probs: bool, threads: usize) -> Self {
        let shared = Shared {
            file: lines.name.clone(),
            null_is_masked,
            probs,
            most: WAITING * threads,
            reader: Mutex::new(Reader { lines, step, ended: false }),
            desk: Mutex::default(),
            come: Condvar::new(),
        };
        Ahead { shared: Arc::new(shared), threads, next: step }
    }

    /// The next step into `content`, and the number of its line; `None` at the end.
    pub fn next(&mut self, content: &mut Content) -> Result<Option<usize>> {
        let Some(mut line) = self.take()? else { return Ok(None) };
        std::mem::swap(content, &mut line.content);
        self.shared.keep(line.text, line.content);
        line.done.map(|()| Some(line.number))
    }

    /// Passes over the next step, whatever its line holds; `false` at the end.
    pub fn skip(&mut self) -> Result<bool> {
        let Some(line) = self.take()? else { return Ok(false) };
        self.shared.keep(line.text, line.content);
        Ok(true)
    }

    fn take(&mut self) -> Result<Option<Line>> {
        self.employ();
        let shared = &self.shared;
        loop {
            let mut desk = shared.desk();
            match desk.parsed.remove(&self.next) {
                Some(Parsed::Line(line)) => {
                    desk.bytes -= line.text.len();
                    self.next += 1;
                    return Ok(Some(*line));
                }
                Some(Parsed::End(why)) => {
                    self.next += 1;
                    return why.map(|()| None);
                }
                None => drop(desk),
            }
            match shared.one() {
                One::Parsed => {}
                One::Ended(step) if self.next >= step => return Ok(None),
                // another thread is at it
                One::Ended(_) | One::Full => drop(shared.wait(self.next)),
            }
        }
    }

    /// Gives the pool work as long as there is room for it.
    fn employ(&self) {
        let mut desk = self.shared.desk();
        while desk.tasks + 1 < self.threads && desk.parsed.len() <= self.shared.most / 2 {
            desk.tasks += 1;
            let shared = Arc::clone(&self.shared);
            rayon::spawn(move || {
                while matches!(shared.one(), One::Parsed) {}
                shared.desk().tasks -= 1;
            });
        }
    }
}

/// What came of looking for a line to parse.
enum One {
    Parsed,
    /// Enough lines wait.
    Full,
    /// The file has ended before this step.
    Ended(usize),
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the buffers of a line for another one, unless they are large: each would grow to the longest line.
    fn keep(&self, text: Vec<u8>, content: Content) {
        if text.capacity() <= SPARE {
            self.desk().spare.push((text, content));
        }
    }

    /// Waits until the step of this number is parsed.
    fn wait(&self, step: usize) -> MutexGuard<'_, Desk> {
        let missing = |desk: &mut Desk| !desk.parsed.contains_key(&step);
        self.come.wait_while(self.desk(), missing).unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the next line and parses it.
    fn one(&self) -> One {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        if reader.ended {
            return One::Ended(reader.step);
        }
        let mut desk = self.desk();
        if desk.parsed.len() >= self.most || desk.bytes >= BYTES {
            return One::Full;
        }
        let (mut text, mut content) = desk.spare.pop().unwrap_or_default();
        drop(desk);
        let step = reader.step;
        reader.step += 1;
        match reader.lines.advance() {
            Ok(true) => std::mem::swap(&mut reader.lines.text, &mut text),
            end => {
                reader.ended = true;
                self.put(step, Parsed::End(end.map(|_| ())));
                return One::Parsed;
            }
        }
        let number = reader.lines.line;
        self.desk().bytes += text.len();
        drop(reader);
        let (null_is_masked, probs) = (self.null_is_masked, self.probs);
        let hints =
            Hints { file: &self.file, null_is_masked, probs, line: number, step: Some(step), layout: None };
        let done = content.parse(&text, hints);
        self.put(step, Parsed::Line(Box::new(Line { number, text, content, done })));
        One::Parsed
    }

    fn put(&self, step: usize, parsed: Parsed) {
        self.desk().parsed.insert(step, parsed);
        self.come.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use crate::source::{Open, Query};

    const LINES: usize = 150;

    /// What is read of a file: each row, or why there is none. `threads`: ahead, in a pool of so many; only one in `every` row.
    fn read(path: &Path, threads: usize, every: usize) -> Vec<String> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let run = || {
            let mut source = Open::new(path).open().unwrap();
            assert!(source.pays_ahead());
            let (mut rows, mut found) = (Vec::new(), Vec::new());
            for step in (0..).step_by(every) {
                if step == 3 * every {
                    // as late as this, too
                    source.read_ahead(threads);
                }
                if step == 0 && threads.is_multiple_of(2) {
                    source.read_ahead(threads);
                }
                let query = Query { sequence: 0, step, context: &[], prompt_len: 0 };
                match source.rows(&[query], &mut rows) {
                    Ok(()) if rows[0].ended => return found,
                    Ok(()) => found.push(format!("{:?}", rows[0])),
                    Err(e) => {
                        found.push(e.to_string());
                        return found;
                    }
                }
            }
            found
        };
        // on a thread of the pool, and beside it
        if threads == 2 { run() } else { pool.install(run) }
    }

    /// A file of long lines, with another one somewhere.
    fn file(name: &str, at: usize, other: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("tokpick-ahead-{name}-{}.jsonl", std::process::id()));
        let mut text = String::new();
        for line in 0..LINES {
            if line == at {
                text += other;
            }
            let numbers = (0..2000).map(|i| format!("{:.6}", ((i * 31 + line * 7) % 997) as f64 / 100.0));
            writeln!(text, "[{}]", numbers.collect::<Vec<_>>().join(", ")).unwrap();
        }
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn rows_and_errors_are_those_of_one_line_after_the_other() {
        for (name, at, other, error) in [
            ("good", 0, "", None),
            ("blank", 70, "\n  \n", None),
            ("syntax", 90, "[1, 2, oops]\n", Some("line 91, step 90")),
            ("length", 5, "[1, 2]\n", Some("line 6, step 5: 2 logits here, 2000 in the lines before")),
            ("twice", 40, "[1]\n[2, \n", Some("line 41, step 40: 1 logits here")),
            ("cut", LINES - 1, "[1, 2", Some("line 150, step 149")),
        ] {
            let path = file(name, at, other);
            let alone = read(&path, 1, 1);
            assert_eq!(alone.len(), if error.is_some() { at + 1 } else { LINES }, "{name}");
            if let Some(error) = error {
                assert!(alone[at].contains(error), "{}", alone[at]);
            }
            for threads in [2, 3, 4] {
                assert_eq!(read(&path, threads, 1), alone, "{name}, {threads} threads");
                assert_eq!(
                    read(&path, threads, 7),
                    read(&path, 1, 7),
                    "{name}, {threads} threads, every 7th"
                );
            }
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn small_files_and_short_lines_are_read_by_one_thread() {
        let path = std::env::temp_dir().join(format!("tokpick-ahead-small-{}.jsonl", std::process::id()));
        let long = format!("[{}1]\n", "1.5, ".repeat(5000));
        for (text, pays) in
            [(long.repeat(10), false), (long.repeat(200), true), ("[1.5, 2]\n".repeat(500_000), false)]
        {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(Open::new(&path).open().unwrap().pays_ahead(), pays);
            assert!(!Open::new("pipe").read(std::io::Cursor::new(text.into_bytes())).unwrap().pays_ahead());
        }
        std::fs::remove_file(&path).unwrap();
    }
}
