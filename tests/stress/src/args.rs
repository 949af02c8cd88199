//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// The limit that the webhook has when nobody sets one.
pub const DEFAULT_LIMIT: usize = 10;

/// Load, faults and an oracle for the webhook's quotas, on a cluster of its own
#[derive(Debug, Clone, Parser)]
#[command(name = "stress", bin_name = "cargo xtask stress quota")]
pub struct Args {
    /// What counts: our ledger, or a live list to compare with, which must be seen to admit too many
    #[arg(long, value_enum, default_value_t = Counting::Ledger)]
    pub counter: Counting,

    /// Afterwards the same, with the same faults, for a live list in the ledger's place; and both beside each other
    #[arg(long, conflicts_with = "counter")]
    pub beside_live_list: bool,

    /// Fewer creates and fewer faults: about a minute of load
    #[arg(long)]
    pub quick: bool,

    /// Nothing goes wrong but the refusals of the other webhook
    #[arg(long)]
    pub no_faults: bool,

    /// How many creates at least; 5000, or 1000 with --quick
    #[arg(long)]
    pub creates: Option<u32>,

    /// How many clients create at the same time
    #[arg(long, default_value_t = 120)]
    pub clients: usize,

    /// How many objects may be alive; another number than ten is told to the webhook by a BackupPolicy
    #[arg(long, default_value_t = DEFAULT_LIMIT)]
    pub limit: usize,

    /// How many creates the other webhook refuses, in percent
    #[arg(long, default_value_t = 30)]
    pub refused: u32,

    /// How many API servers
    #[arg(long, default_value_t = 2)]
    pub apiservers: u8,

    /// How many replicas of the webhook
    #[arg(long, default_value_t = 3)]
    pub replicas: u8,

    /// Fixes what the clients ask for
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// The webhook's program
    #[arg(long, value_name = "FILE")]
    pub webhook: PathBuf,

    /// Keep the cluster's logs in this folder
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
}

/// What counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Counting {
    /// Our webhook with its ledger.
    Ledger,
    /// A list at the moment of the create.
    LiveList,
}

impl Args {
    /// How many creates at least.
    pub fn least(&self) -> u32 {
        self.creates.unwrap_or(if self.quick { 1000 } else { 5000 })
    }

    /// How many creates have to be told that the quota is full: as many as there are clients.
    pub fn told_full(&self) -> usize {
        self.clients
    }

    /// How many creates at most, however long the faults take.
    pub fn most(&self) -> u32 {
        self.least().saturating_mul(20)
    }
}
