//! How long a backup is locked.

use std::time::Duration;

use backup_policy::settings;

/// Parses how long a backup is locked, as the plans of a policy say it.
///
/// # Errors
/// When it is no duration in Go's syntax, or shorter than an hour or longer than 200 years.
pub fn parse_lock(text: &str) -> Result<Duration, String> {
    settings::parse_retention(text).map(|seconds| Duration::from_secs(seconds.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_written_as_in_a_plan() {
        assert_eq!(parse_lock("168h"), Ok(Duration::from_secs(168 * 3600)));
        assert_eq!(parse_lock("1h30m"), Ok(Duration::from_secs(5400)));
        insta::assert_snapshot!(parse_lock("7d").unwrap_err(), @r#""7d" is no duration; write hours, minutes and seconds, as in 720h or 1h30m"#);
        insta::assert_snapshot!(parse_lock("30m").unwrap_err(), @"30m must be at least 1h and at most 200 years (1752000h)");
    }
}
