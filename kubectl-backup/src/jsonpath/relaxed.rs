//! Paths as `--sort-by` and `custom-columns` take them: with or without dot and braces.

use super::JsonPathError;

/// Returns the template that is meant by `metadata.name`, `.metadata.name`, `{metadata.name}` or `{.metadata.name}`.
///
/// # Errors
/// When it is none of these.
pub fn relaxed(text: &str) -> Result<String, JsonPathError> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let inside = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let path = match inside.strip_prefix('.') {
        // Of a single dot the pattern keeps the dot: it is the path then.
        Some("") => ".",
        Some(path) => path,
        None => inside,
    };
    if path.is_empty() || path.contains(['{', '}']) {
        return Err(JsonPathError::new(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'",
        ));
    }
    Ok(format!("{{.{path}}}"))
}

#[cfg(test)]
mod tests {
    use super::relaxed;

    #[test]
    fn dots_and_braces_may_be_left_out() {
        for text in ["a.b", ".a.b", "{a.b}", "{.a.b}"] {
            assert_eq!(relaxed(text).unwrap(), "{.a.b}");
        }
        assert_eq!(relaxed("").unwrap(), "");
        for text in ["{", "{}", "{a}{b}", "a}", "{{.a}}"] {
            assert!(relaxed(text).is_err(), "{text}");
        }
    }
}
