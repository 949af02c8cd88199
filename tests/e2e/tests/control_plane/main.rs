//! End to end on a control plane: no pods, so volumes are written where the CSI driver keeps them.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod bad_input;
mod c13_restore;
mod c17_list;
mod c1_create;
mod c3_volumes;
mod c4_retention;
mod csi_faults;
mod d2_overlays;
mod h1_create;
mod h2_class;
mod h3_many;
mod h4_devices;
mod h4_restore;
mod h5_clone;
mod h6_groups;
mod h6_other_namespace;
mod h7_formats;
mod h7_manage;
mod h8_prune;
mod h9_left;
mod h9_notes;
mod h9_owners;
mod h9_races;
mod h9_several;
mod h9_volumes;
mod ledger;
mod lost_answers;
mod reach;
mod roles;
mod terminal;
mod undo;
mod w6_lint;
mod w6_preflight;
