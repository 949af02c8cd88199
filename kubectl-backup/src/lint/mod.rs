//! Manifests and what the rules find in them, with places in the text.

pub mod check;
pub mod fix;
pub mod input;
pub mod json;
pub mod kustomize;
pub mod live;
pub mod object;
pub mod report;
pub mod sarif;
pub mod source;
pub mod summary;
pub mod text;
pub mod write;
pub mod yaml;
