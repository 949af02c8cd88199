//! The stored ledger: read, made, replaced by compare-and-swap.

use backup_api::ledger::{QuotaLedger, QuotaLedgerSpec, QuotaLedgerStatus, ledger_name};
use backup_ledger::{Copy, LedgerStatus, Phase, Revision, Uid, WriteOutcome};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client, Error,
    api::{DeleteParams, PostParams, Preconditions},
    core::Status,
};
use tokio::time::timeout;

use super::times::REQUEST;

/// The ledger of one quota.
#[derive(Debug, Clone)]
pub struct Store {
    api: Api<QuotaLedger>,
    resource: String,
}

/// The ledger could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The API server did not answer.
    #[error("the API server did not answer in {} s", REQUEST.as_secs())]
    Late,
    /// The API server refused.
    #[error(transparent)]
    Api(#[from] Error),
    /// The object names no revision.
    #[error("the ledger has no uid or no resource version")]
    Nameless,
}

impl Store {
    /// The ledger of a resource.
    pub fn new(client: Client, resource: &str) -> Self {
        Self { api: Api::all(client), resource: resource.to_owned() }
    }

    /// All ledgers, to be watched.
    pub fn api(&self) -> Api<QuotaLedger> {
        self.api.clone()
    }

    /// The ledger's name.
    pub fn name(&self) -> &str {
        ledger_name(&self.resource)
    }

    /// Reads it from the store itself; nothing only when the API server says that exactly this object is not there.
    pub async fn read(&self) -> Result<Option<Copy>, ReadError> {
        // Without a resource version, which is what `get` sends, no cache answers.
        match timeout(REQUEST, self.api.get(self.name())).await.map_err(|_| ReadError::Late)? {
            Ok(ledger) => copy(ledger).map(Some).ok_or(ReadError::Nameless),
            Err(Error::Api(status)) if is_missing(&status, self.name()) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes it, without a status.
    pub async fn create(&self) -> (WriteOutcome, Option<Error>) {
        let ledger = QuotaLedger::new(self.name(), QuotaLedgerSpec { resource: self.resource.clone() });
        outcome(timeout(REQUEST, self.api.create(&PostParams::default(), &ledger)).await.ok())
    }

    /// Replaces its status if this revision is still the current one.
    pub async fn write(
        &self,
        expected: Revision,
        status: LedgerStatus,
        writer: String,
    ) -> (WriteOutcome, Option<Error>) {
        let ledger = QuotaLedger {
            metadata: ObjectMeta {
                name: Some(self.name().to_owned()),
                resource_version: Some(expected.version),
                uid: Some(expected.incarnation.to_string()),
                ..ObjectMeta::default()
            },
            spec: QuotaLedgerSpec { resource: self.resource.clone() },
            status: Some(QuotaLedgerStatus { writer, ..QuotaLedgerStatus::new(status) }),
        };
        outcome(timeout(REQUEST, self.api.replace_status(self.name(), &PostParams::default(), &ledger)).await.ok())
    }

    /// Deletes it; whoever looks for it afterwards finds none, or another one.
    pub async fn delete(&self) -> Result<(), ReadError> {
        match self.read().await? {
            Some(copy) => self.delete_exactly(&copy.revision).await,
            None => Ok(()),
        }
    }

    /// Deletes it if it is ready and says that it became so while API servers asked by something else. Says whether it did.
    pub async fn delete_unless_asked_by(&self, by: &str) -> Result<bool, ReadError> {
        // Whatever is written meanwhile: what a ready ledger says of this does not change.
        match self.read().await? {
            Some(copy) if is_anothers(&copy.status, by) => self.delete_exactly(&copy.revision).await.map(|()| true),
            _ => Ok(false),
        }
    }

    async fn delete_exactly(&self, revision: &Revision) -> Result<(), ReadError> {
        let uid = Some(revision.incarnation.to_string());
        let exactly = DeleteParams {
            preconditions: Some(Preconditions { uid, resource_version: None }),
            ..DeleteParams::default()
        };
        match timeout(REQUEST, self.api.delete(self.name(), &exactly)).await.map_err(|_| ReadError::Late)? {
            Err(Error::Api(status)) if is_missing(&status, self.name()) => Ok(()),
            other => Ok(other.map(drop)?),
        }
    }
}

/// Whether it became ready under another configuration. One that does not say, as where the cluster's QuotaLedger type is too old
/// to keep that, is taken as it is.
fn is_anothers(status: &LedgerStatus, by: &str) -> bool {
    status.phase == Phase::Ready && !status.asked_by.is_empty() && status.asked_by != by
}

/// The revision and status of a ledger.
pub fn copy(ledger: QuotaLedger) -> Option<Copy> {
    let revision = revision(&ledger.metadata)?;
    Some(Copy { revision, status: ledger.status.map(|status| status.ledger).unwrap_or_default() })
}

fn revision(metadata: &ObjectMeta) -> Option<Revision> {
    Some(Revision { incarnation: Uid::new(metadata.uid.as_deref()?), version: metadata.resource_version.clone()? })
}

/// Whether the API server says that this very object is not there, and not that it does not know its resource.
pub fn is_missing(status: &Status, name: &str) -> bool {
    status.code == 404 && status.details.as_ref().is_some_and(|details| details.name == name)
}

fn outcome(answer: Option<kube::Result<QuotaLedger>>) -> (WriteOutcome, Option<Error>) {
    match answer {
        None => (WriteOutcome::Unknown, None),
        Some(Ok(ledger)) => (revision(&ledger.metadata).map_or(WriteOutcome::Unknown, WriteOutcome::Committed), None),
        Some(Err(Error::Api(status))) if status.code == 409 => (WriteOutcome::Conflict, None),
        Some(Err(Error::Api(status))) if matches!(status.code, 403 | 404 | 422) => {
            (WriteOutcome::Conflict, Some(Error::Api(status)))
        }
        Some(Err(error)) => (WriteOutcome::Unknown, Some(error)),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    fn refused(code: u16) -> Option<kube::Result<QuotaLedger>> {
        Some(Err(Error::Api(Box::new(Status { code, ..Status::default() }))))
    }

    #[test]
    fn only_a_clear_refusal_is_a_conflict() {
        for code in [403, 404, 409, 422] {
            assert_eq!(outcome(refused(code)).0, WriteOutcome::Conflict, "{code}");
        }
        for code in [400, 401, 429, 500, 503, 504] {
            assert_eq!(outcome(refused(code)).0, WriteOutcome::Unknown, "{code}");
        }
        assert_eq!(outcome(None).0, WriteOutcome::Unknown);
        let mut ledger = QuotaLedger::new("a", QuotaLedgerSpec::default());
        assert_eq!(outcome(Some(Ok(ledger.clone()))).0, WriteOutcome::Unknown, "it says not what is stored");
        ledger.metadata.uid = Some("u".into());
        ledger.metadata.resource_version = Some("7".into());
        let stored = Revision { incarnation: Uid::new("u"), version: "7".into() };
        assert_eq!(outcome(Some(Ok(ledger))).0, WriteOutcome::Committed(stored));
    }

    #[test]
    fn a_ledger_of_another_configuration_or_of_none_any_more_is_told_apart() {
        let ledger =
            |phase, asked_by: &str| LedgerStatus { phase, asked_by: asked_by.into(), ..LedgerStatus::default() };
        assert!(is_anothers(&ledger(Phase::Ready, "c1"), "c2") && is_anothers(&ledger(Phase::Ready, "c1"), ""));
        assert!(!is_anothers(&ledger(Phase::Ready, "c1"), "c1"));
        assert!(!is_anothers(&ledger(Phase::Ready, ""), "c1"), "it does not say");
        assert!(!is_anothers(&ledger(Phase::Initializing, "c1"), "c2"), "it decides nothing yet");
    }

    #[test]
    fn an_unknown_path_is_no_missing_object() {
        let missing = |code, details: Option<&str>| {
            let details = details.map(|name| StatusDetails {
                name: name.to_owned(),
                group: String::new(),
                kind: String::new(),
                uid: String::new(),
                causes: Vec::new(),
                retry_after_seconds: 0,
            });
            is_missing(&Status { code, details, ..Status::default() }, "a")
        };
        assert!(missing(404, Some("a")));
        assert!(!missing(404, None) && !missing(404, Some("")) && !missing(404, Some("b")) && !missing(410, Some("a")));
    }
}
