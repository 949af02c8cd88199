//! A recorded terminal: what a user sees on the screen.

use std::{
    io::{Read as _, Write as _},
    num::NonZero,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};

/// Rows of the screen: more than any command writes in a test.
const ROWS: u16 = 40;
/// How long a text may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal of its own.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn std::io::Write + Send>,
    screen: Arc<(Mutex<Seen>, Condvar)>,
    /// Keeps the terminal open.
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

struct Seen {
    parser: vt100::Parser,
    ended: bool,
}

impl Terminal {
    /// Starts the program with nothing in its environment but these variables.
    pub fn start(program: &Path, args: &[&str], variables: &[(&str, &str)], columns: u16) -> Self {
        let size = PtySize { rows: ROWS, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        // Without it, the home folder would be entered.
        command.cwd("/");
        command.env_clear();
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut output = pair.master.try_clone_reader().expect("the terminal's output");
        let keyboard = pair.master.take_writer().expect("the terminal's input");
        let (rows, columns) = (NonZero::new(ROWS).expect("rows"), NonZero::new(columns).expect("columns"));
        let seen = Seen { parser: vt100::Parser::new(rows, columns, 0), ended: false };
        let screen = Arc::new((Mutex::new(seen), Condvar::new()));
        let shared = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal whose program has ended answers with an error.
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let (seen, changed) = &*shared;
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.parser.process(&buffer[..count]);
                changed.notify_all();
            }
            let (seen, changed) = &*shared;
            seen.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
            changed.notify_all();
        });
        Self { child, keyboard, screen, _master: pair.master }
    }

    /// Waits until the screen is as wanted, and returns it. Panics when that takes too long.
    #[track_caller]
    pub fn wait_until(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.wait(|seen| wanted(&seen.parser.screen().contents()))
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes input");
        self.keyboard.flush().expect("the terminal takes input");
    }

    /// Waits for the program's end; returns its exit code and the last screen.
    #[track_caller]
    pub fn end(mut self) -> (u32, String) {
        let screen = self.wait(|seen| seen.ended);
        let status = self.child.wait().expect("the program ended");
        (status.exit_code(), screen)
    }

    #[track_caller]
    fn wait(&self, wanted: impl Fn(&Seen) -> bool) -> String {
        let (seen, changed) = &*self.screen;
        let deadline = Instant::now() + PATIENCE;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if wanted(&seen) {
                return shown(seen.parser.screen());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !seen.ended && !left.is_zero(),
                "the screen never came to that:\n{}",
                seen.parser.screen().contents()
            );
            seen = changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The screen as text, with `‹colour:…›` around what is coloured or bold.
fn shown(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let mut text = String::new();
    for row in 0..rows.get() {
        let mut open = String::new();
        let mut line = String::new();
        for column in 0..columns.get() {
            let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation()) else { continue };
            let style = style(cell);
            if style != open {
                if !open.is_empty() {
                    line.push('›');
                }
                if !style.is_empty() {
                    line.push_str(&format!("‹{style}:"));
                }
                open = style;
            }
            line.push_str(if cell.has_contents() { cell.contents() } else { " " });
        }
        if !open.is_empty() {
            line.push('›');
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.trim_end().to_owned()
}

fn style(cell: &vt100::Cell) -> String {
    let color = match cell.fgcolor() {
        vt100::Color::Default => "",
        vt100::Color::Idx(1) => "red",
        vt100::Color::Idx(3) => "yellow",
        vt100::Color::Idx(6) => "cyan",
        vt100::Color::Idx(_) | vt100::Color::Rgb(..) => "other",
    };
    match (cell.bold(), color) {
        (true, "") => "bold".to_owned(),
        (true, color) => format!("bold {color}"),
        (false, color) => color.to_owned(),
    }
}
