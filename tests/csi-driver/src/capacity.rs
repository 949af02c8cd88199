//! Which size a volume gets. Sizes are recorded, not enforced.

use crate::error::Error;
use crate::proto::csi::CapacityRange;

const DEFAULT_BYTES: i64 = 1 << 30;

/// The size of a new volume, given what is asked for and the size of what fills it.
pub(crate) fn choose(range: Option<&CapacityRange>, source_bytes: Option<i64>) -> Result<i64, Error> {
    let (required, limit) = bounds(range)?;
    let Some(source) = source_bytes else {
        return Ok(if required > 0 { required } else { DEFAULT_BYTES.min(limit) });
    };
    if required > 0 && required < source || limit < source {
        let asked = if required > 0 { required } else { limit };
        return Err(Error::OutOfRange(format!(
            "{asked} bytes are asked for, but the source has {source}: ask for at least that"
        )));
    }
    Ok(required.max(source))
}

/// Does an existing volume's size satisfy what is asked for?
pub(crate) fn satisfies(range: Option<&CapacityRange>, bytes: i64) -> Result<bool, Error> {
    let (required, limit) = bounds(range)?;
    Ok(required <= bytes && bytes <= limit)
}

fn bounds(range: Option<&CapacityRange>) -> Result<(i64, i64), Error> {
    let (required, limit) = range.map_or((0, 0), |r| (r.required_bytes, r.limit_bytes));
    if required < 0 || limit < 0 {
        return Err(Error::Invalid(format!("capacity_range {required}..{limit} is negative")));
    }
    let limit = if limit == 0 { i64::MAX } else { limit };
    if limit < required {
        return Err(Error::Invalid(format!("capacity_range: limit_bytes {limit} is under required_bytes {required}")));
    }
    Ok((required, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(required_bytes: i64, limit_bytes: i64) -> CapacityRange {
        CapacityRange { required_bytes, limit_bytes }
    }

    #[test]
    fn size_of_an_empty_volume() {
        assert_eq!(choose(None, None).unwrap(), DEFAULT_BYTES);
        assert_eq!(choose(Some(&range(7, 0)), None).unwrap(), 7);
        assert_eq!(choose(Some(&range(0, 9)), None).unwrap(), 9);
        assert_eq!(choose(Some(&range(7, 9)), None).unwrap(), 7);
    }

    #[test]
    fn size_of_a_filled_volume_is_never_under_its_source() {
        assert_eq!(choose(None, Some(5)).unwrap(), 5);
        assert_eq!(choose(Some(&range(5, 0)), Some(5)).unwrap(), 5);
        assert_eq!(choose(Some(&range(8, 0)), Some(5)).unwrap(), 8);
        assert!(matches!(choose(Some(&range(4, 0)), Some(5)), Err(Error::OutOfRange(_))));
        assert!(matches!(choose(Some(&range(0, 4)), Some(5)), Err(Error::OutOfRange(_))));
    }

    #[test]
    fn impossible_ranges_are_refused() {
        assert!(matches!(choose(Some(&range(-1, 0)), None), Err(Error::Invalid(_))));
        assert!(matches!(choose(Some(&range(9, 8)), None), Err(Error::Invalid(_))));
        assert!(matches!(satisfies(Some(&range(9, 8)), 9), Err(Error::Invalid(_))));
    }

    #[test]
    fn existing_volume_satisfies_a_range_that_holds_its_size() {
        assert!(satisfies(None, 5).unwrap());
        assert!(satisfies(Some(&range(5, 5)), 5).unwrap());
        assert!(!satisfies(Some(&range(6, 0)), 5).unwrap());
        assert!(!satisfies(Some(&range(0, 4)), 5).unwrap());
    }
}
