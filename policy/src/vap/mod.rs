//! The rules about pods as ValidatingAdmissionPolicies, for clusters that want no webhook for pods.
//!
//! Each rule keeps its condition in CEL beside its check ([`crate::rules::Cel`]); here they are put together. A policy's
//! binding has one action, so that there is one policy for each group of kinds and each severity.

mod check;
mod group;
mod policy;
mod variables;

pub use check::{CelCheck, EXCLUDED, INCLUDED, LISTS, ListVariables, Scope, literal, literals, text_of};
pub use group::Group;
pub use policy::{left_out, objects};
