//! Exit codes: part of the command line's contract, documented in docs/exit-codes.md.

use backup_api::velero::Outcome;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All that was asked for is done.
    Done = 0,
    /// Something went wrong.
    Error = 1,
    /// The command line was not understood.
    Usage = 2,
    /// Something was looked at, and something is wrong with it.
    Findings = 3,
    /// A part was done: Velero saved or restored a part, or not all snapshots fitted.
    PartiallyFailed = 10,
    /// Velero failed.
    Failed = 11,
    /// Velero refused the specification.
    FailedValidation = 12,
    /// A wait ended before its condition came true.
    Timeout = 124,
    /// Interrupted from the keyboard.
    Interrupted = 130,
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Done,
            Outcome::PartiallyFailed => Self::PartiallyFailed,
            Outcome::Failed => Self::Failed,
            Outcome::FailedValidation => Self::FailedValidation,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
