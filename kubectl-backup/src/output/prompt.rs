//! Questions. Without a terminal there is nobody to answer: the error names the flag.

use std::io;

use super::Ui;
use crate::error::{CliError, Result};

impl Ui {
    /// Asks a yes-or-no question whose default is no. `flag` is what answers it without asking.
    ///
    /// # Errors
    /// When nobody can answer, or the answer is not yes.
    pub async fn confirm(&self, question: &str, flag: &str) -> Result<()> {
        if !self.can_ask() {
            return Err(CliError::usage(format!("no terminal to ask on: {question}"))
                .hint(format!("Pass {flag} to go ahead without asking.")));
        }
        self.ask(&format!("{question} [y/N] "));
        let failed = |error: &dyn std::fmt::Display| CliError::new(format!("failed to read the answer: {error}"));
        // Beside the runtime: who presses Ctrl-C here must not be waited for.
        let reading = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).map(|_| answer)
        });
        let answer = reading.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            Ok(())
        } else {
            Err(CliError::new("not confirmed; nothing was changed"))
        }
    }
}
