//! Sizes for people, in binary units.

/// Returns bytes as `512B`, `8.0MiB`, `1.2TiB`.
pub fn human(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    // Only shown: a float's 53 bits are more than the two digits need.
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_one_digit() {
        let table = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1.0KiB"),
            (8_388_608, "8.0MiB"),
            (1_048_575, "1.0MiB"),
            (i64::MAX, "8192.0PiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(human(bytes), text);
        }
    }
}
