//! `kubectl backup explain`

use backup_policy::rules::{self, CATALOGUE, Rule};
use serde_json::Value;

use crate::{
    args::{OutputArgs, OutputFormat},
    context::Context,
    error::{CliError, Result},
    exit::Exit,
    output::print_object,
    plan::{explain, nearest},
};

/// Shown below the help.
const EXAMPLES: &str = "Examples:
  kubectl backup explain
  kubectl backup explain BKP104";

/// Explain the rules for backups: why each is there, what breaks it and what is right
///
/// Without a code, lists all rules with the severities that they have unless a BackupPolicy says otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Codes of rules, as BKP101
    #[arg(value_name = "CODE")]
    codes: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Args {
    /// Runs the command.
    pub fn run(self, context: &Context) -> Result<Exit> {
        let ui = &context.ui;
        let chosen = if self.codes.is_empty() {
            CATALOGUE.to_vec()
        } else {
            self.codes.iter().map(|code| find(code)).collect::<Result<Vec<_>>>()?
        };
        match self.output.format() {
            OutputFormat::Name => ui.data(&chosen.iter().map(|rule| format!("{}\n", rule.code)).collect::<String>())?,
            format @ (OutputFormat::Json | OutputFormat::Yaml | OutputFormat::Template(_)) => {
                let values: Vec<_> = chosen.iter().map(|rule| explain::value(rule)).collect();
                let whole = match (values.as_slice(), self.codes.len()) {
                    ([one], 1) => one.clone(),
                    _ => Value::Array(values),
                };
                print_object(ui, format, &whole)?;
            }
            format @ (OutputFormat::Table | OutputFormat::Wide) if self.codes.is_empty() => {
                ui.data(&explain::table(&chosen).fitting(ui.columns()).render(format == OutputFormat::Wide))?;
                ui.status("See one with: kubectl backup explain CODE");
            }
            OutputFormat::Table | OutputFormat::Wide => {
                let pages: Vec<_> = chosen.iter().map(|rule| explain::page(rule)).collect();
                ui.data(&pages.join("\n"))?;
            }
        }
        Ok(Exit::Done)
    }
}

/// The rule that is meant, in any case, with or without its letters.
fn find(code: &str) -> Result<&'static Rule> {
    let upper = code.to_uppercase();
    let whole = if upper.starts_with("BKP") { upper } else { format!("BKP{upper}") };
    rules::by_code(&whole).ok_or_else(|| {
        let codes: Vec<_> = CATALOGUE.iter().map(|rule| rule.code.to_owned()).collect();
        CliError::new(format!("there is no rule {code:?}"))
            .hint(nearest::hint(&whole, &codes, "rules", "the catalogue"))
            .hint("See all of them with: kubectl backup explain")
    })
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for code in ["BKP101", "bkp101", "101"] {
            assert_eq!(find(code).expect("a rule").code, "BKP101");
        }
        assert!(format!("{:?}", find("BKP1O1").expect_err("none")).contains("Did you mean"));
    }
}
