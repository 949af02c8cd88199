//! What an API server's answer means.

use http::StatusCode;
use serde_json::Value;

use super::later;
use crate::history::Outcome;

/// The name under which the quota's webhook is configured.
pub const QUOTA: &str = "quota.kubectl-backup.dev";
/// The name under which the refusing webhook is configured.
pub const OTHER: &str = "refuser.stress.kubectl-backup.dev";

/// Reads an answer to a create or an apply.
pub fn read(status: StatusCode, body: &[u8]) -> Outcome {
    if status == StatusCode::CREATED {
        return Outcome::Created;
    }
    if status.is_success() {
        return Outcome::Updated;
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let (reason, message) = (answer["reason"].as_str().unwrap_or(""), answer["message"].as_str().unwrap_or(""));
    let by = |webhook: &str| message.contains(&format!("admission webhook \"{webhook}\" denied the request"));
    match status.as_u16() {
        409 if reason == "AlreadyExists" => Outcome::AlreadyExists,
        403 if by(QUOTA) => Outcome::Full,
        429 if by(QUOTA) => Outcome::TryAgain(later::read(message)),
        _ if by(OTHER) => Outcome::OtherWebhook,
        _ if message.contains("failed calling webhook") => Outcome::HookFailed,
        code if reason.is_empty() => Outcome::Failed(code.to_string()),
        code => Outcome::Failed(format!("{code} {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, reason: &str, message: &str) -> Outcome {
        let body = serde_json::json!({"reason": reason, "message": message}).to_string();
        read(StatusCode::from_u16(code).expect("a code"), body.as_bytes())
    }

    #[test]
    fn answers_are_told_apart_by_who_gave_them() {
        assert_eq!(answer(201, "", ""), Outcome::Created);
        assert_eq!(answer(200, "", ""), Outcome::Updated);
        assert_eq!(answer(409, "AlreadyExists", "x already exists"), Outcome::AlreadyExists);
        assert_eq!(answer(409, "Conflict", "modified"), Outcome::Failed("409 Conflict".into()));
        let ours = "admission webhook \"quota.kubectl-backup.dev\" denied the request: full";
        assert_eq!(answer(403, "Forbidden", ours), Outcome::Full);
        assert!(matches!(answer(429, "TooManyRequests", ours), Outcome::TryAgain(_)));
        assert_eq!(answer(403, "Forbidden", "RBAC"), Outcome::Failed("403 Forbidden".into()));
        let other = "admission webhook \"refuser.stress.kubectl-backup.dev\" denied the request: no";
        assert_eq!(answer(403, "Forbidden", other), Outcome::OtherWebhook);
        let failed = "Internal error occurred: failed calling webhook \"quota.kubectl-backup.dev\": EOF";
        assert_eq!(answer(500, "InternalError", failed), Outcome::HookFailed);
        assert_eq!(answer(502, "", ""), Outcome::Failed("502".into()));
    }
}
