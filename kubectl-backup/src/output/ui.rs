//! Writes to the terminal. A handle: clones write to the same place.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the room that prints")]

use std::{
    io::{self, IsTerminal as _, Write},
    sync::{Arc, Mutex, PoisonError},
};

use anstyle::{AnsiColor, Style};
use indicatif::MultiProgress;
use terminal_size::{Width, terminal_size_of};

use super::escape;
use crate::{
    error::{CliError, Result},
    exit::Exit,
};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// The terminal.
#[derive(Clone)]
pub struct Ui {
    inner: Arc<Inner>,
}

struct Inner {
    out: Mutex<Box<dyn Write + Send>>,
    err: Mutex<Box<dyn Write + Send>>,
    bars: MultiProgress,
    /// Whether bars may be drawn: stderr is a terminal.
    interactive: bool,
    /// Whether questions may be asked: stdin is a terminal too.
    can_ask: bool,
    color: bool,
    /// Whether data for people may be coloured: stdout is a terminal.
    data_color: bool,
    /// How wide the terminal is that stdout is.
    columns: Option<usize>,
    /// What to say when the user interrupts a wait.
    resume: Mutex<Option<String>>,
    /// Warnings shown so far: a list of many pages repeats them.
    warned: Mutex<Vec<String>>,
}

impl Ui {
    /// Returns the process's own terminal.
    pub fn terminal(color: bool, data_color: bool) -> Self {
        let interactive = io::stderr().is_terminal();
        Self::with(
            Box::new(io::BufWriter::new(io::stdout())),
            Box::new(io::stderr()),
            interactive,
            interactive && io::stdin().is_terminal(),
            color,
            data_color,
        )
    }

    /// Returns a terminal that is none, and what is written to its stdout.
    #[cfg(test)]
    pub fn in_memory() -> (Self, Arc<Mutex<Vec<u8>>>) {
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                lock(&self.0).write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let out = Arc::new(Mutex::new(Vec::new()));
        let mut ui = Self::with(Box::new(Shared(out.clone())), Box::new(io::sink()), false, false, false, false);
        if let Some(inner) = Arc::get_mut(&mut ui.inner) {
            inner.columns = None;
        }
        (ui, out)
    }

    fn with(
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
        interactive: bool,
        can_ask: bool,
        color: bool,
        data_color: bool,
    ) -> Self {
        let bars = MultiProgress::new();
        if !interactive {
            bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Self {
            inner: Arc::new(Inner {
                out: Mutex::new(out),
                err: Mutex::new(err),
                bars,
                interactive,
                can_ask,
                color,
                data_color,
                columns: terminal_size_of(io::stdout()).map(|(Width(columns), _)| usize::from(columns)),
                resume: Mutex::new(None),
                warned: Mutex::new(Vec::new()),
            }),
        }
    }

    /// Writes data to stdout, as it is.
    ///
    /// # Errors
    /// When stdout cannot be written. A reader that went away (`| head`) is no error.
    pub fn data(&self, text: &str) -> Result<()> {
        let write = || {
            let mut out = lock(&self.inner.out);
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
        // Both streams may be the same terminal: a line of data must not land in the middle of a bar.
        match if self.inner.interactive { self.inner.bars.suspend(write) } else { write() } {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(CliError::new(format!("failed to write to the standard output: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Writes data that may hold anything: as it is to a file or a program, with visible controls to a terminal.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn data_as_written(&self, text: &str) -> Result<()> {
        if self.inner.columns.is_some() { self.data(&escape::visible(text)) } else { self.data(text) }
    }

    /// Writes a line for people to stderr.
    pub fn status(&self, text: &str) {
        self.err_line(&escape::message(text));
    }

    /// Writes `Warning: …`, once for each text.
    pub fn warning(&self, text: &str) {
        let mut warned = lock(&self.inner.warned);
        if !warned.iter().any(|seen| says(seen, text)) {
            warned.push(text.to_owned());
            self.err_line(&format!("{} {}", self.paint("Warning:", WARNING), escape::message(text)));
        }
    }

    /// Writes findings about what is to be made; their control characters are visible already.
    pub fn findings(&self, text: &str) {
        text.trim_end().lines().for_each(|line| self.err_line(line));
    }

    /// Remembers that the user knows this already, in whichever words: a warning that says it is not shown.
    pub fn known(&self, text: &str) {
        lock(&self.inner.warned).push(text.to_owned());
    }

    /// Writes an error with its hints.
    pub fn error(&self, error: &CliError) {
        let message = escape::message(&error.message);
        let headline = if error.prefix.is_empty() {
            message
        } else {
            format!("{} {message}", self.paint(&format!("{}:", error.prefix), ERROR))
        };
        self.err_line(&headline);
        for hint in &error.hints {
            self.err_line(&format!("{} {}", self.paint("hint:", HINT), escape::message(hint)));
        }
    }

    /// Ends what was done to many objects: the last error ends the program, those before it are said here.
    ///
    /// # Errors
    /// When there is one.
    pub fn all_but_last(&self, mut errors: Vec<CliError>) -> Result<Exit> {
        let Some(last) = errors.pop() else { return Ok(Exit::Done) };
        errors.iter().for_each(|error| self.error(error));
        Err(last)
    }

    /// Remembers what to say when the user interrupts: how to look again. `None` when nothing is waited for.
    pub fn on_interrupt(&self, text: Option<String>) {
        *lock(&self.inner.resume) = text;
    }

    /// Takes what is to be said after an interruption.
    pub fn interrupted(&self) -> Option<String> {
        lock(&self.inner.resume).take()
    }

    /// Returns whether progress may be drawn in place.
    pub fn is_interactive(&self) -> bool {
        self.inner.interactive
    }

    /// Returns whether data for people may be coloured.
    pub fn colors_data(&self) -> bool {
        self.inner.data_color
    }

    /// Returns whether messages for people may be coloured.
    pub fn colors_messages(&self) -> bool {
        self.inner.color
    }

    /// Returns how wide the terminal is that data go to; `None` when they go elsewhere.
    pub fn columns(&self) -> Option<usize> {
        self.inner.columns
    }

    /// Returns whether a question would reach somebody.
    pub fn can_ask(&self) -> bool {
        self.inner.can_ask
    }

    pub(super) fn bars(&self) -> &MultiProgress {
        &self.inner.bars
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.inner.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// Writes a question; the answer is typed behind it.
    pub(super) fn ask(&self, question: &str) {
        self.inner.bars.suspend(|| {
            let mut err = lock(&self.inner.err);
            let _ = write!(err, "{}", escape::message(question));
            let _ = err.flush();
        });
    }

    fn err_line(&self, line: &str) {
        self.inner.bars.suspend(|| {
            let mut err = lock(&self.inner.err);
            // When stderr is gone there is nobody left to tell.
            let _ = writeln!(err, "{line}");
            let _ = err.flush();
        });
    }
}

/// Whether a warning was said before; an API server may have cut it.
fn says(seen: &str, text: &str) -> bool {
    /// Where API servers cut warnings when there are many, in characters.
    const CUT: usize = 256;
    seen == text || (text.chars().count() == CUT && seen.starts_with(text))
}

/// A poisoned lock means that a writer panicked in the middle of a line; the next line is still worth writing.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_that_the_server_cut_was_said_already() {
        let long = "ü".repeat(300);
        let cut: String = long.chars().take(256).collect();
        assert!(says(&long, &cut) && says(&long, &long));
        assert!(!says(&long, "ü") && !says("a", "b"));
    }
}
