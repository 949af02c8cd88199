//! A program that ran to its end.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// What a program printed and how it ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// The command line, for messages.
    pub command: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Wall time.
    pub took: Duration,
}

impl Run {
    /// Runs the command to its end, with `input` on its standard input.
    pub fn of(mut command: Command, input: Option<&str>) -> Self {
        let line = format!("{command:?}");
        let started = Instant::now();
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        if let Some(text) = input {
            use std::io::Write as _;
            let mut stdin = child.stdin.take().expect("stdin is piped");
            stdin.write_all(text.as_bytes()).unwrap_or_else(|error| panic!("{line}: writing its input: {error}"));
        }
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("{line}: {error}"));
        Self {
            command: line,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
            took: started.elapsed(),
        }
    }

    /// Panics unless the program ended with 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.ends_with(0)
    }

    /// Panics unless the program ended with this code.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\nstdout:\n{}\nstderr:\n{}", self.command, self.stdout, self.stderr);
        self
    }

    /// Panics unless the program ended with this code and within this time.
    #[track_caller]
    pub fn ends_in(self, code: i32, within: Duration) -> Self {
        let run = self.ends_with(code);
        assert!(run.took < within, "{} took {:?}, more than {within:?}:\n{}", run.command, run.took, run.stderr);
        run
    }

    /// Panics unless the text is in the standard error.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{} does not say {text:?}:\n{}", self.command, self.stderr);
        self
    }

    /// The standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{}: {error}\n{}", self.command, self.stdout))
    }
}

/// Kills the program when it says a line with this text on its standard error.
#[track_caller]
pub(crate) fn kill_at(mut command: Command, text: &str) {
    let line = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut said = Vec::new();
    let errors = child.stderr.take().expect("stderr is piped");
    let met = BufReader::new(errors).lines().map_while(Result::ok).any(|heard| {
        let met = heard.contains(text);
        said.push(heard);
        met
    });
    child.kill().unwrap_or_else(|error| panic!("{line}: {error}"));
    child.wait().unwrap_or_else(|error| panic!("{line}: {error}"));
    assert!(met, "{line} ended without {text:?}:\n{}", said.join("\n"));
}

/// Sends the program a signal when it says a line with this text on its standard error, and returns how it ended.
#[track_caller]
pub(crate) fn signal_at(command: Command, text: &str, signal: &str) -> Run {
    act_at(command, text, |child| send(signal, child))
}

/// Stops the program (SIGSTOP) when it says a line with this text on its standard error, lets it run on once `meanwhile`
/// returns, and returns how it ended.
#[track_caller]
pub(crate) fn hold_at(command: Command, text: &str, meanwhile: impl FnOnce()) -> Run {
    act_at(command, text, |child| {
        send("STOP", child);
        // It runs on also when this fails, so that nothing waits for it for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        send("CONT", child);
        done.unwrap_or_else(|failed| std::panic::resume_unwind(failed));
    })
}

/// Acts once, when the program says a line with this text on its standard error, and returns how it ended.
#[track_caller]
fn act_at(mut command: Command, text: &str, act: impl FnOnce(&Child)) -> Run {
    let line = format!("{command:?}");
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut said = String::new();
    let mut act = Some(act);
    let errors = child.stderr.take().expect("stderr is piped");
    for heard in BufReader::new(errors).lines().map_while(Result::ok) {
        said.push_str(&heard);
        said.push('\n');
        if heard.contains(text)
            && let Some(act) = act.take()
        {
            act(&child);
        }
    }
    let status = child.wait().unwrap_or_else(|error| panic!("{line}: {error}"));
    assert!(act.is_none(), "{line} ended without {text:?}:\n{said}");
    let code = status.code().unwrap_or(-1);
    Run { command: line, stdout: String::new(), stderr: said, code, took: started.elapsed() }
}

/// Sends it from this process: another program's start would leave the child time to go on.
#[track_caller]
fn send(signal: &str, child: &Child) {
    let named = match signal {
        "KILL" => Signal::KILL,
        "INT" => Signal::INT,
        "TERM" => Signal::TERM,
        "STOP" => Signal::STOP,
        "CONT" => Signal::CONT,
        _ => panic!("there is no signal {signal} here"),
    };
    kill_process(Pid::from_child(child), named).unwrap_or_else(|error| panic!("kill -s {signal}: {error}"));
}

/// Sends the program a signal once `ready` returns, and returns how it ended.
#[track_caller]
pub(crate) fn signal_when(mut command: Command, signal: &str, ready: impl FnOnce()) -> Run {
    let line = format!("{command:?}");
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{line}: {error}"));
    ready();
    send(signal, &child);
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("{line}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Run {
        command: line,
        stdout: String::new(),
        stderr,
        code: output.status.code().unwrap_or(-1),
        took: started.elapsed(),
    }
}
