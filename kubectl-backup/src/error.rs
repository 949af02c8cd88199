//! The one error that commands return: what happened, on which object, and what to do now.

use kube::core::Status;

use crate::{client::DeadlineExceeded, exit::Exit};

/// Result of everything that can fail before a user.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

/// An error as a user reads it: a headline like kubectl's, then hints.
#[derive(Debug)]
pub struct CliError {
    /// `error`, or `Error from server (Reason)`.
    pub prefix: String,
    /// What happened and on which object. May have several lines.
    pub message: String,
    /// What to do now: each a sentence or a command.
    pub hints: Vec<String>,
    /// The code that the program ends with.
    pub exit: Exit,
    /// HTTP status code of the server's refusal, where it was one.
    pub code: Option<u16>,
    /// Reason of the server's refusal, such as `NotFound`.
    pub reason: Option<String>,
}

impl CliError {
    /// Returns an error that arose on this side: `error: MESSAGE`.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            prefix: "error".into(),
            message: message.into(),
            hints: Vec::new(),
            exit: Exit::Error,
            code: None,
            reason: None,
        }
    }

    /// Returns an error about the command line itself.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(message).exit(Exit::Usage)
    }

    /// Returns the error of a wait that took longer than allowed.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(message).exit(Exit::Timeout)
    }

    /// Adds what to do now.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Sets the exit code.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Returns whether the server said that the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code == Some(404)
    }

    /// Returns whether it is not known if the server did what was asked: no answer came, or one from something in between.
    pub fn leaves_open(&self) -> bool {
        self.code.is_none_or(|code| code >= 500)
    }

    /// Returns whether the server said that the user may not do it.
    pub fn is_forbidden(&self) -> bool {
        self.code == Some(403)
    }

    /// Returns whether the server has no such resource type at all: its CRD is not installed.
    pub fn is_missing_resource_type(&self) -> bool {
        self.code == Some(404) && self.message.starts_with("the server doesn't have a resource type")
    }

    /// Turns a client error into words. `doing` completes "failed to …" and names the object, e.g.
    /// `list volumesnapshots in namespace "shop"`.
    pub fn from_kube(error: kube::Error, doing: &str) -> Self {
        match error {
            kube::Error::Api(status) => Self::from_status(&status, doing),
            kube::Error::Service(source) => Self::from_transport(source.as_ref(), doing),
            kube::Error::HyperError(source) => Self::from_transport(&source, doing),
            kube::Error::SerdeError(source) => {
                Self::new(format!("failed to {doing}: the server's answer was not understood: {source}"))
            }
            other => Self::new(format!("failed to {doing}: {other}")),
        }
    }

    fn from_status(status: &Status, doing: &str) -> Self {
        let reason = if status.reason.is_empty() { "Unknown" } else { status.reason.as_str() };
        let mut error = Self::new(status.message.clone());
        error.code = Some(status.code);
        error.reason = Some(reason.to_owned());
        // A 404 without details is about the URL: the resource type is not served.
        let names_object = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
        match status.code {
            404 if !names_object => {
                error.message = format!("the server doesn't have a resource type needed to {doing}");
                error
            }
            401 => {
                error.message = format!("You must be logged in to the server ({})", status.message);
                error
            }
            422 if reason == "Invalid" => {
                error.prefix = String::new();
                error.message = invalid_message(status);
                error
            }
            _ => {
                error.prefix = format!("Error from server ({reason})");
                if error.message.is_empty() {
                    error.message = format!("failed to {doing} (HTTP {})", status.code);
                }
                match webhook_without_answer(&error.message) {
                    Some(hint) => error.hint(hint),
                    None => error,
                }
            }
        }
    }

    fn from_transport(source: &(dyn std::error::Error + 'static), doing: &str) -> Self {
        let mut cause = Some(source);
        let mut last = source.to_string();
        while let Some(error) = cause {
            if let Some(deadline) = error.downcast_ref::<DeadlineExceeded>() {
                return Self::timeout(format!("failed to {doing}: {deadline}"))
                    .hint("The server is slow or cannot be reached; --request-timeout sets how long to wait.");
            }
            if let Some(kube::Error::Api(status)) = error.downcast_ref::<kube::Error>() {
                return Self::from_status(status, doing);
            }
            last = error.to_string();
            cause = error.source();
        }
        let unreachable = last.contains("refused") || last.contains("unreachable") || last.contains("dns error");
        let error = Self::new(format!("failed to {doing}: cannot reach the server: {last}"));
        if unreachable {
            error.hint("Did you specify the right context, host and port? See --context and --server.")
        } else {
            error
        }
    }
}

/// What to do when the server asked a webhook and got no answer. Our own has a place; of others only the name is known.
fn webhook_without_answer(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("failed calling webhook \"")?;
    let (name, _) = rest.split_once('"')?;
    Some(if name.ends_with(".kubectl-backup.dev") {
        "The webhook that keeps the limits and the locks does not answer; until it does, what they guard is refused. \
         See why: kubectl get deployment/backup-webhook -n kubectl-backup-system"
            .to_owned()
    } else {
        format!("The server asked the webhook {name} and got no answer; ask whoever runs it.")
    })
}

/// The lines that kubectl prints for a refusal with causes: one per field.
fn invalid_message(status: &Status) -> String {
    let Some(details) = status.details.as_ref().filter(|details| !details.causes.is_empty()) else {
        return status.message.clone();
    };
    let mut message = format!("The {} \"{}\" is invalid:", details.kind, details.name);
    for cause in &details.causes {
        message.push_str(&format!("\n* {}: {}", cause.field, cause.message));
    }
    message
}

/// Gives a client error its words.
pub trait Doing<T> {
    /// `doing` completes "failed to …" and names the object.
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for Result<T, kube::Error> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| CliError::from_kube(error, &doing()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_without_an_answer_is_named_with_its_place() {
        let hint = |name: &str| {
            let message =
                format!("Internal error occurred: failed calling webhook \"{name}\": failed to call webhook: EOF");
            let status = Status::failure(&message, "InternalError").with_code(500);
            CliError::from_status(&status, "create a snapshot").hints.join(" ")
        };
        let own = hint("quota.kubectl-backup.dev");
        assert!(own.contains("kubectl get deployment/backup-webhook -n kubectl-backup-system"), "{own}");
        assert!(hint("other.example").contains("webhook other.example"));
        let other = Status::failure("admission webhook \"x\" denied the request: no", "Forbidden").with_code(403);
        assert!(CliError::from_status(&other, "create a snapshot").hints.is_empty());
    }
}
