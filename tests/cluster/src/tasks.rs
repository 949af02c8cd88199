//! Programs that run to their end while a cluster starts. The supervisor stays awake beside them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::processes::{Event, Place, Processes, Program, prepared};

/// Programs on their way, one after the other.
pub(crate) struct Task {
    name: String,
    thread: JoinHandle<Result<String>>,
}

impl Processes {
    /// Begins a task; its result is what the last program prints.
    pub(crate) fn begin(&self, name: &str, place: Place, programs: Vec<(Program, String)>) -> Task {
        let sender = self.sender.clone();
        let commands: Vec<_> = programs
            .into_iter()
            .map(|(program, input)| (prepared(&self.layout, place, &program), program, input))
            .collect();
        let thread = thread::spawn(move || {
            let mut printed = Ok(String::new());
            for (command, program, input) in commands {
                // The thread that starts a program lives as long as it: see how components are kept from outliving us.
                printed = output(command, &program, &input);
                if printed.is_err() {
                    break;
                }
            }
            let _ = sender.send(Event::TaskDone);
            printed
        });
        Task { name: name.into(), thread }
    }

    /// Waits for a task's result.
    pub(crate) fn finish(&mut self, task: Task, limit: Duration) -> Result<String> {
        let Task { name, thread } = task;
        self.wait_for(&name, limit, || if thread.is_finished() { Ok(()) } else { Err("it is running".into()) })?;
        thread.join().map_err(|_| anyhow!("{name} panicked"))?
    }
}

fn output(mut command: Command, program: &Program, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", program.name))?;
    let mut stdin = child.stdin.take().context("no standard input")?;
    let output = thread::scope(|scope| {
        // Beside the reading: either pipe may fill.
        scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    })?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        bail!("{} {}: {}", program.name, program.args.join(" "), reason.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
