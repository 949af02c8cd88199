//! Kubernetes quantities (`1Gi`, `1.5G`, `100m`, `12e6`), compared exactly.

use std::{fmt, str::FromStr};

/// A quantity in billionths: the finest that Kubernetes keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum; the greatest there is when it would be greater.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuantityError {
    /// It is not written as one.
    Syntax(String),
    /// It is greater than can be computed with.
    TooLarge(String),
}

impl fmt::Display for QuantityError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(text) => {
                write!(out, "{text:?} is not a quantity: write a number with a unit, such as 10Gi or 500M")
            }
            Self::TooLarge(text) => write!(out, "{text:?} is too large a quantity"),
        }
    }
}

impl std::error::Error for QuantityError {}

/// Decimal places that are kept.
const PLACES: i32 = 9;

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError::Syntax(text.to_owned());
        let large = || QuantityError::TooLarge(text.to_owned());
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let number_len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(number_len);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(wrong());
        }
        let fraction = fraction.trim_end_matches('0');
        let mut digits: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = i128::from(digit - b'0');
            digits = digits.checked_mul(10).and_then(|digits| digits.checked_add(digit)).ok_or_else(large)?;
        }
        let (factor, exponent) = unit(suffix).ok_or_else(wrong)?;
        let places = i32::try_from(fraction.len()).map_err(|_| large())?;
        let shift = exponent.checked_add(PLACES).and_then(|sum| sum.checked_sub(places)).ok_or_else(large)?;
        let scaled = digits.checked_mul(factor).ok_or_else(large)?;
        let magnitude = shifted(scaled, shift).ok_or_else(large)?;
        Ok(Self(if negative { -magnitude } else { magnitude }))
    }
}

/// Returns the binary factor and the decimal exponent that a suffix stands for.
fn unit(suffix: &str) -> Option<(i128, i32)> {
    let decimal = |exponent: i32| Some((1, exponent));
    let binary = |power: u32| Some((1_i128 << (10 * power), 0));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => decimal(suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
    }
}

/// Returns `value · 10^shift`; what is finer than a billionth is rounded up, as Kubernetes does.
fn shifted(value: i128, shift: i32) -> Option<i128> {
    if value == 0 {
        return Some(0);
    }
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        return value.checked_mul(power?);
    }
    // A power too large to be computed with divides any value to less than one.
    Some(power.map_or(1, |power| value / power + i128::from(value % power != 0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nano(text: &str) -> i128 {
        text.parse::<Quantity>().unwrap().0
    }

    #[test]
    fn every_unit_has_its_value() {
        let unit = 1_000_000_000;
        let table = [
            ("0", 0),
            ("1", unit),
            ("1n", 1),
            ("1u", 1_000),
            ("100m", unit / 10),
            ("1k", 1_000 * unit),
            ("1Ki", 1_024 * unit),
            ("1.5Gi", 1_610_612_736 * unit),
            (".5G", 500_000_000 * unit),
            ("5.", 5 * unit),
            ("1e3", 1_000 * unit),
            ("1E3", 1_000 * unit),
            ("1E", 1_000_000_000_000_000_000 * unit),
            ("1Ei", 1_152_921_504_606_846_976 * unit),
            ("12e-1", unit + unit / 5),
            ("-1Ki", -1_024 * unit),
            ("+2", 2 * unit),
            ("1.0000000001", unit + 1),
            ("1.50000000000000000000000000000000000000000000000", unit + unit / 2),
            ("1e-400", 1),
        ];
        for (text, expected) in table {
            assert_eq!(nano(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in ["", "Gi", ".", "1GB", "1gi", "1 Gi", "1.2.3", "1e", "1e1.5", "--1", "1KI", "0x10", "１"] {
            assert!(matches!(text.parse::<Quantity>(), Err(QuantityError::Syntax(_))), "{text:?}");
        }
        for text in ["1e400", "999999999999999999999999999999999999999Ei"] {
            assert!(matches!(text.parse::<Quantity>(), Err(QuantityError::TooLarge(_))), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whole_bytes_compare_as_numbers(a in 0_u64.., b in 0_u64..) {
            let parse = |n: u64| n.to_string().parse::<Quantity>().unwrap();
            prop_assert_eq!(parse(a).cmp(&parse(b)), a.cmp(&b));
        }

        #[test]
        fn a_greater_unit_is_so_many_lesser_ones(n in 0_u32.., exponent in 0_usize..5) {
            let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
            let decimal = ["k", "M", "G", "T", "P", "E"];
            let value = |n: u64, unit: &str| nano(&format!("{n}{unit}"));
            let n = u64::from(n);
            prop_assert_eq!(value(n, binary[exponent + 1]), value(n * 1024, binary[exponent]));
            prop_assert_eq!(value(n, decimal[exponent + 1]), value(n * 1000, decimal[exponent]));
            prop_assert!(value(n, binary[exponent]) >= value(n, decimal[exponent]));
        }

        #[test]
        fn the_point_may_stand_anywhere(n in 0_u32.., places in 0_u32..9) {
            let scale = 10_u64.pow(places);
            let (whole, fraction) = (u64::from(n) / scale, u64::from(n) % scale);
            let text = format!("{whole}.{fraction:0width$}", width = places as usize);
            prop_assert_eq!(nano(&format!("{text}e{places}")), nano(&n.to_string()));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}|[-+.0-9eEinumkKMGTP]{0,60}") {
            let _ = text.parse::<Quantity>();
        }
    }
}
