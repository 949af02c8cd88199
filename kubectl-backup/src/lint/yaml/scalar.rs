//! What an unquoted word is. kubectl reads YAML 1.1 in the way of go-yaml 2: `on` is true, `010` is eight.

/// A word's meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond the signed ones.
    UInt(u64),
    /// A number.
    Float(f64),
    /// The text itself.
    Text,
}

/// The meaning of a word that is neither quoted nor tagged.
pub fn meaning(word: &str) -> Meaning {
    let first = word.bytes().next();
    match word {
        "" | "~" | "null" | "Null" | "NULL" => return Meaning::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Meaning::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Meaning::Bool(false);
        }
        ".nan" | ".NaN" | ".NAN" => return Meaning::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Meaning::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Meaning::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match first {
        Some(b'.') => float(word).map_or(Meaning::Text, Meaning::Float),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let plain = word.replace('_', "");
            let whole = || Some(int(&plain)?.map_or_else(Meaning::UInt, Meaning::Int));
            whole().or_else(|| float(&plain).map(Meaning::Float)).unwrap_or(Meaning::Text)
        }
        _ => Meaning::Text,
    }
}

/// A whole number in any of Go's notations; `Err` holds one that only fits without a sign.
fn int(text: &str) -> Option<Result<i64, u64>> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (Some('-'), text.get(1..)?),
        b'+' => (Some('+'), text.get(1..)?),
        _ => (None, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        Some("0b") => (2, digits.get(2..)?),
        Some(two) if two.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        Some('-') => 0_i64.checked_sub_unsigned(size).map(Ok),
        Some(_) => i64::try_from(size).ok().map(Ok),
        None => Some(i64::try_from(size).map_err(|_| size)),
    }
}

fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let starts = unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|c: char| c.is_ascii_digit());
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    (starts && plain).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{Meaning::*, *};

    #[test]
    fn words_mean_what_kubectl_takes_them_for() {
        for (word, expected) in [
            ("on", Bool(true)),
            ("No", Bool(false)),
            ("y", Bool(true)),
            ("oN", Text),
            ("~", Null),
            ("", Null),
            ("010", Int(8)),
            ("0o17", Int(15)),
            ("08", Float(8.0)),
            ("0x1F", Int(31)),
            ("-0b11", Int(-3)),
            ("1_000", Int(1000)),
            ("+5", Int(5)),
            ("0", Int(0)),
            ("00", Int(0)),
            ("18446744073709551615", UInt(u64::MAX)),
            ("-9223372036854775808", Int(i64::MIN)),
            ("99999999999999999999", Float(1e20)),
            ("1e3", Float(1000.0)),
            ("1.", Float(1.0)),
            (".5", Float(0.5)),
            (".", Text),
            ("1.2.3", Text),
            ("12:30:45", Text),
            ("2001-01-01", Text),
            ("1Gi", Text),
            ("-", Text),
            ("--1", Text),
            ("0x", Text),
            ("inf", Text),
            ("data", Text),
            ("<<", Text),
        ] {
            assert_eq!(meaning(word), expected, "{word:?}");
        }
    }
}
