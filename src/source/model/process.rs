//! The process: its three pipes, its death.

use std::io::{self, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Protocol;
use super::answer::{Answer, excerpt};
use super::guard::Guarded;
use crate::Place;
use crate::source::DtypeHint;

/// How long a process may take to end by itself once its standard input is closed.
const GRACE: Duration = Duration::from_millis(500);
/// How often a silent process is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How many bytes and lines of standard error are kept for messages.
const TAIL: (usize, usize) = (4096, 5);

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Wrong {
    pub place: Place,
    pub what: String,
}

impl From<String> for Wrong {
    fn from(what: String) -> Self {
        Wrong { place: Place::default(), what }
    }
}

/// A running process. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Process {
    guarded: Guarded,
    /// Questions for the thread that writes; `None` once standard input is to be closed.
    questions: Option<Sender<Vec<u8>>>,
    answers: Receiver<Answer>,
    /// The end of standard error, and a channel that closes with it.
    errors: Arc<Mutex<Vec<u8>>>,
    errors_end: Receiver<()>,
}

impl Process {
    pub fn start(words: &[String], protocol: Protocol, hint: Option<DtypeHint>) -> io::Result<Process> {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut guarded = Guarded::spawn(&mut command)?;
        let child = guarded.child();
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut input), Some(output), Some(mut errors)) = pipes else {
            return Err(io::Error::other("it has no pipes"));
        };
        // the pipes need threads of their own: a process that doesn't read, or writes too much, must not block the search
        let (questions, to_write) = mpsc::channel::<Vec<u8>>();
        thread::Builder::new().name("model input".into()).spawn(move || {
            for question in to_write {
                if input.write_all(&question).and_then(|()| input.flush()).is_err() {
                    break; // the process is gone: its output has ended too
                }
            }
        })?;
        let (to_read, answers) = mpsc::channel();
        thread::Builder::new().name("model output".into()).spawn(move || {
            let mut output = BufReader::with_capacity(1 << 16, output);
            loop {
                let answer = Answer::next(&mut output, protocol, hint);
                let is_last = !matches!(answer, Answer::Document(_));
                if to_read.send(answer).is_err() || is_last {
                    break;
                }
            }
        })?;
        let tail = Arc::new(Mutex::new(Vec::new()));
        let (open, errors_end) = mpsc::channel::<()>();
        let to = Arc::clone(&tail);
        thread::Builder::new().name("model errors".into()).spawn(move || {
            let _open = open;
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = errors.read(&mut buffer) {
                let mut tail = to.lock().unwrap_or_else(PoisonError::into_inner);
                tail.extend_from_slice(&buffer[..count]);
                let excess = tail.len().saturating_sub(TAIL.0);
                tail.drain(..excess);
            }
        })?;
        Ok(Process { guarded, questions: Some(questions), answers, errors: tail, errors_end })
    }

    pub fn id(&self) -> u32 {
        self.guarded.id()
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, question: Vec<u8>, timeout: Option<Duration>) -> Result<Vec<u8>, Wrong> {
        match self.answers.try_recv() {
            Ok(Answer::Document(document)) => {
                let what = format!(
                    "it wrote {} without being asked: one answer for each line of standard input, and nothing else on \
                     standard output",
                    excerpt(&document)
                );
                return Err(what.into());
            }
            Ok(other) => return self.judge(other),
            Err(_) => {}
        }
        if let Some(questions) = &self.questions {
            // fails when the process is gone: its output has ended, which says more
            let _ = questions.send(question);
        }
        let start = Instant::now();
        loop {
            let left = timeout.map_or(LOOK, |timeout| timeout.saturating_sub(start.elapsed()));
            match self.answers.recv_timeout(left.min(LOOK)) {
                Ok(answer) => return self.judge(answer),
                Err(RecvTimeoutError::Disconnected) => return self.judge(Answer::End),
                Err(RecvTimeoutError::Timeout) if left <= LOOK && timeout.is_some() => {
                    let seconds = timeout.unwrap_or_default().as_secs_f64();
                    let what = format!(
                        "no answer within {seconds} s: it hangs, or needs a longer `ModelCommand::timeout`"
                    );
                    return Err(what.into());
                }
                // it may be dead while another process holds its output open
                Err(RecvTimeoutError::Timeout) if self.guarded.wait(Duration::ZERO) => {
                    let answer = self.answers.recv_timeout(GRACE).unwrap_or(Answer::End);
                    return self.judge(answer);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn judge(&mut self, answer: Answer) -> Result<Vec<u8>, Wrong> {
        match answer {
            Answer::Document(document) => Ok(document),
            Answer::Garbage(what) => Err(what.into()),
            Answer::End => {
                let by_itself = self.guarded.wait(GRACE);
                let status = self.guarded.kill().filter(|_| by_itself);
                Err(status
                    .map_or("the model process closed its standard output".to_string(), |status| {
                        format!("the model process ended ({status})")
                    })
                    .into())
            }
        }
    }

    /// Ends the process at once; returns what its standard error ended with.
    pub fn end(mut self) -> String {
        self.guarded.kill();
        // what it wrote before its death may still be in the pipe; another process may hold that open
        let _ = self.errors_end.recv_timeout(GRACE);
        let tail = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&tail);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|l| !l.trim().is_empty()).collect();
        match &lines[lines.len().saturating_sub(TAIL.1)..] {
            [] => "its standard error is empty".to_string(),
            last => format!("its standard error ends: {}", last.join(" | ")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.questions = None; // closes its standard input
        self.guarded.wait(GRACE);
        self.guarded.kill();
    }
}
