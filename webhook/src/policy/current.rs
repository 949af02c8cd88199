//! The configuration that requests are answered by.

use std::sync::Arc;

use arc_swap::ArcSwap;
use backup_policy::Config;

/// The configuration in force. A request takes it once and keeps it, so that no answer is made of two.
#[derive(Debug, Clone)]
pub struct Current(Arc<ArcSwap<Config>>);

impl Current {
    /// Begins with this one.
    pub fn new(config: Config) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config)))
    }

    /// The one in force now.
    pub fn load(&self) -> Arc<Config> {
        self.0.load_full()
    }

    /// Puts another in force, and says whether it differs.
    pub fn replace(&self, config: &Config) -> bool {
        let changed = **self.0.load() != *config;
        if changed {
            self.0.store(Arc::new(config.clone()));
        }
        changed
    }
}
