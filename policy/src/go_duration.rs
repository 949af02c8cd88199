//! Durations as Go's `time.ParseDuration` reads them: the form of every duration in Velero's objects.

/// Nanoseconds of each unit that Go knows; it knows neither days nor weeks.
const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The nanoseconds of such a text; `None` when Go would refuse it.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after_number) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after_number.find(|at: char| at == '.' || at.is_ascii_digit()).unwrap_or(after_number.len());
        let (unit, after_unit) = after_number.split_at(end);
        let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        if !whole.is_empty() {
            total += whole.parse::<i64>().ok().map(i128::from)?.checked_mul(scale)?;
        }
        total += part(fraction, scale);
        i64::try_from(total).ok()?;
        rest = after_unit;
    }
    i64::try_from(sign * total).ok()
}

/// The whole seconds of such a text.
#[must_use]
pub fn parse_seconds(text: &str) -> Option<i64> {
    parse(text).map(|nanoseconds| nanoseconds / 1_000_000_000)
}

/// Writes seconds as Go does: `720h0m0s`.
#[must_use]
pub fn format_seconds(seconds: i64) -> String {
    let (sign, seconds) = if seconds < 0 { ("-", seconds.unsigned_abs()) } else { ("", seconds.unsigned_abs()) };
    let (hours, minutes, rest) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        _ => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|at: char| !at.is_ascii_digit()).unwrap_or(text.len()))
}

/// The digits after the point, in nanoseconds; beyond the fifteenth they say nothing about a duration.
fn part(fraction: &str, scale: i128) -> i128 {
    let (value, divisor) = fraction
        .bytes()
        .take(15)
        .fold((0_i128, 1_i128), |(value, divisor), digit| (value * 10 + i128::from(digit - b'0'), divisor * 10));
    value * scale / divisor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_go_reads_them() {
        const HOUR: i64 = 3_600_000_000_000;
        for (text, nanoseconds) in [
            ("0", Some(0)),
            ("+0", Some(0)),
            ("720h", Some(720 * HOUR)),
            ("720h0m0s", Some(720 * HOUR)),
            ("1h30m", Some(HOUR + HOUR / 2)),
            ("1.5h", Some(HOUR + HOUR / 2)),
            (".5h", Some(HOUR / 2)),
            ("1.h", Some(HOUR)),
            ("-1h", Some(-HOUR)),
            ("1\u{b5}s", Some(1_000)),
            ("2562047h", Some(2_562_047 * HOUR)),
            ("2562048h", None),
            ("99999999999999999999h", None),
            ("", None),
            ("-", None),
            (".", None),
            (".h", None),
            ("5", None),
            ("1d", None),
            ("30 d", None),
            (" 1h", None),
            ("1h ", None),
            ("1h30", None),
            ("1H", None),
        ] {
            assert_eq!(parse(text), nanoseconds, "{text:?}");
        }
    }

    #[test]
    fn seconds_are_written_as_go_writes_them() {
        let texts = [0, 59, 90, 3600, 720 * 3600, -60].map(format_seconds);
        assert_eq!(texts, ["0s", "59s", "1m30s", "1h0m0s", "720h0m0s", "-1m0s"]);
    }
}
