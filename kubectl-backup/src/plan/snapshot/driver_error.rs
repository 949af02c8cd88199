//! What a driver's error message means for somebody who waits.

/// Returns whether the controllers will get over it by themselves: a conflict between two writers, or a driver that
/// is still at work or away for a moment. Everything else is shown at once.
///
/// The gRPC codes are those after which a CSI call may still be running.
pub fn is_passing(message: &str) -> bool {
    const PASSING: [&str; 5] = [
        "the object has been modified",
        "code = DeadlineExceeded",
        "code = Aborted",
        "code = Unavailable",
        "code = Canceled",
    ];
    PASSING.iter().any(|sign| message.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_and_calls_that_may_still_run_pass() {
        assert!(is_passing(
            "Failed to create snapshot content with error snapshot controller failed to update web on API server: \
             Operation cannot be fulfilled on volumesnapshots: the object has been modified; please apply your changes"
        ));
        assert!(is_passing("rpc error: code = DeadlineExceeded desc = context deadline exceeded"));
        assert!(is_passing("rpc error: code = Aborted desc = an operation is in progress"));
    }

    #[test]
    fn a_driver_that_refuses_does_not() {
        for message in [
            "rpc error: code = ResourceExhausted desc = pool full",
            "rpc error: code = Internal desc = boom",
            "Failed to get snapshot class with error volumesnapshotclass not found",
            "",
        ] {
            assert!(!is_passing(message), "{message}");
        }
    }
}
