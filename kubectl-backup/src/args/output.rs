//! `-o`: how objects are printed.

use std::str::FromStr;

/// An output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    /// A table, or a line per object that was changed.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// JSON as the server keeps it.
    Json,
    /// YAML as the server keeps it.
    Yaml,
    /// `type.group/name` only.
    Name,
}

impl OutputFormat {
    /// Returns whether the format is for people, so that progress and remarks make sense beside it.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }

    /// Returns whether the format shows whole objects.
    pub fn is_structured(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}

impl FromStr for OutputFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "wide" => Ok(Self::Wide),
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            "name" => Ok(Self::Name),
            other => Err(format!(
                "unable to match a printer suitable for the output format {other:?}, allowed formats are: json,name,wide,yaml"
            )),
        }
    }
}

/// The flag.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct OutputArgs {
    /// Output format. One of: (json, yaml, name, wide)
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<OutputFormat>,
}

impl OutputArgs {
    /// The format that was asked for, else a table.
    pub fn format(self) -> OutputFormat {
        self.output.unwrap_or_default()
    }
}
