//! How a list is printed: kubectl's flags of `get`.

use super::{OutputArgs, OutputFormat};
use crate::{
    error::{CliError, Result},
    output::SortBy,
};

/// The flags.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ListOutputArgs {
    #[command(flatten)]
    output: OutputArgs,
    /// Print no headers above tables and custom columns
    #[arg(long)]
    pub no_headers: bool,
    /// Sort by this field of the objects, such as .metadata.creationTimestamp
    #[arg(long, value_name = "JSONPATH")]
    pub sort_by: Option<SortBy>,
    /// Show all labels as the last column
    #[arg(long)]
    pub show_labels: bool,
    /// Labels that are shown as columns; may be repeated
    #[arg(short = 'L', long, value_name = "LABEL", value_delimiter = ',')]
    pub label_columns: Vec<String>,
    /// Keep the managedFields in JSON and YAML
    #[arg(long)]
    pub show_managed_fields: bool,
    /// Names that do not exist are no error
    #[arg(long)]
    pub ignore_not_found: bool,
}

impl ListOutputArgs {
    /// Nothing but a format.
    pub fn of(output: OutputArgs) -> Self {
        Self { output, ..Self::default() }
    }

    /// The format that was asked for, else a table.
    pub fn format(&self) -> OutputFormat {
        self.output.format()
    }

    /// Checks what the parser cannot.
    ///
    /// # Errors
    /// When labels are to be shown where there are no columns.
    pub fn check(&self) -> Result<()> {
        if self.show_labels && !self.format().is_table() {
            return Err(CliError::usage("--show-labels can only be used with tables: leave -o out, or use -o wide"));
        }
        Ok(())
    }

    /// Returns whether the table needs more of each object than its own columns.
    pub fn needs_whole_objects(&self) -> bool {
        self.show_labels || !self.label_columns.is_empty() || self.sort_by.is_some()
    }
}
