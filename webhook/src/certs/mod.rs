//! Where the certificate comes from and how it is kept fresh.

mod bundle;
mod configurations;
mod files;
mod keeper;
mod pace;
mod secret;

#[cfg(test)]
pub use bundle::Bundle;
pub use files::follow as follow_files;
pub use keeper::{Keeper, Settings};
