//! Which namespaces patterns mean. They are resolved here: Velero takes a backup of nothing for a good one, and versions
//! before 1.18 do not resolve them at all.

use glob::Pattern;

use crate::{
    error::{CliError, Result},
    plan::backup::{Scope, is_glob},
};

/// Returns whether the pattern fits the name.
pub fn fits(pattern: &str, name: &str) -> bool {
    Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(name))
}

/// Replaces the patterns of a scope by the namespaces that they fit.
///
/// # Errors
/// When a pattern fits none.
pub fn resolve(scope: Scope, existing: &[String]) -> Result<Scope> {
    let Scope::Namespaces(wanted) = scope else { return Ok(scope) };
    let mut names: Vec<String> = Vec::new();
    let mut idle: Vec<String> = Vec::new();
    for wanted in wanted {
        let found: Vec<String> = if wanted.contains(is_glob) {
            existing.iter().filter(|name| fits(&wanted, name)).cloned().collect()
        } else {
            vec![wanted.clone()]
        };
        if found.is_empty() {
            idle.push(format!("{wanted:?}"));
        }
        found.into_iter().for_each(|name| {
            if !names.contains(&name) {
                names.push(name);
            }
        });
    }
    if idle.is_empty() {
        return Ok(Scope::Namespaces(names));
    }
    Err(CliError::new(format!("no namespace matches {}", idle.join(", ")))
        .hint("See the namespaces with: kubectl get namespaces"))
}

/// Returns whether a scope has patterns that must be resolved.
pub fn has_patterns(scope: &Scope) -> bool {
    matches!(scope, Scope::Namespaces(names) if names.iter().any(|name| name.contains(is_glob)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(wanted: &[&str]) -> String {
        let existing = ["team-a", "team-b", "shop", "default"].map(String::from);
        let scope = Scope::Namespaces(wanted.iter().map(|&name| name.to_owned()).collect());
        match resolve(scope, &existing) {
            Ok(scope) => scope.words(),
            Err(error) => format!("error: {}", error.message),
        }
    }

    #[test]
    fn patterns_become_the_names_that_they_fit() {
        insta::assert_snapshot!(resolved(&["shop", "team-*"]), @r#"namespaces "shop", "team-a", "team-b""#);
        insta::assert_snapshot!(resolved(&["team-[bc]", "s?op", "team-*"]), @r#"namespaces "team-b", "shop", "team-a""#);
        insta::assert_snapshot!(resolved(&["gone"]), @r#"namespace "gone""#);
    }

    #[test]
    fn a_pattern_that_fits_nothing_is_an_error() {
        insta::assert_snapshot!(resolved(&["wild*", "shop", "x?"]), @r#"error: no namespace matches "wild*", "x?""#);
        insta::assert_snapshot!(resolved(&["][*"]), @r#"error: no namespace matches "][*""#);
    }
}
