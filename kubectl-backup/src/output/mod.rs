//! The one door to the terminal: data on stdout, everything else on stderr.

mod escape;
mod list_writer;
mod objects;
mod progress;
mod prompt;
mod report;
mod table;
mod ui;

pub use escape::visible;
pub use list_writer::ListWriter;
pub use objects::{Changed, print_changed, print_object};
pub use progress::Progress;
pub use report::Report;
pub use table::{Column, Table};
pub use ui::Ui;
pub mod age;
pub mod size;
