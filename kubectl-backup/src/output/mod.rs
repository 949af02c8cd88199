//! The one door to the terminal: data on stdout, everything else on stderr.

mod aligned;
mod custom_columns;
mod escape;
#[cfg(test)]
mod golden;
mod list_writer;
mod objects;
mod progress;
mod prompt;
mod report;
mod sort;
mod table;
mod template;
mod ui;

pub use escape::visible;
pub use list_writer::{ListWriter, ObjectWriter};
pub use objects::{Changed, print_changed, print_object};
pub use progress::Progress;
pub use report::Report;
pub use sort::{SortBy, SortKey};
pub use table::{Column, Table};
pub use template::Template;
pub use ui::Ui;
pub mod age;
pub mod size;
