//! The one door to the terminal: data on stdout, everything else on stderr.

mod escape;
mod objects;
mod progress;
mod prompt;
mod table;
mod ui;

pub use objects::{Changed, print_changed, print_list, print_object};
pub use progress::Progress;
pub use table::{Column, Table};
pub use ui::Ui;
pub mod age;
