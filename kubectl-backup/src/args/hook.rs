//! `--pause-hook` and `--resume-hook`: a command in a container.

use std::str::FromStr;

use super::parse_name;

/// A command to run in a container of the pods that mount the volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// The container's name.
    pub container: String,
    /// What the user wrote after it.
    pub text: String,
    /// The program and its arguments.
    pub command: Vec<String>,
}

impl FromStr for Hook {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (container, command) = text
            .split_once(':')
            .ok_or_else(|| format!("{text:?} names no container: write it as 'CONTAINER: COMMAND'"))?;
        let container = parse_name(container.trim())?;
        let command = command.trim();
        let argv = if command.starts_with('[') {
            serde_json::from_str::<Vec<String>>(command)
                .map_err(|error| format!("{command:?} begins like a JSON list of strings, but is none: {error}"))?
        } else if command.is_empty() {
            Vec::new()
        } else {
            ["sh", "-c", command].map(str::to_owned).to_vec()
        };
        if argv.first().is_none_or(String::is_empty) {
            return Err(format!("{text:?} names no command: write it as 'CONTAINER: COMMAND'"));
        }
        Ok(Self { container, text: command.to_owned(), command: argv })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_goes_through_a_shell_and_a_list_does_not() {
        let hook: Hook = "db: fsfreeze -f /data && echo 'a: b'".parse().unwrap();
        assert_eq!((hook.container.as_str(), hook.command.len()), ("db", 3));
        assert_eq!(hook.command[2], "fsfreeze -f /data && echo 'a: b'");
        let hook: Hook = r#"db:["/bin/freeze","--all"]"#.parse().unwrap();
        assert_eq!(hook.command, ["/bin/freeze", "--all"]);
    }

    #[test]
    fn what_names_no_container_or_command_is_refused() {
        for text in ["", "sync", "db:", "db: []", r#"db: [""]"#, "db: [1]", "db: [", ": sync", "a b: sync"] {
            assert!(text.parse::<Hook>().is_err(), "{text:?}");
        }
    }
}
