//! The rules. Pure: no clock, no network, no environment.
