//! Reads the kubeconfig as kubectl does: one file that is named, or those of `$KUBECONFIG`, or the one of the home
//! folder. An error never quotes a file: its lines hold tokens and keys.

use std::{
    ffi::OsStr,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use kube::config::{Kubeconfig, KubeconfigError};

use crate::error::{CliError, Result};

/// What there is.
pub enum Found {
    /// Files that were read, merged.
    Config(Box<Kubeconfig>),
    /// None of these files exists.
    Nothing(Vec<PathBuf>),
}

/// Where to look.
#[derive(Debug, PartialEq)]
pub enum Files {
    /// `--kubeconfig`: it must exist.
    Named(PathBuf),
    /// Those of them that exist.
    Any(Vec<PathBuf>),
}

impl Files {
    /// Chooses by flag, environment and home folder.
    pub fn of(flag: Option<&Path>, environment: Option<&OsStr>, home: Option<PathBuf>) -> Self {
        if let Some(path) = flag {
            return Self::Named(path.to_owned());
        }
        let listed: Vec<PathBuf> = environment
            .map(|paths| std::env::split_paths(paths).filter(|path| !path.as_os_str().is_empty()).collect())
            .unwrap_or_default();
        match listed.as_slice() {
            [] => Self::Any(home.map(|home| home.join(".kube/config")).into_iter().collect()),
            _ => Self::Any(listed),
        }
    }

    /// Reads and merges: what an earlier file says counts.
    ///
    /// # Errors
    /// When a file cannot be read or understood. A file that is missing is passed over, as kubectl does, unless it was
    /// named with `--kubeconfig`.
    pub fn read(self) -> Result<Found> {
        let (paths, must_exist) = match self {
            Self::Named(path) => (vec![path], true),
            Self::Any(paths) => (paths, false),
        };
        let mut merged: Option<Kubeconfig> = None;
        for path in &paths {
            let config = match Kubeconfig::read_from(path) {
                Ok(config) => config,
                Err(KubeconfigError::ReadConfig(error, _))
                    if !must_exist && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(error) => return Err(unusable(path, &error)),
            };
            merged = Some(match merged {
                None => config,
                Some(earlier) => earlier.merge(config).map_err(|error| unusable(path, &error))?,
            });
        }
        Ok(merged.map_or(Found::Nothing(paths), |config| Found::Config(Box::new(config))))
    }
}

fn unusable(path: &Path, error: &KubeconfigError) -> CliError {
    let file = path.display();
    match error {
        KubeconfigError::ReadConfig(error, _) => {
            CliError::new(format!("the kubeconfig {file} cannot be read: {error}"))
                .hint("Another is named with --kubeconfig or $KUBECONFIG.")
        }
        KubeconfigError::Parse(error) => {
            let error = error.without_snippet();
            let place =
                error.location().map(|at| format!(", line {}, column {}", at.line(), at.column())).unwrap_or_default();
            CliError::new(format!("the kubeconfig {file} is not understood{place}: {}", reason(error)))
                .hint("Its lines are not shown, since they may hold secrets: look into the file.")
        }
        other => CliError::new(format!("the kubeconfig {file} cannot be used: {other}")),
    }
}

/// The reason without any of the file's text: the parser's own messages quote values.
fn reason(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::Error;
    match error {
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            format!("expected {expected}")
        }
        Error::SerdeInvalidLength { expected, .. } => format!("expected {expected}"),
        Error::Unexpected { expected, .. } => format!("expected {expected}"),
        Error::InvalidScalar { ty, .. } => format!("expected {ty}"),
        Error::SerdeMissingField { field, .. } => format!("the field {field:?} is missing"),
        Error::DuplicateMappingKey { .. } => "a key stands there twice".into(),
        Error::Eof { .. } => "the file ends too early".into(),
        Error::AliasError { error, .. } => reason(error),
        _ => "this is no valid YAML of a kubeconfig".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "Zx9QvT0k3nAb7KwPq";

    fn config(context: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {context}\n\
             clusters:\n- name: {context}\n  cluster: {{server: \"https://127.0.0.1:1\"}}\n\
             users:\n- name: {context}\n  user:\n    token: {SECRET}\n    client-key-data: \"{SECRET}\"\n\
             contexts:\n- name: {context}\n  context: {{cluster: {context}, user: {context}}}\n"
        )
    }

    fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn failure(files: Files) -> String {
        match files.read() {
            Err(error) => format!("{}\n{}", error.message, error.hints.join("\n")),
            Ok(_) => panic!("it was read"),
        }
    }

    #[test]
    fn the_flag_counts_before_the_environment_and_that_before_the_home_folder() {
        let home = || Some(PathBuf::from("/home/a"));
        assert_eq!(Files::of(Some(Path::new("f")), Some(OsStr::new("a")), home()), Files::Named("f".into()));
        assert_eq!(Files::of(None, Some(OsStr::new("a::b")), home()), Files::Any(vec!["a".into(), "b".into()]));
        assert_eq!(Files::of(None, Some(OsStr::new("")), home()), Files::Any(vec!["/home/a/.kube/config".into()]));
        assert_eq!(Files::of(None, None, None), Files::Any(Vec::new()));
    }

    #[test]
    fn a_missing_entry_is_passed_over_and_the_first_file_wins() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (file(folder.path(), "one", &config("one")), file(folder.path(), "two", &config("two")));
        let missing = folder.path().join("missing");
        let Ok(Found::Config(merged)) = Files::Any(vec![missing.clone(), one, two]).read() else {
            panic!("it was not read");
        };
        assert_eq!(merged.current_context.as_deref(), Some("one"));
        assert_eq!(merged.contexts.len(), 2);
        assert!(
            matches!(Files::Any(vec![missing.clone()]).read(), Ok(Found::Nothing(looked)) if looked == [missing.clone()])
        );
        assert!(failure(Files::Named(missing)).contains("missing cannot be read"));
    }

    #[test]
    fn a_broken_or_unreadable_entry_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let good = file(folder.path(), "good", &config("one"));
        let broken = file(folder.path(), "broken", "clusters: [\n");
        let text = failure(Files::Any(vec![good.clone(), broken]));
        assert!(text.contains("broken is not understood, line "), "{text}");
        // A folder can be read by nobody as a file, root included.
        let text = failure(Files::Any(vec![good, folder.path().to_owned()]));
        assert!(text.contains("cannot be read"), "{text}");
    }

    /// Whatever breaks the file, wherever: no part of a secret gets out.
    #[test]
    fn a_broken_file_is_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let text = config("one");
        let mut refused = 0;
        for at in 0..text.len() {
            for broken in [
                text[..at].to_owned(),
                format!("{}{{{}", &text[..at], &text[at..]),
                format!("{}\n\t: {}", &text[..at], &text[at..]),
                format!("{}[{SECRET}]: *{SECRET} !!int {}", &text[..at], &text[at..]),
                format!("{}\"{}", &text[..at], &text[at..]),
            ] {
                let Err(error) = Files::Named(file(folder.path(), "config", &broken)).read() else { continue };
                refused += 1;
                let said = format!("{} {}", error.message, error.hints.join(" "));
                let leak = (0..=SECRET.len() - 4).map(|from| &SECRET[from..from + 4]).find(|part| said.contains(part));
                assert_eq!(leak, None, "{said}\n{broken}");
            }
        }
        assert!(refused > 500, "only {refused} of the files were refused");
        // The usual mistake: a list where a text belongs.
        let wrong = text.replace(&format!("token: {SECRET}"), &format!("token: [{SECRET}]"));
        let said = failure(Files::Named(file(folder.path(), "config", &wrong)));
        assert!(said.contains("config is not understood, line ") && !said.contains(SECRET), "{said}");
    }
}
