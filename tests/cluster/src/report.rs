//! What the supervisor tells the process that started it: one line per step, then how it went.

use std::io::{self, BufRead, Write};
use std::sync::mpsc::Sender;
use std::thread;

use anyhow::{Result, bail};
use rustix::event::{PollFd, PollFlags, poll};

use crate::processes::Event;

const STEP: &str = "step ";
const READY: &str = "ready";
const FAILED: &str = "failed ";

/// The supervisor's end: its standard output is a pipe to the starter.
pub(crate) struct Report;

impl Report {
    /// Opens the report and sends an event when nobody reads it any more.
    pub(crate) fn open(events: Sender<Event>) -> Self {
        thread::spawn(move || {
            let output = io::stdout();
            // No event is asked for: poll answers when the reader is gone, and only then.
            let mut ends = [PollFd::new(&output, PollFlags::empty())];
            while matches!(poll(&mut ends, None), Err(rustix::io::Errno::INTR)) {}
            let _ = events.send(Event::StarterGone);
        });
        Self
    }

    pub(crate) fn step(&self, text: &str) {
        self.line(STEP, text);
    }

    pub(crate) fn ready(&self) {
        self.line(READY, "");
    }

    pub(crate) fn failed(&self, text: &str) {
        self.line(FAILED, text);
    }

    fn line(&self, kind: &str, text: &str) {
        // A message of several lines travels as one.
        let text = if text.is_empty() { String::new() } else { serde_json::Value::from(text).to_string() };
        // That the reader is gone is learnt from the event, not from here.
        let _ = writeln!(io::stdout().lock(), "{kind}{text}");
    }
}

/// The starter's end: passes on the steps, returns when the cluster is ready.
pub(crate) fn follow(report: &mut impl BufRead, progress: &mut dyn FnMut(&str)) -> Result<()> {
    let text = |json: &str| serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned());
    let mut line = String::new();
    while report.read_line(&mut line)? > 0 {
        let message = line.trim_end();
        if message == READY {
            return Ok(());
        } else if let Some(step) = message.strip_prefix(STEP) {
            progress(&text(step));
        } else if let Some(reason) = message.strip_prefix(FAILED) {
            bail!("{}", text(reason));
        }
        line.clear();
    }
    Err(Silent.into())
}

/// The supervisor could not even say what went wrong.
#[derive(Debug, thiserror::Error)]
#[error("the cluster's supervisor ended without a word")]
pub(crate) struct Silent;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_pass_until_ready() {
        let mut steps = Vec::new();
        let mut report = &b"step \"one\"\nstep \"two\\nlines\"\nready\nstep \"after\"\n"[..];
        follow(&mut report, &mut |step| steps.push(step.to_owned())).unwrap();
        assert_eq!(steps, ["one", "two\nlines"]);
    }

    #[test]
    fn a_failure_and_a_silent_end_are_errors() {
        let error = follow(&mut &b"failed \"why\"\n"[..], &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "why");
        assert!(follow(&mut &b"step \"one\"\n"[..], &mut |_| {}).unwrap_err().is::<Silent>());
    }
}
