//! Where the certificate comes from and how it is kept fresh.

mod bundle;
mod configurations;
mod files;
mod keeper;
mod overlap;
mod pace;
mod rotation;
mod secret;
mod terms;
mod x509;

#[cfg(test)]
pub use bundle::Bundle;
pub use configurations::names as configuration_names;
pub use files::follow as follow_files;
pub use keeper::{Keeper, Settings};
pub use terms::{Terms, TermsError};
pub use x509::{Facts, common_name};
