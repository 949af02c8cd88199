//! Durations as kubectl and Velero write them.

use std::time::Duration;

/// Parses `90s`, `5m`, `1h30m`, `30d`, `2w`, or `0`. Days and weeks are ours: Go has none.
///
/// # Errors
/// Says what is wrong with the text when it is not a duration, is negative or too large.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write a number with a unit, such as 30s, 5m, 1h30m or 30d");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0_f64;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let after = &rest[digits..];
        let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let unit = match &after[..unit_len] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return Err(wrong()),
        };
        seconds += number * unit;
        rest = &after[unit_len..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text:?} is too long"))
}

/// Parses `--request-timeout` as kubectl does: a bare number means seconds.
///
/// # Errors
/// When it is not a duration.
pub fn parse_request_timeout(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => parse_duration(text),
    }
}

/// Parses how long something is kept. Velero takes nothing for its own default of 30 days, not for "not at all".
///
/// # Errors
/// When it is not a duration, or less than a second.
pub fn parse_retention(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        none if none.as_secs() == 0 => {
            Err(format!("{text:?} would keep it no time at all, and Velero would take its own default of 30 days"))
        }
        retention => Ok(retention),
    }
}

/// Returns the duration in Go's syntax, as Velero's objects want it: `720h0m0s`.
pub fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}h{}m{}s", seconds / 3600, seconds % 3600 / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_with_units_are_understood() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "5", "-5s", "s", "5x", "1h30", "1e3s", "5 m", ".s", "1..2s"] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains("30s, 5m, 1h30m or 30d"), "{text:?}: {error}");
        }
        assert!(parse_duration("99999999999999999999w").unwrap_err().contains("too long"));
    }

    #[test]
    fn a_bare_request_timeout_is_in_seconds() {
        assert_eq!(parse_request_timeout("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_request_timeout("0"), Ok(Duration::ZERO));
        assert_eq!(parse_request_timeout("1m"), Ok(Duration::from_secs(60)));
        assert!(parse_request_timeout("-5").is_err());
    }

    #[test]
    fn nothing_is_no_retention() {
        for text in ["0", "0s", "0d", "500ms"] {
            assert!(parse_retention(text).unwrap_err().contains("30 days"), "{text:?}");
        }
        assert_eq!(parse_retention("1s"), Ok(Duration::from_secs(1)));
    }

    #[test]
    fn go_durations_are_written_as_velero_stores_them() {
        assert_eq!(go_duration(Duration::from_secs(30 * 86_400)), "720h0m0s");
        assert_eq!(go_duration(Duration::from_secs(3725)), "1h2m5s");
    }
}
