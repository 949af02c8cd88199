//! What can go wrong, and the gRPC code that tells the sidecars so.

use std::io;

use tonic::{Code, Status};

use crate::store::Key;

/// Why a call was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The named thing is not here.
    #[error("{0} does not exist")]
    NotFound(Key),
    /// The name is taken by a thing that differs from what was asked for.
    #[error("{key} exists already, {difference}")]
    Exists {
        /// What exists.
        key: Key,
        /// How it differs.
        difference: String,
    },
    /// The size asked for cannot be.
    #[error("{0}")]
    OutOfRange(String),
    /// Another call works on the same thing.
    #[error("{0} is in use by a call that has not ended: try again")]
    Pending(Key),
    /// The snapshot is not ready to be restored.
    #[error("{0} is not ready to use: try again later")]
    NotReady(Key),
    /// The snapshot's record is there, its data are not.
    #[error("{0} has lost its content: it cannot be restored")]
    ContentLost(Key),
    /// A listing's starting token is not one of ours.
    #[error("starting_token {0:?} is not one that this driver gave: list again from the start")]
    BadToken(String),
    /// A fault that a class's parameters ordered.
    #[error("{0}")]
    Ordered(String),
    /// The folder did not do what was asked.
    #[error("{action}: {source}")]
    Io {
        /// What was being done, with the path.
        action: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// An `io::Error` mapper that says what was being done.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action: action.into(), source }
    }

    fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::NotFound(_) => Code::NotFound,
            Self::Exists { .. } => Code::AlreadyExists,
            Self::OutOfRange(_) => Code::OutOfRange,
            Self::Pending(_) | Self::BadToken(_) => Code::Aborted,
            Self::NotReady(_) => Code::Unavailable,
            Self::ContentLost(_) => Code::DataLoss,
            Self::Ordered(_) | Self::Io { .. } => Code::Internal,
        }
    }
}

impl From<&Error> for Status {
    fn from(error: &Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
