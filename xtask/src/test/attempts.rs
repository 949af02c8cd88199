//! An end-to-end test that fails is tried once more; passing then it is unsteady, which is told at the end of the run.

use std::{
    io::{Read, Write},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

/// More failures at once have a cause that another attempt only hides.
const FEW: usize = 2;

/// Runs the tests and then, when `again` is wanted, the few that failed. The names of those that passed at the second attempt.
///
/// `command` makes the call of `cargo test` up to the arguments of the tests, `arguments` are those of the first attempt.
pub fn run(
    command: impl Fn() -> Command,
    arguments: &[String],
    again: bool,
    out: &mut dyn Write,
) -> Result<Vec<String>> {
    let mut first = command();
    first.args(arguments);
    let Err(error) = attempt(&mut first, out)? else { return Ok(Vec::new()) };
    let failed = failed(&error.said);
    if !again || failed.is_empty() || failed.len() > FEW {
        bail!("{first:?} ended with {}", error.status);
    }
    eprintln!("\n== once more: {}", failed.join(", "));
    let mut second = command();
    second.arg("--exact").args(&failed);
    match attempt(&mut second, out)? {
        Ok(passed) => {
            let ran = passed.contains(&format!("test result: ok. {} passed", failed.len()));
            ensure!(ran, "the second attempt did not run {}", failed.join(", "));
            Ok(failed)
        }
        Err(error) => bail!("failed twice: {} ({})", failed.join(", "), error.status),
    }
}

struct Failed {
    said: String,
    status: ExitStatus,
}

/// Runs it and passes on what it says, as it says it.
fn attempt(command: &mut Command, out: &mut dyn Write) -> Result<Result<String, Failed>> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("run {command:?}"))?;
    let mut stdout = child.stdout.take().context("the tests have no output")?;
    let mut said = Vec::new();
    let mut part = [0; 4096];
    loop {
        let length = stdout.read(&mut part)?;
        let Some(part) = part.get(..length).filter(|part| !part.is_empty()) else { break };
        said.extend_from_slice(part);
        out.write_all(part)?;
        out.flush()?;
    }
    let status = child.wait()?;
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok(if status.success() { Ok(said) } else { Err(Failed { said, status }) })
}

/// The tests that failed: libtest lists them at its end.
fn failed(said: &str) -> Vec<String> {
    let Some((_, list)) = said.rsplit_once("\nfailures:\n") else { return Vec::new() };
    let names = list.lines().map_while(|line| line.strip_prefix("    "));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `cargo test --quiet` of Rust 1.95 says it.
    const SAID: &str = "
running 3 tests
. 1/3
a::slow --- FAILED
b::wrong --- FAILED

failures:

---- a::slow stdout ----

thread 'a::slow' panicked at a.rs:3:5:
failures:
    is what it says

---- b::wrong stdout ----
no

failures:
    a::slow
    b::wrong

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

";

    fn say(words: &str, status: u8) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", r#"[ "$3" = --exact ] && { shift 3; printf 'test result: ok. %s passed; 0 failed' $#; exit 0; }; printf '%s' "$1"; exit "$2""#, "sh"]);
        command.args([words, &status.to_string()]);
        command
    }

    #[test]
    fn the_list_at_the_end_is_read() {
        assert_eq!(failed(SAID), ["a::slow", "b::wrong"]);
        assert!(failed("error: could not compile").is_empty());
    }

    #[test]
    fn few_failures_are_tried_again_and_named() {
        let filter = ["a".to_owned()];
        assert_eq!(
            run(|| say(SAID, 101), &filter, true, &mut Vec::new()).expect("passes at last"),
            ["a::slow", "b::wrong"]
        );
        assert!(run(|| say(SAID, 101), &filter, false, &mut Vec::new()).is_err(), "not wanted");
        let mut out = Vec::new();
        assert!(run(|| say(SAID, 0), &filter, true, &mut out).expect("passes").is_empty());
        assert_eq!(String::from_utf8(out).expect("text"), SAID, "all is passed on");
    }

    #[test]
    fn what_fails_twice_or_in_numbers_or_does_not_run_fails() {
        let many = SAID.replace("    b::wrong\n", "    b::wrong\n    c::wrong\n");
        assert!(run(|| say(&many, 101), &[], true, &mut Vec::new()).is_err());
        assert!(run(|| say("error: could not compile", 101), &[], true, &mut Vec::new()).is_err());
        let fails = |words: &'static str| {
            move || {
                let mut command = Command::new("sh");
                command.args(["-c", words, "sh", SAID]);
                command
            }
        };
        let twice = run(fails(r#"printf '%s' "$1"; exit 101"#), &[], true, &mut Vec::new()).expect_err("fails twice");
        assert!(twice.to_string().starts_with("failed twice: a::slow, b::wrong"), "{twice}");
        let none =
            fails(r#"[ "$2" = --exact ] && { echo 'test result: ok. 0 passed'; exit 0; }; printf '%s' "$1"; exit 101"#);
        assert!(run(none, &[], true, &mut Vec::new()).is_err(), "a second attempt that ran nothing");
    }
}
