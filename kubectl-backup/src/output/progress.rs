//! Progress of something that takes a while: a bar on a terminal, a line per change elsewhere.

use std::{sync::Mutex, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Ui, escape};

/// One thing under way. Dropping it clears its bar.
pub struct Progress {
    ui: Ui,
    label: String,
    bar: Option<ProgressBar>,
    last: Mutex<String>,
}

impl Ui {
    /// Starts to show progress; `label` names the object.
    pub fn progress(&self, label: &str) -> Progress {
        self.progress_of(label, 0)
    }

    /// Starts to show progress of one of several things; `width` lets their bars stand below each other.
    pub fn progress_of(&self, label: &str, width: usize) -> Progress {
        let bar = self.is_interactive().then(|| {
            let bar = self.bars().add(ProgressBar::new_spinner());
            bar.set_style(spinner());
            bar.set_prefix(format!("{:<width$}", escape::cell(label)));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Progress { ui: self.clone(), label: label.to_owned(), bar, last: Mutex::new(String::new()) }
    }
}

impl Progress {
    /// Says where it stands. The same text twice is shown once.
    pub fn say(&self, text: &str) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *last == text {
            return;
        }
        text.clone_into(&mut last);
        match &self.bar {
            Some(bar) => bar.set_message(escape::cell(text)),
            None => self.ui.status(&format!("{}: {text}", self.label)),
        }
    }

    /// Says where it stands, at which of so many steps.
    pub fn step(&self, done: u64, steps: u64, text: &str) {
        self.arrived(done, steps, text);
        self.say(text);
    }

    /// Lets the bar say where it came to. Elsewhere whoever waits says so.
    pub fn arrived(&self, done: u64, steps: u64, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_style(stepper());
            bar.set_length(steps);
            bar.set_position(done);
            bar.set_message(escape::cell(text));
        }
    }

    /// Says how far it is. Off a terminal each tenth of the way makes a line.
    pub fn count(&self, done: u64, total: u64, unit: &str) {
        match &self.bar {
            Some(bar) if total > 0 => {
                bar.set_style(counter());
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(unit.to_owned());
            }
            Some(bar) => bar.set_message(format!("{done} {unit}")),
            None if total > 0 => self.say(&format!("{}% of {total} {unit}", done.min(total) * 10 / total * 10)),
            None => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix}: {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn stepper() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix} [{bar:8}] {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn counter() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix}: [{bar:24}] {pos}/{len} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
