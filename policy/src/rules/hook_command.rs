//! BKP121: what is no JSON list is one word to Velero, blanks included.

use super::{
    Cel, Check, Page, Rule, Violation,
    hook::{cel_is_run, commands},
    volume_list::quoted,
};
use crate::{
    Facts, Fix, Operation, Severity,
    names::{EXEC_HOOKS, INIT_HOOK_COMMAND, INIT_HOOK_IMAGE},
    pod::Pod,
    vap::{CelCheck, Scope, literal, text_of},
};

pub(super) const RULE: Rule = Rule {
    code: "BKP121",
    severity: Severity::Warn,
    title: "A hook's command is a JSON list, or one program without arguments",
    page: Page {
        why: "Velero reads a command that begins with [ as a JSON list of texts. Any other text, and a list that \
              is no JSON, is taken as the name of one program, blanks and all (internal/hook/item_hook_handler.go, \
              parseStringToCommand): no shell cuts it into words. There is no such program, the hook fails, and \
              unless on-error is Continue the pod and its volumes are missing from the backup.",
        bad: include_str!("examples/BKP121.bad.yaml"),
        good: include_str!("examples/BKP121.good.yaml"),
        operation: Operation::Create,
        facts: &[],
        given: Facts::default,
    },
    check: Check::Pod(check),
    cel: Cel::Pod(cel),
};

/// What CEL's regular expressions call blank, and no program's name has in it.
const BLANKS: [char; 5] = [' ', '\t', '\n', '\r', '\u{c}'];
/// A JSON list of texts that is not empty.
const LIST: &str = r#"^\[[ \t\n\r]*(T|null)([ \t\n\r]*,[ \t\n\r]*(T|null))*[ \t\n\r]*\][ \t\n\r]*$"#;
/// A JSON text.
const TEXT: &str = r#""([^"\\\x00-\x1f]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))*""#;

fn check(pod: &Pod<'_>) -> Vec<Violation> {
    let explain = |(name, command): (&'static str, &str)| {
        let wrong = wrong(command)?;
        let path = pod.annotation_path(name);
        // Blanks around a text that is right without them are the only slip with one right answer.
        let trimmed = command.trim_matches(BLANKS);
        let fix = (trimmed != command && self::wrong(trimmed).is_none() && !trimmed.is_empty())
            .then(|| Fix::set(path.clone(), trimmed));
        Some(Violation::at(path, format!("{} {wrong}", quoted(command))).fixed_by(fix))
    };
    commands(pod).filter_map(explain).collect()
}

fn wrong(command: &str) -> Option<&'static str> {
    if !command.starts_with('[') {
        return command.contains(BLANKS).then_some(
            "is one word to Velero, which looks for a program of that whole name; write a JSON list, such as [\"/bin/sh\", \
             \"-c\", \"…\"]",
        );
    }
    match serde_json::from_str::<Vec<Option<String>>>(command) {
        Err(_) => Some(
            "is no JSON list of texts, so that Velero looks for a program of that whole name; put each word in double \
             quotation marks, with commas between them",
        ),
        Ok(words) if words.is_empty() => Some("is an empty list, which Velero cannot run; name a program"),
        Ok(_) => None,
    }
}

fn cel(scope: Scope) -> Vec<CelCheck> {
    let list = literal(&LIST.replace('T', TEXT));
    let check = |name: &'static str, is_run: String| {
        let text = text_of(name);
        let right = format!("({text}.startsWith('[') ? {text}.matches({list}) : !{text}.matches('\\\\s'))");
        let message = "the command is neither a JSON list of texts nor one program without arguments, so that Velero looks \
                       for a program of that whole name; write a JSON list, such as [\"/bin/sh\", \"-c\", \"true\"]";
        CelCheck::new(scope.annotation_path(name), format!("!({is_run}) || {right}"), message)
    };
    let exec = EXEC_HOOKS.into_iter().map(|hook| check(hook.command, cel_is_run(hook)));
    let init = format!("{} != '' && {} != ''", text_of(INIT_HOOK_IMAGE), text_of(INIT_HOOK_COMMAND));
    exec.chain([check(INIT_HOOK_COMMAND, init)]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::volume_list::fixture::said;
    use crate::names::{INIT_HOOK_COMMAND, POST_RESTORE, PRE_BACKUP};

    fn about(command: &str) -> String {
        said(super::check, &[(PRE_BACKUP.command, command)])
    }

    #[test]
    fn a_command_line_and_a_broken_list_are_told() {
        insta::assert_snapshot!(about("/sbin/fsfreeze --freeze /data"), @r#"metadata.annotations[pre.hook.backup.velero.io/command]: "/sbin/fsfreeze --freeze /data" is one word to Velero, which looks for a program of that whole name; write a JSON list, such as ["/bin/sh", "-c", "…"]"#);
        insta::assert_snapshot!(about("['/sbin/fsfreeze', '--freeze']"), @r#"metadata.annotations[pre.hook.backup.velero.io/command]: "['/sbin/fsfreeze', '--freeze']" is no JSON list of texts, so that Velero looks for a program of that whole name; put each word in double quotation marks, with commas between them"#);
        insta::assert_snapshot!(about("[]"), @r#"metadata.annotations[pre.hook.backup.velero.io/command]: "[]" is an empty list, which Velero cannot run; name a program"#);
        assert!(!about(r#"["a", 1]"#).is_empty() && !about(r#"["a"] x"#).is_empty());
        assert!(!said(super::check, &[(POST_RESTORE.command, "ls -l")]).is_empty());
    }

    #[test]
    fn one_program_and_a_list_are_right() {
        for command in ["/bin/freeze", r#"["/bin/sh", "-c", "a b"]"#, "[ \"a\" ]\n", r#"["a", null]"#] {
            assert_eq!(about(command), "");
        }
        assert_eq!(said(super::check, &[(INIT_HOOK_COMMAND, "ls -l")]), "", "no image, no hook");
    }
}
