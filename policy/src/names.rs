//! Annotations and labels that the rules read.

pub use backup_api::labels::{BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES, QUOTA_EXEMPT, VELERO_EXCLUDE};

/// Label that Velero gives whatever it restores.
pub const RESTORE_NAME: &str = "velero.io/restore-name";
/// Whether a request is Velero's own, as an API server finds out (CEL): an account by the name that Velero's installers
/// give it, which has a right that nobody has by having a namespace.
pub const VELERO_ACCOUNT: &str = "request.userInfo.username.matches('^system:serviceaccount:[^:]+:([a-z0-9.-]+-)?velero(-[a-z0-9.-]+)?$') \
    && authorizer.group('kubectl-backup.dev').resource('quotaledgers').check('bypass').allowed()";
/// Whether an account has a name by which [`VELERO_ACCOUNT`] may be true. It proves nothing: anybody may have a namespace, and
/// in it an account of any name.
pub fn may_be_velero(username: &str) -> bool {
    let account = username.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    account.is_some_and(|(_, name)| !name.contains(':') && name.split('-').any(|part| part == "velero"))
}

/// Image of the init container that a restore adds to the pod.
pub const INIT_HOOK_IMAGE: &str = "init.hook.restore.velero.io/container-image";
/// Command of the init container that a restore adds to the pod.
pub const INIT_HOOK_COMMAND: &str = "init.hook.restore.velero.io/command";
/// Name of the init container that a restore adds to the pod.
pub const INIT_HOOK_NAME: &str = "init.hook.restore.velero.io/container-name";
/// Documented by Velero and read by nothing in it, up to at least 1.18.3.
pub const INIT_HOOK_TIMEOUT: &str = "init.hook.restore.velero.io/timeout";
/// Annotation of a backup: the moment before which it must not be deleted (RFC 3339).
pub const LOCKED_UNTIL: &str = "kubectl-backup.dev/locked-until";
/// Annotation of a backup, or of a schedule for its backups: the time from the backup's start on for which it must not be
/// deleted (a Go duration).
pub const LOCK_FOR: &str = "kubectl-backup.dev/lock-for";

/// A command that Velero runs in a container of the pod, by the keys of its annotations.
#[derive(Debug, PartialEq, Eq)]
pub struct ExecHook {
    /// What is run; without it the others mean nothing.
    pub command: &'static str,
    /// Where it is run.
    pub container: &'static str,
    /// What becomes of the backup or the restore when it fails.
    pub on_error: &'static str,
    /// How long it may take, and whatever else is a duration.
    pub durations: &'static [&'static str],
    /// Whether it waits until the container is ready, for hooks that know this.
    pub wait_for_ready: Option<&'static str>,
}

/// Run before the volumes are backed up.
pub const PRE_BACKUP: ExecHook = ExecHook {
    command: "pre.hook.backup.velero.io/command",
    container: "pre.hook.backup.velero.io/container",
    on_error: "pre.hook.backup.velero.io/on-error",
    durations: &["pre.hook.backup.velero.io/timeout"],
    wait_for_ready: None,
};
/// The older spelling of the same, read where there is no command in the newer one.
pub const OLD_PRE_BACKUP: ExecHook = ExecHook {
    command: "hook.backup.velero.io/command",
    container: "hook.backup.velero.io/container",
    on_error: "hook.backup.velero.io/on-error",
    durations: &["hook.backup.velero.io/timeout"],
    wait_for_ready: None,
};
/// Run after the volumes were backed up.
pub const POST_BACKUP: ExecHook = ExecHook {
    command: "post.hook.backup.velero.io/command",
    container: "post.hook.backup.velero.io/container",
    on_error: "post.hook.backup.velero.io/on-error",
    durations: &["post.hook.backup.velero.io/timeout"],
    wait_for_ready: None,
};
/// Run in the restored pod.
pub const POST_RESTORE: ExecHook = ExecHook {
    command: "post.hook.restore.velero.io/command",
    container: "post.hook.restore.velero.io/container",
    on_error: "post.hook.restore.velero.io/on-error",
    durations: &["post.hook.restore.velero.io/exec-timeout", "post.hook.restore.velero.io/wait-timeout"],
    wait_for_ready: Some("post.hook.restore.velero.io/wait-for-ready"),
};
/// Every hook that is a command.
pub const EXEC_HOOKS: [&ExecHook; 4] = [&PRE_BACKUP, &OLD_PRE_BACKUP, &POST_BACKUP, &POST_RESTORE];

impl ExecHook {
    /// The keys that mean something only beside a command.
    pub fn settings(&self) -> impl Iterator<Item = &'static str> {
        [self.container, self.on_error].into_iter().chain(self.durations.iter().copied()).chain(self.wait_for_ready)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.command).chain(self.settings())
    }
}

/// Every annotation of a pod that its author may give Velero.
pub fn for_authors() -> impl Iterator<Item = &'static str> {
    [BACKUP_VOLUMES, BACKUP_VOLUMES_EXCLUDES, INIT_HOOK_IMAGE, INIT_HOOK_COMMAND, INIT_HOOK_NAME, INIT_HOOK_TIMEOUT]
        .into_iter()
        .chain(EXEC_HOOKS.into_iter().flat_map(ExecHook::keys))
}

/// Annotations that Velero's plugins leave on objects.
pub const OF_VELERO: [&str; 2] =
    ["backup.velero.io/must-include-additional-items", "backup.velero.io/skipped-no-csi-pv"];

/// Whether a key looks as though it was meant for Velero's backups or hooks, rightly spelt or not.
#[must_use]
pub fn is_guarded(key: &str) -> bool {
    key.split_once('/').is_some_and(|(prefix, _)| {
        prefix.strip_suffix(".velero.io").is_some_and(|family| family.contains("backup") || family.contains("hook"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_key_and_its_misspellings_are_guarded() {
        assert!(for_authors().chain(OF_VELERO).all(is_guarded));
        for key in ["backups.velero.io/backup-volumes", "pre.hooks.backup.velero.io/command", "hook.velero.io/x"] {
            assert!(is_guarded(key), "{key}");
        }
        for key in ["velero.io/exclude-from-backup", "snapshot.velero.io/data", "backup", "backup.example.org/x"] {
            assert!(!is_guarded(key), "{key}");
        }
    }
}
