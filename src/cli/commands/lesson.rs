use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context;
use clap::Args;
use tokpick::render::kit::{beside, display_width, wrap};
use tokpick::system::write_whole;
use tokpick::{Error, Result};

use crate::cli::args::{ToArgs, columns_of};
use crate::cli::lessons::{FILES, Lesson, Part, all};
use crate::cli::out::Out;
use crate::cli::{Execute, Given, Screen, Status};

#[derive(Args, Clone)]
#[command(
    after_long_help = "The commands of a lesson are run while you look, on small inputs that come with tokpick. With --files you have these inputs too, and can change a number and run a command again."
)]
pub struct LessonCommand {
    /// The number of the lesson (default: the list of them; with --markdown all)
    #[arg(value_name = "N")]
    number: Option<usize>,
    /// Write it as Markdown, with the commands that make its pictures
    #[arg(long, help_heading = "Output")]
    markdown: bool,
    /// Write the inputs of the lessons into a folder, for experiments of your own
    #[arg(long, value_name = "FOLDER", help_heading = "Output", conflicts_with_all = ["number", "markdown", "output"])]
    files: Option<PathBuf>,
    #[command(flatten)]
    to: ToArgs,
}

impl Execute for LessonCommand {
    const SCREEN: Screen = Screen {
        examples: &["tokpick lesson", "tokpick lesson 2", "tokpick lesson --files ."],
        flags: &["markdown", "files", "output"],
    };

    fn execute(self, _: &Given) -> anyhow::Result<Status> {
        if let Some(folder) = &self.files {
            lay_out(folder)?;
            return Ok(Status::Done);
        }
        let lessons: Vec<(usize, Lesson)> = (1..).zip(all()).collect();
        let chosen = match self.number {
            None => &lessons[..],
            Some(number) => {
                lessons.iter().find(|(n, _)| *n == number).map(std::slice::from_ref).ok_or_else(|| {
                    Error::setting("N", number, format!("is no lesson; they are 1 to {}", lessons.len()))
                })?
            }
        };
        let mut out = self.to.open()?;
        if self.number.is_none() && !self.markdown {
            let width = width(&out);
            out.write(|to| list(chosen, width, to))?;
        } else {
            let folder = tempfile::tempdir().context("no temporary folder for the inputs of the lesson")?;
            lay_out(folder.path())?;
            for (at, (number, lesson)) in chosen.iter().enumerate() {
                if at > 0 {
                    out.write(|to| writeln!(to))?;
                }
                Teller { folder: folder.path(), markdown: self.markdown }.tell(*number, lesson, &mut out)?;
            }
        }
        out.finish()?;
        Ok(Status::Done)
    }
}

/// As wide as the screen; elsewhere 80 columns.
fn width(out: &Out) -> usize {
    columns_of(out).unwrap_or(80)
}

fn list(lessons: &[(usize, Lesson)], width: usize, to: &mut dyn Write) -> io::Result<()> {
    let mut lines: Vec<String> = lessons
        .iter()
        .flat_map(|(number, lesson)| beside(&format!("{number}  "), lesson.title, width))
        .chain([String::new()])
        .collect();
    let more =
        "Take one: tokpick lesson 1. Its inputs, for experiments of your own: tokpick lesson --files .";
    lines.extend(wrap(more, width));
    lines.iter().try_for_each(|line| writeln!(to, "{line}"))
}

/// The lines of a paragraph, as they are where the screen has room for them.
fn paragraph(lines: &[&str], width: usize) -> Vec<String> {
    match lines.iter().all(|line| display_width(line) <= width) {
        true => lines.iter().map(ToString::to_string).collect(),
        false => wrap(&lines.join(" "), width),
    }
}

/// Writes the inputs into a folder. What is there under one of their names and isn't the same is left alone.
fn lay_out(folder: &Path) -> Result<()> {
    let io = |source| Error::Io { file: folder.display().to_string(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    let there = |name| std::fs::read(folder.join(name)).ok();
    if let Some((name, _)) = FILES.iter().find(|(name, bytes)| there(name).is_some_and(|is| is != *bytes)) {
        let what = format!("holds another {name}, which is left as it is: choose another folder");
        return Err(Error::setting("--files", folder.display(), what));
    }
    FILES.iter().try_for_each(|(name, bytes)| write_whole(&folder.join(name), bytes))
}

/// How a lesson is told.
struct Teller<'a> {
    /// Where the inputs are.
    folder: &'a Path,
    markdown: bool,
}

impl Teller<'_> {
    fn tell(&self, number: usize, lesson: &Lesson, out: &mut Out) -> anyhow::Result<()> {
        let bold = out.colour() && !self.markdown;
        let loud = |text: &str| if bold { format!("\x1b[1m{text}\x1b[0m") } else { text.to_string() };
        let title = format!("Lesson {number}: {}", lesson.title);
        // a document has lines of its own
        let width = if self.markdown { usize::MAX } else { width(out) };
        let title = match self.markdown {
            true => vec![format!("## {title}")],
            false => wrap(&title, width).iter().map(|line| loud(line)).collect(),
        };
        out.write(|to| title.iter().try_for_each(|line| writeln!(to, "{line}")))?;
        for part in lesson.parts() {
            out.write(|to| writeln!(to))?;
            match part {
                Part::Text(lines) => {
                    let lines = paragraph(&lines, width);
                    out.write(|to| lines.iter().try_for_each(|l| writeln!(to, "{l}")))?;
                }
                Part::Picture { command, seen } if self.markdown => {
                    let file = picture(command);
                    out.write(|to| {
                        writeln!(to, "![{seen}](pictures/{file})\n")?;
                        writeln!(to, "<!-- made by: {command} -->")
                    })?;
                }
                Part::Picture { command, seen } => {
                    let words = wrap(&format!("As a picture ({seen}):"), width);
                    out.write(|to| {
                        words.iter().try_for_each(|line| writeln!(to, "{line}"))?;
                        writeln!(to, "  {command}")
                    })?;
                }
                Part::Commands(commands) => {
                    if self.markdown {
                        out.write(|to| writeln!(to, "```console"))?;
                    }
                    for command in commands {
                        out.write(|to| writeln!(to, "{}", loud(&format!("$ {command}"))))?;
                        self.run(command, out)?;
                    }
                    if self.markdown {
                        out.write(|to| writeln!(to, "```"))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Runs a command of a lesson where its inputs are: on a terminal as if it had been typed there, elsewhere with what it says on
    /// standard error after its results.
    fn run(&self, command: &str, out: &mut Out) -> anyhow::Result<()> {
        let mut attempt = || -> anyhow::Result<Output> {
            let words = shlex::split(command).unwrap_or_default();
            let mut child = Command::new(std::env::current_exe()?);
            child.args(words.iter().skip(1)).current_dir(self.folder).stdin(Stdio::null());
            if self.markdown {
                child.env("NO_COLOR", "1");
            }
            if !out.is_terminal() || self.markdown {
                return Ok(child.output()?);
            }
            out.write(|to| to.flush())?;
            let status = child.status()?;
            Ok(Output { status, stdout: Vec::new(), stderr: Vec::new() })
        };
        let ran = attempt().with_context(|| format!("`{command}` could not be run"))?;
        out.write(|to| to.write_all(&ran.stdout).and_then(|()| to.write_all(&ran.stderr)))?;
        // 1: a check said no, which a lesson may want to show
        match ran.status.code() {
            Some(0 | 1) => Ok(()),
            _ => Err(anyhow::anyhow!("`{command}` failed: {}", String::from_utf8_lossy(&ran.stderr).trim())),
        }
    }
}

/// The file that a command writes: the value of its `-o`.
fn picture(command: &str) -> &str {
    command.split_once(" -o ").map_or("", |(_, file)| file)
}
