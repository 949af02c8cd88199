//! What every command gets.

use jiff::Timestamp;

use crate::{
    apply::unanswered::Run,
    args::ConnectionArgs,
    at_end::AtEnd,
    client::{Cluster, connect},
    error::Result,
    output::Ui,
};

/// What every command gets.
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    /// The flags that say where the cluster is.
    pub connection: ConnectionArgs,
    /// What must be done however the command ends.
    pub at_end: AtEnd,
    /// What must be done, after that, when the user interrupts.
    pub on_interruption: AtEnd,
    /// The mark of this run on what it makes.
    pub run: Run,
}

impl Context {
    /// Connects to the cluster. Nothing is sent yet.
    ///
    /// # Errors
    /// When the flags or the kubeconfig cannot be used.
    pub async fn cluster(&self) -> Result<Cluster> {
        let ui = self.ui.clone();
        connect(&self.connection, std::sync::Arc::new(move |text| ui.warning(text))).await
    }

    /// The time now.
    #[allow(clippy::disallowed_methods, reason = "the edge where the plugin reads the clock")]
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
