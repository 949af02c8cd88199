//! What is told of snapshots that were made and deleted again.

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It is gone.
    Gone,
    /// It is still being deleted; why, where that is known.
    Going(String),
    /// It could not be deleted; why.
    Stays(String),
}

/// Returns what to tell, and whether all of them are gone. `remarks` are whole sentences.
pub fn told(ends: &[(String, End)], remarks: &[String], namespace: &str) -> (String, bool) {
    let named = |reason: fn(&End) -> Option<&str>| -> Vec<(&str, &str)> {
        ends.iter().filter_map(|(name, end)| Some((name.as_str(), reason(end)?))).collect()
    };
    let gone = named(|end| matches!(end, End::Gone).then_some(""));
    let going = named(|end| if let End::Going(why) = end { Some(why) } else { None });
    let stays = named(|end| if let End::Stays(why) = end { Some(why) } else { None });
    let mut parts = Vec::new();
    if !gone.is_empty() {
        parts.push(format!("deleted again: {}", reasons(&gone)));
    }
    if !going.is_empty() {
        parts.push(format!(
            "still being deleted: {}; each holds its slot of the quota until it is gone. Look with: kubectl backup snapshot describe {} -n {namespace}",
            reasons(&going),
            names(&going)
        ));
    }
    if !stays.is_empty() {
        parts.push(format!(
            "could not be deleted again: {}. Delete them with: kubectl backup snapshot delete {} -n {namespace}",
            reasons(&stays),
            names(&stays)
        ));
    }
    parts.extend(remarks.iter().cloned());
    let told = parts.into_iter().reduce(|told, part| format!("{told}. {}", sentence(&part)));
    (told.unwrap_or_default(), going.is_empty() && stays.is_empty())
}

fn names(all: &[(&str, &str)]) -> String {
    all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

fn reasons(all: &[(&str, &str)]) -> String {
    let one = |(name, why): &(&str, &str)| if why.is_empty() { (*name).to_owned() } else { format!("{name} ({why})") };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn sentence(part: &str) -> String {
    let mut letters = part.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ends: &[(&str, End)], remarks: &[String]) -> (String, bool) {
        let ends: Vec<(String, End)> = ends.iter().map(|(name, end)| ((*name).to_owned(), end.clone())).collect();
        told(&ends, remarks, "shop")
    }

    #[test]
    fn only_what_is_gone_is_called_deleted() {
        let (all, is_done) = said(&[("a", End::Gone), ("b", End::Gone)], &[]);
        assert!(is_done);
        insta::assert_snapshot!(all, @"deleted again: a, b");
        let ends = [
            ("a", End::Gone),
            ("b", End::Going("held by x/y".into())),
            ("c", End::Going(String::new())),
            ("d", End::Stays("forbidden".into())),
        ];
        let (some, is_done) = said(&ends, &["The storage's copy of snapshot a may stay".into()]);
        assert!(!is_done);
        insta::assert_snapshot!(some, @"deleted again: a. Still being deleted: b (held by x/y), c; each holds its slot of the quota until it is gone. Look with: kubectl backup snapshot describe b c -n shop. Could not be deleted again: d (forbidden). Delete them with: kubectl backup snapshot delete d -n shop. The storage's copy of snapshot a may stay");
        assert!(!said(&ends[1..2], &[]).1);
        assert!(said(&ends[1..2], &[]).0.starts_with("still being deleted: b"));
    }
}
