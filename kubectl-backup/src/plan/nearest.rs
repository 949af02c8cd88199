//! "Did you mean": the names that are there, the nearest first.

/// Of so many characters one may differ in a name that is suggested.
const CHARACTERS_PER_SLIP: usize = 3;
/// Names that a hint lists at most.
const NAMED: usize = 10;

/// Returns a hint for a name that does not exist: the nearest one, or those that do exist. `what` is the plural.
pub fn hint(wanted: &str, existing: &[String], what: &str, place: &str) -> String {
    if let Some(nearest) = nearest(wanted, existing) {
        return format!("Did you mean {nearest:?}?");
    }
    if existing.is_empty() {
        return format!("There are no {what} in {place}.");
    }
    let mut text = format!("The {what} in {place} are: {}", existing[..existing.len().min(NAMED)].join(", "));
    if existing.len() > NAMED {
        text.push_str(&format!(" and {} more", existing.len() - NAMED));
    }
    text
}

fn nearest<'a>(wanted: &str, existing: &'a [String]) -> Option<&'a String> {
    let slips = (wanted.len() / CHARACTERS_PER_SLIP).max(1);
    existing
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wanted, name), name))
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let existing = names(&["data-web-1", "data-web-0", "logs"]);
        assert_eq!(hint("dta-web-0", &existing, "PVCs", "namespace \"shop\""), "Did you mean \"data-web-0\"?");
    }

    #[test]
    fn without_a_near_one_all_are_listed() {
        let place = "namespace \"shop\"";
        assert_eq!(hint("xyz", &names(&["a", "b"]), "PVCs", place), "The PVCs in namespace \"shop\" are: a, b");
        assert_eq!(hint("xyz", &[], "PVCs", place), "There are no PVCs in namespace \"shop\".");
        let many: Vec<String> = (0..12).map(|n| format!("{n}")).collect();
        assert!(hint("xyz", &many, "PVCs", place).ends_with("8, 9 and 2 more"));
    }
}
