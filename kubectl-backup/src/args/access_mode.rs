//! `--access-mode`, by its long or its short name.

/// Parses an access mode: `ReadWriteOnce` or `RWO`, and so on.
///
/// # Errors
/// Names the modes when it is none of them.
pub fn parse_access_mode(text: &str) -> Result<String, String> {
    const MODES: [(&str, &str); 4] =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let found = MODES.iter().find(|(long, short)| text.eq_ignore_ascii_case(long) || text.eq_ignore_ascii_case(short));
    found.map(|(long, _)| (*long).to_owned()).ok_or_else(|| {
        let all: Vec<String> = MODES.iter().map(|(long, short)| format!("{long} ({short})")).collect();
        format!("{text:?} is no access mode; they are: {}", all.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_are_understood() {
        assert_eq!(parse_access_mode("RWX"), Ok("ReadWriteMany".into()));
        assert_eq!(parse_access_mode("readwriteonce"), Ok("ReadWriteOnce".into()));
        assert!(parse_access_mode("rw").unwrap_err().contains("ReadOnlyMany (ROX)"));
    }
}
