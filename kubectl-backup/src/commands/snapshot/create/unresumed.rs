//! How a run ends in which a resume hook failed.

use crate::{
    error::{CliError, Result},
    exit::Exit,
};

/// Returns what is told before the end, and what ends the program. `end` is how the snapshots themselves ended; the hook was
/// told.
pub fn unresumed(end: Result<Exit>) -> (Option<CliError>, CliError) {
    let (told, what) = match end {
        Ok(Exit::Done) => (None, "the snapshots were taken, but a resume hook failed"),
        Ok(_) => (None, "a part of the snapshots was taken, and a resume hook failed"),
        Err(error) => (Some(error), "a snapshot is not ready, and a resume hook failed too"),
    };
    (told, CliError::new(format!("{what}: see above")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(end: Result<Exit>) -> String {
        let (told, last) = unresumed(end);
        told.into_iter().chain([last]).map(|error| error.message).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_snapshot_that_failed_is_told_and_not_called_taken() {
        insta::assert_snapshot!(said(Err(CliError::new("VolumeSnapshot \"web\" failed: pool full"))), @r#"
        VolumeSnapshot "web" failed: pool full
        a snapshot is not ready, and a resume hook failed too: see above
        "#);
        insta::assert_snapshot!(said(Ok(Exit::PartiallyFailed)), @"a part of the snapshots was taken, and a resume hook failed: see above");
        insta::assert_snapshot!(said(Ok(Exit::Done)), @"the snapshots were taken, but a resume hook failed: see above");
    }
}
