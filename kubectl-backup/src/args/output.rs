//! `-o`: how objects are printed.

use std::str::FromStr;

use crate::output::Template;

/// An output format.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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
    /// What the user wrote. It lives as long as the command line that it stands on, so that a format stays a small value.
    Template(&'static Template),
}

impl OutputFormat {
    /// Returns whether the format is for people, so that progress and remarks make sense beside it.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }

    /// Returns whether the format is made from whole objects.
    pub fn is_structured(self) -> bool {
        matches!(self, Self::Json | Self::Yaml | Self::Template(_))
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
            other => match Template::parse(other) {
                Some(template) => template.map(|template| Self::Template(Box::leak(Box::new(template)))),
                None if other.starts_with("go-template") || other.starts_with("template") => {
                    Err("Go templates are not supported: jsonpath=… and custom-columns=… can say the same".to_owned())
                }
                None => Err(unknown(other, &["json", "name", "wide", "yaml"])),
            },
        }
    }
}

fn unknown(format: &str, plain: &[&str]) -> String {
    let mut allowed: Vec<&str> = plain.iter().copied().chain(Template::FORMATS).collect();
    allowed.sort_unstable();
    format!(
        "unable to match a printer suitable for the output format {format:?}, allowed formats are: {}",
        allowed.join(",")
    )
}

/// The flag.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct OutputArgs {
    /// Output format. One of: (json, yaml, name, wide, jsonpath, jsonpath-as-json, jsonpath-file, custom-columns,
    /// custom-columns-file)
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<OutputFormat>,
}

impl OutputArgs {
    /// The format that was asked for, else a table.
    pub fn format(self) -> OutputFormat {
        self.output.unwrap_or_default()
    }
}

/// The flag of commands whose answer is no object of the cluster: it has no name and no wider table.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct ReportOutputArgs {
    /// Output format. One of: (json, yaml, jsonpath, jsonpath-as-json, jsonpath-file)
    #[arg(short, long, value_name = "FORMAT", value_parser = parse_report_format)]
    pub output: Option<OutputFormat>,
}

impl ReportOutputArgs {
    /// The format that was asked for, else text.
    pub fn format(self) -> OutputFormat {
        self.output.unwrap_or_default()
    }
}

fn parse_report_format(text: &str) -> Result<OutputFormat, String> {
    match text.parse() {
        Ok(OutputFormat::Wide | OutputFormat::Name | OutputFormat::Template(Template::Columns(_))) => Err(format!(
            "unable to match a printer suitable for the output format {text:?}, allowed formats are: json,jsonpath,jsonpath-as-json,jsonpath-file,yaml"
        )),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_kubectls() {
        assert_eq!("wide".parse(), Ok(OutputFormat::Wide));
        for template in ["jsonpath={.metadata.name}", "jsonpath-as-json={.a}", "custom-columns=NAME:.metadata.name"] {
            assert!(template.parse::<OutputFormat>().unwrap().is_structured(), "{template}");
        }
        let refused = |text: &str| text.parse::<OutputFormat>().unwrap_err();
        assert!(refused("jsonpath").contains("no template given"));
        assert!(refused("jsonpath={.a").contains("error parsing jsonpath {.a, unclosed action"));
        assert!(refused("custom-columns=NAME").contains("expected <header>:<json-path-expr>"));
        assert!(refused("jsonpath-file=/nonexistent").contains("/nonexistent"));
        assert!(refused("go-template={{.a}}").contains("jsonpath"));
        insta::assert_snapshot!(refused("xml"), @r#"unable to match a printer suitable for the output format "xml", allowed formats are: custom-columns,custom-columns-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,wide,yaml"#);
    }

    #[test]
    fn a_report_has_no_name() {
        for format in ["name", "wide", "custom-columns=A:.a"] {
            assert!(parse_report_format(format).unwrap_err().contains("allowed formats"), "{format}");
        }
        assert_eq!(parse_report_format("json"), Ok(OutputFormat::Json));
    }
}
